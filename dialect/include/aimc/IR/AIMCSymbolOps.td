//===- AIMCSymbolOps.td - the hardware and weight table ----*- tablegen -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Symbols: what is built (aimc.target), what is programmed (aimc.weight) and which block of it goes
// where (aimc.tile). They live directly in a module.
//
//===----------------------------------------------------------------------===//

#ifndef AIMC_IR_AIMCSYMBOLOPS_TD
#define AIMC_IR_AIMCSYMBOLOPS_TD

include "aimc/IR/AIMCAttributes.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/SymbolInterfaces.td"

class AIMC_SymbolOp<string mnemonic, list<Trait> traits = []>
    : AIMC_Op<mnemonic, !listconcat([Symbol, HasParent<"::mlir::ModuleOp">], traits)>;

def AIMC_TargetOp : AIMC_SymbolOp<"target", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "a kind of tile that weights can be programmed into";
  let description = [{
    Describes one kind of tile completely: geometry, device, wires, input and output converters. All
    tiles of all chips of a target are alike; `aimc.tile` says which of them hold what. Presets are
    files with nothing but a target in them (`targets/pcm.mlir`).

    With d_i the signed pulse length of row i in ns, a read of column j collects the charge

    `Q_j = v_read_v sum_i d_i T_ij (G+_ij - G-_ij)`   in fC,

    where T_ij in (0, 1] is what the wires leave of cell (i, j). The ADC turns Q_j into a code, and
    code x `lsb_fc` x the column's digital scale is the output.

    The read noise of `pcm` is known for pulses of 1 ns to 4096 ns. A longer pulse counts as one of
    4096 ns there, and whoever puts such a target into a module says so in a warning.

    - (C1) the device can be pulsed as the DAC pulses it: for `pcm`, `tick_ns` is at least 1.
    - (C2) the ADC does not saturate on every possible input: its full scale is at least the charge of
      a single cell at full contrast, pulsed for a single tick,
      `v_read_v x tick_ns x (g_max_us - g_min_us)`.
    - (C3) the ADC does not read zero for every possible input: `lsb_fc` is at most the largest charge
      of a column, `rows x v_read_v x longest pulse x (g_max_us - g_min_us)`.
    - (C4) no two blocks placed on the same tile of the same chip of this target overlap.

    ```mlir
    aimc.target @pcm {
      geometry = #aimc.geometry<rows = 512, cols = 512, pairs = 1, readout = single>,
      device = #aimc.device<pcm, g_min_us = 0.1, g_max_us = 25.0>,
      wire = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = midrail>,
      dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
      adc = #aimc.adc<cco, lsb_fc = 16.03, bits = 12>}
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name,
                       OptionalAttr<StrAttr>:$sym_visibility,
                       AIMC_GeometryAttr:$geometry,
                       AIMC_DeviceAttr:$device,
                       AIMC_WireAttr:$wire,
                       AIMC_DacAttr:$dac,
                       AIMC_AdcAttr:$adc);
  // An attribute dictionary, printed part by part in the order in which a signal meets the parts.
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

def AIMC_WeightOp : AIMC_SymbolOp<"weight"> {
  let summary = "a matrix that stays on tiles";
  let description = [{
    A matrix W of K inputs by N outputs; the type is always K x N. `transposed` says that the stored
    values are N x K, as most front ends keep them; nothing is ever copied to turn them.

    The value is an elements attribute (`dense_resource<...>` for anything large), or
    `#aimc.external<"key">` for a tensor of the package's `weights.safetensors`, or absent for a
    weight whose values are not known yet.

    `activity` is what calibration has learnt about the inputs of this weight: for each of the K
    inputs, how the magnitudes of what arrives there are distributed over 32 equal bins of the DAC's
    range; each row sums up to 1. Like the value it may name a tensor of the package.

    - (C1) the type is a static, non-empty f32 matrix.
    - (C2) an elements value has the stored type: K x N, or N x K with `transposed`.
    - (C3) an elements `activity` is an f32 matrix of K x 32.

    ```mlir
    aimc.weight @query : tensor<384x512xf32> = #aimc.external<"encoder.0.query">
    aimc.weight @bound transposed : tensor<2x3xf32> = dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]>
    aimc.weight @key : tensor<384x512xf32>
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name,
                       OptionalAttr<StrAttr>:$sym_visibility,
                       TypeAttrOf<RankedTensorOf<[F32]>>:$type,
                       OptionalAttr<AnyAttrOf<[ElementsAttrInterface, AIMC_ExternalAttr]>>:$value,
                       UnitAttr:$transposed,
                       OptionalAttr<AnyAttrOf<[ElementsAttrInterface, AIMC_ExternalAttr]>>:$activity);
  let assemblyFormat = [{
    ($sym_visibility^)? $sym_name custom<WeightTypeAndValue>($transposed, $type, $value) attr-dict
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::RankedTensorType getWeightType() {
      return ::llvm::cast<::mlir::RankedTensorType>(getType());
    }
    /// Inputs (K).
    int64_t numRows() { return getWeightType().getDimSize(0); }
    /// Outputs (N).
    int64_t numCols() { return getWeightType().getDimSize(1); }
    /// The type of the stored values: K x N, or N x K where transposed.
    ::mlir::RankedTensorType getStoredType();
  }];
  let builders = [
    OpBuilder<(ins "::llvm::StringRef":$name, "::mlir::RankedTensorType":$type,
                   CArg<"::mlir::Attribute", "{}">:$value, CArg<"bool", "false">:$transposed)>
  ];
}

def AIMC_TileOp : AIMC_SymbolOp<"tile", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "a block of a weight, on a tile";
  let description = [{
    `rows [a, n]` are the n inputs of the weight from a on, `cols [a, n]` the n outputs from a on. The
    block is programmed once for each chip instance; any number of `aimc.mvm` and `aimc.grid` read it.
    Before `aimc-place` there is no place.

    Calibration, scaling and compensation add what they chose for this block: `column_scale` is s_j of
    each column (absent: max abs(w)); weights beyond it saturate. `adc_lsb_fc` replaces the target's
    `lsb_fc` for this block's columns. `compensate` says what is done about the wires.

    - (C1) both ranges are non-empty and inside the weight.
    - (C2) the block fits the target's tile, from its place on where it has one.
    - (C3) the weight and the target are symbols of that kind.
    - (C4) an elements `column_scale` is an f32 vector with one value per column of the block.
    - (C5) `adc_lsb_fc` is in [1e-9, 1e9], and the target's ADC is not `ideal`.

    ```mlir
    aimc.tile @query.r0.c0 of @query rows [0, 384] cols [0, 512] on @pcm
        at #aimc.place<chip = 0, tile = 4, row = 0, col = 0>
        {adc_lsb_fc = 12.5 : f64, column_scale = #aimc.external<"query.r0.c0.scales">,
         compensate = #aimc.compensate<weights>}
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name,
                       OptionalAttr<StrAttr>:$sym_visibility,
                       FlatSymbolRefAttr:$weight,
                       ConfinedAttr<DenseI64ArrayAttr, [DenseArrayCount<2>]>:$rows,
                       ConfinedAttr<DenseI64ArrayAttr, [DenseArrayCount<2>]>:$cols,
                       FlatSymbolRefAttr:$target,
                       OptionalAttr<AIMC_PlaceAttr>:$place,
                       OptionalAttr<AnyAttrOf<[ElementsAttrInterface, AIMC_ExternalAttr]>>
                         :$column_scale,
                       OptionalAttr<F64Attr>:$adc_lsb_fc,
                       OptionalAttr<AIMC_CompensateAttr>:$compensate);
  let assemblyFormat = [{
    ($sym_visibility^)? $sym_name `of` $weight `rows` $rows `cols` $cols `on` $target
    (`at` qualified($place)^)? attr-dict
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    int64_t firstRow() { return getRows()[0]; }
    int64_t numRows() { return getRows()[1]; }
    int64_t firstCol() { return getCols()[0]; }
    int64_t numCols() { return getCols()[1]; }
  }];
  let builders = [
    /// What partitioning knows.
    OpBuilder<(ins "::llvm::StringRef":$name, "::llvm::StringRef":$weight,
                   "::llvm::ArrayRef<int64_t>":$rows, "::llvm::ArrayRef<int64_t>":$cols,
                   "::llvm::StringRef":$target)>
  ];
}

#endif // AIMC_IR_AIMCSYMBOLOPS_TD
