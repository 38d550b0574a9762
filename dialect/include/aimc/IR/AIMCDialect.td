//===- AIMCDialect.td - the aimc dialect -------------------*- tablegen -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The dialect itself and the base classes that its attributes and ops share.
//
//===----------------------------------------------------------------------===//

#ifndef AIMC_IR_AIMCDIALECT_TD
#define AIMC_IR_AIMCDIALECT_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/OpBase.td"

def AIMC_Dialect : Dialect {
  let name = "aimc";
  let cppNamespace = "::mlir::aimc";
  let summary = "Products with stationary weights on analog in-memory-computing tiles";
  let description = [{
    A module reads like a table of hardware followed by a program. Symbols describe what is built and
    what is programmed (`aimc.target`, `aimc.weight`, `aimc.tile`); ops with results compute
    (`aimc.linear`, `aimc.mvm`, `aimc.grid`) and refer to those symbols by name. The table is what a
    chip instance is programmed from; the program is what runs on it, any number of times.

    A product with a constant matrix passes through three ops, one for each question answered:

    | op            | what is decided                                   | produced by         |
    |---------------|---------------------------------------------------|---------------------|
    | `aimc.linear` | this product has a stationary weight              | `aimc-legalize-linear` |
    | `aimc.mvm`    | which block of the weight is on which tile        | `aimc-partition`    |
    | `aimc.grid`   | which tiles are read together, in one runtime call | `aimc-group`       |

    **Units.** Every physical attribute carries its unit in its name: conductance `_us` (uS),
    voltage `_v` (V), time `_ns` (ns), charge `_fc` (fC), resistance `_ohm`. uS x V x ns = fC.

    **Reads are draws.** A tile read contains fresh noise, so two equal reads have different results.
    Compute ops on tensors therefore report an *allocation* of their results on the resource
    `aimc.read_noise`: they may be removed when no result is used, but equal ones are never merged and
    a loop-invariant one is never hoisted. On buffers they read the input and read and write the
    destination.

    **Constraints** are numbered C1, C2, ... in each description. Verifiers refuse a violation with
    one diagnostic, tests are named after the number.
  }];
  let useDefaultAttributePrinterParser = 1;
  // Tiling makes slices of tensors and views of buffers.
  let dependentDialects = ["::mlir::tensor::TensorDialect", "::mlir::memref::MemRefDialect"];
}

class AIMC_Op<string mnemonic, list<Trait> traits = []> : Op<AIMC_Dialect, mnemonic, traits>;

class AIMC_Attr<string name, string attrMnemonic, list<Trait> traits = []>
    : AttrDef<AIMC_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

/// A physical quantity: a finite double that prints as its shortest decimal form. An integer
/// literal is accepted too, since `g_min_us = 0` is what people write.
class AIMC_Real<string desc> : AttrParameter<"::mlir::aimc::Real", desc> {
  let cppAccessorType = "double";
  let printer = "$_printer << ::mlir::aimc::formatReal($_self)";
}

class AIMC_DefaultReal<string desc, string value> : AIMC_Real<desc> {
  let defaultValue = "::mlir::aimc::Real(" # value # ")";
}

/// `true` or `false`; not printed where it is the default.
class AIMC_DefaultBool<string desc, string value> : AttrParameter<"bool", desc> {
  let defaultValue = value;
  let parser = "::mlir::aimc::parseBool($_parser)";
  let printer = "$_printer << ($_self ? \"true\" : \"false\")";
}

/// A list of quantities, `[1.0, 4.0]`; empty where it is not given.
class AIMC_OptionalReals<string desc>
    : OptionalArrayRefParameter<"::mlir::aimc::Real", desc> {
  let parser = "::mlir::aimc::parseReals($_parser)";
  let printer = "::mlir::aimc::printReals($_printer, $_self)";
}

#endif // AIMC_IR_AIMCDIALECT_TD
