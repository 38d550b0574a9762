//===- Passes.td - mapping passes of the aimc dialect ------*- tablegen -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The manual of the passes that put weight matrices onto tiles. Each pass states what it accepts
// ("Before") and what it promises ("After"). Their order is decided in Pipelines.cpp only. What a
// pass counted or declined is a remark of category "aimc":
// `aimc-opt --remarks-filter=aimc --remark-policy=all`.
//
//===----------------------------------------------------------------------===//
#ifndef AIMC_TRANSFORMS_PASSES_TD
#define AIMC_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def SetTarget : Pass<"aimc-set-target", "::mlir::ModuleOp"> {
  let summary = "Put the description of a tile into the module";
  let description = [{
    Reads an MLIR file that holds one `aimc.target` and inserts a copy of it at the top of the
    module. `target` is the name of a preset (`pcm` means `pcm.mlir`) or the path of a file.
    Presets are looked for in `targets-dir`, in the environment variable `AIMC_TARGETS_DIR`, then
    in the installed `targets/` folder and in the source tree's.

    Before: any module. After: the module holds exactly the target that was asked for; a target
    of the same name and the same content is left alone, one of other content is an error. A file
    that does not parse or verify is an error that names the file. A device table that the target
    names as a file is read into it; `device` and `fidelity` then replace parts of it. Pulses that
    are longer than the device's noise model covers are a warning.
  }];
  let options = [
    Option<"target", "target", "std::string", "\"pcm\"",
           "Name of a preset, or path of an .mlir file with one aimc.target">,
    Option<"targetsDir", "targets-dir", "std::string", "\"\"",
           "Folder of presets that is looked at first">,
    Option<"device", "device", "std::string", "\"\"",
           "JSON file of a device table (docs/Devices.md) that replaces the target's device">,
    Option<"fidelity", "fidelity", "std::string", "\"\"",
           "How closely reads with open idle rows follow the circuit: exact, segments, one_product">,
  ];
  let dependentDialects = ["::mlir::aimc::AIMCDialect"];
}

def LegalizeLinear : Pass<"aimc-legalize-linear", "::mlir::ModuleOp"> {
  let summary = "Turn products with a constant matrix into aimc.linear";
  let description = [{
    Finds every structured op that multiplies and adds (`linalg.matmul`, `batch_matmul`, `vecmat`,
    `matvec`, `dot`, `contract`, `generic` with such a body, with any `indexing_maps`) and has one
    operand that is constant. The constant is looked for behind transpositions, broadcasts,
    reshapes, casts and constant slices, and in `ml_program.global`s that cannot change. Its matrix
    becomes an `aimc.weight`; the product becomes an `aimc.linear` on rank-2 tensors:

    ```mlir
    %w = arith.constant dense_resource<q> : tensor<768x768xf32>
    %t = linalg.transpose ins(%w : ...) outs(%e : ...) permutation = [1, 0]
    %y = linalg.matmul ins(%x, %t : ...) outs(%init : ...) -> tensor<128x768xf32>
    // becomes
    aimc.weight @q transposed : tensor<768x768xf32> = dense_resource<q>
    %y = aimc.linear @q ins(%x : ...) outs(%init : ...) -> tensor<128x768xf32>
    ```

    A constant that is stored as [N, K] is read in place (`transposed`); it is copied only where no
    order of rows and columns reads it in place (a slice, or a permutation of more than two
    dimensions). The destination's initial value is kept, so a bias in it stays. The weight is
    named after the NameLoc of the product, else of the constant, else `weight_N`.

    Before: tensors (not buffers). After: no product of static f32 tensors with a constant matrix
    is left in a structured op. Everything that is declined stays as it was (it is executed
    digitally) and a remark says why: dynamic shapes, both operands computed at run time, element
    types other than f32, a constant that differs along a batch dimension (one that is equal at
    every position along it is one matrix), a constant that is computed in every run, and a
    look-up. An input selects rows of a table, to which a tile would only add noise, when each of
    its vectors holds zeros and a single one at most, by construction:

    - an index is compared with numbers that all differ, and the truth values become 1 and 0;
    - rows are read from a constant whose rows are one-hot (an identity);
    - conditions that exclude each other lie side by side, such as one and its complement, or an
      integer input of the model and one minus it;
    - any of these masked, transposed, broadcast, reshaped or cut.

    Zeros and ones alone are no look-up: thresholded activations and vectors of several ones sum
    many rows and go onto tiles.
  }];
  let dependentDialects = [
    "::mlir::aimc::AIMCDialect", "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::tensor::TensorDialect"
  ];
}

def Partition : Pass<"aimc-partition", "::mlir::ModuleOp"> {
  let summary = "Cut weights into tile blocks and products into aimc.mvm";
  let description = [{
    Cuts every `aimc.weight` that an `aimc.linear` uses into blocks of at most rows x cols of the
    target's geometry: full blocks first, the remainder last. Block (I, J) becomes
    `aimc.tile @name.rI.cJ`. The product becomes one `aimc.mvm` per block: the input is sliced by
    rows, the destination by columns, and the partial sums of one column block accumulate
    digitally, in the order of the rows, on top of the destination's initial value.

    Before: `aimc.linear`. After: no `aimc.linear`; every element of every used weight is in exactly
    one tile; tiles have no place yet. A weight that has tiles already keeps them.
  }];
  let options = [
    Option<"target", "target", "std::string", "\"\"",
           "Symbol of the aimc.target; may be empty when the module has just one">,
    Option<"targetFile", "target-file", "std::string", "\"pcm\"",
           "Preset or file to insert when the module has no aimc.target">,
  ];
  let dependentDialects = ["::mlir::aimc::AIMCDialect", "::mlir::tensor::TensorDialect"];
}

def Share : Pass<"aimc-share", "::mlir::ModuleOp"> {
  let summary = "Program weights of equal content once";
  let description = [{
    Weights that hold the same matrix, bit for bit, become one symbol; so do their tiles when they
    are cut alike. Weights that name the same resource are equal at once, others are compared by a
    hash and then element by element; `#aimc.external` values are equal when their keys are, and a
    weight without a value equals no other. A matrix stored as [N, K] (`transposed`) equals the same
    matrix stored as [K, N].

    Before: any module; works on `aimc.linear` and, after partitioning, on `aimc.mvm` and
    `aimc.grid`. After: no two weights hold the same matrix; no two tiles hold the same block on the
    same target, except tiles that were given different places (replicas).
  }];
  let dependentDialects = ["::mlir::aimc::AIMCDialect"];
}

def Place : Pass<"aimc-place", "::mlir::ModuleOp"> {
  let summary = "Give every tile symbol a chip, a physical tile and an offset in it";
  let description = [{
    Blocks as large as a physical tile get one of their own. Smaller blocks are packed: largest
    area first, each into the free rectangle that it fills best (two-dimensional packing over
    maximal free rectangles), so that blocks never overlap. Physical tiles are then numbered in the
    order of the first symbol that they hold, hence the result depends on the module's text only.
    With `readout = single` the packing starts at the last row, next to the ADC, where a cell sees
    least wire: on MiniLM that is worth 2 dB per layer against starting at the far end.
    Places that are given already are kept, and the room beside them is used.

    Before: `aimc.tile`, with or without a place. After: every `aimc.tile` has a place and no two
    overlap. Each target has chips of its own.
  }];
  let options = [
    Option<"tilesPerChip", "tiles-per-chip", "int64_t", "0",
           "Number of physical tiles on a chip; 0 means that one chip has as many as needed">,
    Option<"pack", "pack", "bool", "true",
           "Put several small blocks into one physical tile">,
  ];
  let dependentDialects = ["::mlir::aimc::AIMCDialect"];
}

def Group : Pass<"aimc-group", "::mlir::ModuleOp"> {
  let summary = "Join mvm of whole weights that share an input into one aimc.grid";
  let description = [{
    Recognises the mvm, slices and insertions that form the product of one input with one whole
    weight, and replaces them by an `aimc.grid`. Products that read the same tensor (query, key and
    value) become one grid with several weights, where the order of definitions and uses allows
    it: pure producers of destinations (fills) move up, nothing else moves.

    Before: `aimc.mvm` as `aimc-partition` writes them. After: every product of an input with a
    whole weight is an `aimc.grid`; an `aimc.mvm` that is not part of one stays, and a remark says
    why.
  }];
  let options = [
    Option<"maxWeights", "max-weights", "int64_t", "0",
           "Largest number of weights in one grid; 0 means no limit">,
  ];
  let dependentDialects = ["::mlir::aimc::AIMCDialect", "::mlir::tensor::TensorDialect"];
}

def Calibrate : Pass<"aimc-calibrate", "::mlir::ModuleOp"> {
  let summary = "Choose converter ranges from a recorded run";
  let description = [{
    Reads what a session with the option `record` has written (docs/Contracts.md section 7) and writes

    - `activity` of every recorded `aimc.weight`: how the magnitudes of each input are distributed over
      the DAC's range, which open idle rows and compensation need;
    - `input_range` of every recorded `aimc.grid`, by `percentile`: `none` leaves the DAC's full scale
      to each vector's own largest magnitude; a number p from 0.99 to 1 is the magnitude that a share p
      of the inputs stays within; `auto` balances what clipping takes away, estimated from the recorded
      quantiles, against rounding to the DAC's steps;
    - `adc_lsb_fc` of every recorded `aimc.tile`, unless `adc=false`: the full scale at which rounding
      and saturation together are least, with 5% to spare for inputs that were not recorded.

    Ranges of each vector's own measure best where the hardware has them: on MiniLM on `pcm` without
    noise, wires compensated, 20.3 dB in the sentence embedding against 15.6 with percentile 1 and 14.7
    with `auto`; the calibrated ADC alone is worth 2.2 dB.

    Activities are recorded relative to the range in force, so a pass that has changed ranges should be
    followed by a second record and a second pass with `percentile=keep`, as `aimc-compile` does it.
    One weight that several grids read (shared layers) was recorded over all of them together.

    `keep` leaves ranges alone; a grid without one takes that of the recorded run.

    A remark per grid holds the DAC's range, the share of clipped inputs, and the root mean square error
    of a converted input before (full scale at the largest) and after, with the part that clipping
    leaves; one per weight the same of the ADC's worst tile, in parts of the charges' root mean square.
    All is estimated from recorded quantiles, of the body as of the tail.
    Warnings, by the law and the threshold of the runtime (3 effective bits: an error of 1.6% of the
    power): a weight whose ADC throws the signal away by rounding or saturation; input ranges that cut
    too much of the inputs' power off, however few inputs that are; and a grid to which the data gave
    only zeros.

    Before: grids of placed tiles; the statistics are of a package of this module. After: as above;
    what was not recorded is unchanged and named in a remark.
  }];
  let options = [
    Option<"statistics", "statistics", "std::string", "\"\"",
           "Calibration file of a recorded run; without one the pass does nothing">,
    Option<"percentile", "percentile", "std::string", "\"none\"",
           "Input range: none, auto, keep, or a share of inputs from 0.99 to 1">,
    Option<"adc", "adc", "bool", "true", "Choose the ADC's full scale of each tile">,
  ];
  let dependentDialects = ["::mlir::aimc::AIMCDialect"];
}

def Scale : Pass<"aimc-scale", "::mlir::ModuleOp"> {
  let summary = "Choose the weight that the largest conductance stands for, column by column";
  let description = [{
    s_j is the weight that g_max stands for in column j of a block; larger weights are clipped. Noise
    is relative to g_max, so a smaller s_j means less noise and more clipping.

    | rule        | s_j                                                                             |
    |-------------|---------------------------------------------------------------------------------|
    | `max`       | largest abs(w): nothing is clipped; no attribute is written                       |
    | `sigma:<q>` | q sigma + max(q, 1) max(abs(mean) - sigma, 0) of the column, at most its largest abs(w): q standard deviations around zero, the magnitude of a column that hardly varies |
    | `optimal`   | where clipping error and the device's own programming error together are least; `max` for a device without one |

    `auto` is `optimal` where nothing is lost to wires, because they have no resistance or because
    compensation makes up for it (`compensated`), and `max` elsewhere: a smaller s_j means larger
    conductances and so a larger IR-drop, which costs about what the noise saves. MiniLM on `pcm`,
    five chips, calibrated ADCs, signal to noise in dB of hidden states (mean, worst chip) and of the
    sentence embedding (mean):

    | compensation | `max`            | `optimal`        |
    |--------------|------------------|------------------|
    | `none`       | 6.5, 3.8 / 11.7  | 7.5, 5.9 / 11.4  |
    | `gain`       | 7.5, 4.0 / 12.5  | 9.1, 6.7 / 12.9  |
    | `weights`    | 7.5, 4.1 / 12.5  | 9.1, 6.8 / 12.9  |

    A remark per weight holds the share of weights that are clipped, and the error relative to the
    weights before (at `max`) and after. A warning names the weight that `sigma:<q>` takes the most
    power of, where that is more than 3 effective bits allow.

    Before: `aimc.tile` of weights whose values are in the module. After: `column_scale` on every tile
    whose rule asks for one; the others have none.
  }];
  let options = [
    Option<"rule", "rule", "std::string", "\"auto\"", "auto, max, sigma:<q> or optimal">,
    Option<"compensated", "compensated", "bool", "false",
           "Compensation makes up for the wires; for rule auto">,
  ];
  let dependentDialects = ["::mlir::aimc::AIMCDialect"];
}

def Compensate : Pass<"aimc-compensate", "::mlir::ModuleOp"> {
  let summary = "Say what is done about the wires of every block, and what it leaves";
  let description = [{
    Marks every `aimc.tile` with `compensate`. Weights keep their values: the conductances that a
    chip is programmed to follow from them in closed form, by the function that this pass calls too.

    | mode             | midrail                                    | open idle rows                     |
    |------------------|--------------------------------------------|------------------------------------|
    | `gain`           | one digital factor per column              | the same                           |
    | `weights`        | the folded matrix is c_j times the wanted one | its mean over the recorded activity is |
    | `weights+pulses` | as `weights`                               | pulse lengths are pre-distorted too, for each input vector |

    Where `report` is set, each weight's remark holds the relative error of its folded matrix
    before and after, weighted with the power of the inputs, and the smallest column factor c_j: the
    share of the ADC's range that is left to the weakest column. With `idle = open` errors and
    conductances depend on how long rows conduct; a weight without recorded `activity` is a warning,
    and inputs of a third of the DAC's range are assumed. Such errors are those under the rows' mean
    load, as the remark says; each input vector loads its columns in its own way, and what that
    leaves a run with `--compare-ideal` tells.

    Before: placed tiles of weights whose values are in the module; scales are final. After:
    `compensate` on every tile (none for mode `none`).
  }];
  let options = [
    Option<"mode", "mode", "std::string", "\"none\"", "none, gain, weights or weights+pulses">,
    Option<"report", "report", "bool", "true",
           "Compute the errors before and after for the remarks">,
  ];
  let dependentDialects = ["::mlir::aimc::AIMCDialect"];
}

def ExportNoise : Pass<"aimc-export-noise", "::mlir::ModuleOp"> {
  let summary = "Write down on which hardware each layer runs, for training";
  let description = [{
    Writes the noise spec (docs/Contracts.md section 10) that `aimc.torch.convert(spec=...)` and
    `aimc-finetune --spec` read, so that what is trained is what was mapped: targets with their
    device tables, and for each product on tiles, in the module's order, its layer, its weight and
    the name of that in the model's file, input range, activity, and for each block its place, ADC
    step, scales and compensation. A weight that several products read (shared layers) comes once for
    each of them. Targets, blocks and names are those of a package of the same module.

    Tensors (scales, activities) go into the file that is called as `output`, but ends with
    `.safetensors`; without any there is no such file. A file of that name which no spec has left
    there is an error. Weights are not in the spec: the module that is trained has them.

    The layer is the NameLoc of the product, else of its weight, else the weight's symbol; the name
    in the model's file is the weight's `aimc.initializer`, null where it is a part of one or computed.

    Before: every product on tiles is an `aimc.grid`, tiles are placed; scales, ranges and
    compensation are final (`aimc-tune`). After: the module is unchanged.
  }];
  let options = [
    Option<"output", "output", "std::string", "\"\"", "JSON file to write">,
  ];
  let dependentDialects = ["::mlir::aimc::AIMCDialect"];
}

def VerifyMapped : Pass<"aimc-verify-mapped", "::mlir::ModuleOp"> {
  let summary = "Report which multiplications are analog, which digital, and why";
  let description = [{
    Counts the multiply-accumulates (MAC) of every product: `aimc.linear`, `aimc.mvm` and `aimc.grid`
    are analog; structured ops that multiply and add are digital, and the remark says why they are.
    The last remark holds the totals. Changes nothing.

    With `require-analog`, a product with a constant operand that stayed digital is an error, also
    where the constant is computed in every run; look-ups are no such products. The note says why
    `aimc-legalize-linear` left it. With `require-placed`, so is a tile
    without a place (`aimc-place`), and with `require-grouped` an `aimc.linear` or `aimc.mvm` that
    is left (`aimc-partition`, `aimc-group`).
  }];
  let options = [
    Option<"requireAnalog", "require-analog", "bool", "false",
           "Fail when a product with a constant matrix stayed digital">,
    Option<"requirePlaced", "require-placed", "bool", "false",
           "Fail when a tile has no place">,
    Option<"requireGrouped", "require-grouped", "bool", "false",
           "Fail when a product on tiles is not an aimc.grid">,
  ];
}

def ToLinalg : Pass<"aimc-to-linalg", "::mlir::ModuleOp"> {
  let summary = "Replace products on tiles by exact linalg products";
  let description = [{
    The real-valued meaning of `aimc.linear`, `aimc.mvm` and `aimc.grid` in upstream ops: each becomes
    one `linalg.matmul` per weight or block with the weight's elements as a constant, and the symbols
    are erased. A grid multiplies tile by tile in the listed order. No converters, wires or noise: a
    reference to execute a mapped module with stock tools and compare it with its source.

    Before: tensors; every weight that is read has an elements value that is loaded. After: no op of
    the dialect is left.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

#endif // AIMC_TRANSFORMS_PASSES_TD
