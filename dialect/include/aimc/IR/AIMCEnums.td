//===- AIMCEnums.td - enumerations of the aimc dialect -----*- tablegen -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The choices that a target makes. A kind is listed here only once the runtime can execute it or
// refuses it by name.
//
//===----------------------------------------------------------------------===//

#ifndef AIMC_IR_AIMCENUMS_TD
#define AIMC_IR_AIMCENUMS_TD

include "aimc/IR/AIMCDialect.td"
include "mlir/IR/EnumAttr.td"

class AIMC_Enum<string name, string summary, list<I32EnumAttrCase> cases>
    : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::mlir::aimc";
  let genSpecializedAttr = 0;
  // The parser that is generated beside this one names the C++ class in its error text.
  let parameterParser = "::mlir::FieldParser<" # cppNamespace # "::" # name # ">::parse($_parser)";
}

def AIMC_DeviceKind : AIMC_Enum<"DeviceKind", "device kind", [
  I32EnumAttrCase<"Ideal", 0, "ideal">,
  I32EnumAttrCase<"PCM", 1, "pcm">,
  I32EnumAttrCase<"Hermes1", 2, "hermes1">,
  I32EnumAttrCase<"Hermes2", 3, "hermes2">,
  I32EnumAttrCase<"ReramWan", 4, "reram_wan">,
  I32EnumAttrCase<"ReramCmo", 5, "reram_cmo">,
  I32EnumAttrCase<"Table", 6, "table">,
]>;

def AIMC_Readout : AIMC_Enum<"Readout", "read-out side", [
  I32EnumAttrCase<"Single", 0, "single">,
  I32EnumAttrCase<"Alternating", 1, "alternating">,
]>;

def AIMC_Idle : AIMC_Enum<"Idle", "idle row state", [
  I32EnumAttrCase<"Midrail", 0, "midrail">,
  I32EnumAttrCase<"Open", 1, "open">,
]>;

def AIMC_Fidelity : AIMC_Enum<"Fidelity", "fidelity of a read with open idle rows", [
  I32EnumAttrCase<"OneProduct", 0, "one_product">,
  I32EnumAttrCase<"Segments", 1, "segments">,
  I32EnumAttrCase<"Exact", 2, "exact">,
]>;

def AIMC_DacMode : AIMC_Enum<"DacMode", "DAC mode", [
  I32EnumAttrCase<"OnePass", 0, "one_pass">,
  I32EnumAttrCase<"Split", 1, "split">,
  I32EnumAttrCase<"BitSerial", 2, "bit_serial">,
]>;

def AIMC_AdcKind : AIMC_Enum<"AdcKind", "ADC kind", [
  I32EnumAttrCase<"Ideal", 0, "ideal">,
  I32EnumAttrCase<"Linear", 1, "linear">,
  I32EnumAttrCase<"CCO", 2, "cco">,
]>;

def AIMC_Compensate : AIMC_Enum<"Compensate", "compensation of wire resistance", [
  I32EnumAttrCase<"None", 0, "none">,
  I32EnumAttrCase<"Gain", 1, "gain">,
  I32EnumAttrCase<"Weights", 2, "weights">,
  I32EnumAttrCase<"WeightsPulses", 3, "weights_pulses">,
]>;

#endif // AIMC_IR_AIMCENUMS_TD
