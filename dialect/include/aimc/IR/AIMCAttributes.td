//===- AIMCAttributes.td - attributes of the aimc dialect --*- tablegen -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// What a tile is made of, part by part. Each attribute verifies what can be judged from that part
// alone; what needs two parts is verified by aimc.target.
//
//===----------------------------------------------------------------------===//

#ifndef AIMC_IR_AIMCATTRIBUTES_TD
#define AIMC_IR_AIMCATTRIBUTES_TD

include "aimc/IR/AIMCDialect.td"
include "aimc/IR/AIMCEnums.td"

def AIMC_GeometryAttr : AIMC_Attr<"Geometry", "geometry"> {
  let summary = "size of a tile and where its columns are read";
  let description = [{
    `rows` inputs by `cols` outputs, each weight held by `pairs` pairs of devices. `readout` says at
    which end of a column its ADC sits: `single` at the last row for all columns, `alternating` at
    the first row for odd columns.

    - (C1) `rows` and `cols` are in [1, 16384].
    - (C2) `pairs` is in [1, 8].

    ```mlir
    #aimc.geometry<rows = 512, cols = 512, pairs = 1, readout = single>
    ```
  }];
  let parameters = (ins "int64_t":$rows, "int64_t":$cols, "int64_t":$pairs,
                        EnumParameter<AIMC_Readout>:$readout);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def AIMC_DeviceAttr : AIMC_Attr<"Device", "device"> {
  let summary = "memory device and its conductance window";
  let description = [{
    A weight w of a column with scale s becomes the pair
    `G+ = g_min + (g_max - g_min) max(w/s, 0)`, `G- = g_min + (g_max - g_min) max(-w/s, 0)`.

    | kind    | programming error, standard deviation in uS, r = g / g_max      | read noise            |
    |---------|------------------------------------------------------------------|-----------------------|
    | `ideal` | none                                                             | none                  |
    | `pcm`   | (g_max / 25) (0.26348 + 1.9650 r - 1.1731 r^2)                   | PCM, 1 ns to 4096 ns  |

    `programming_noise_scale` and `read_noise_scale` multiply the two standard deviations; 0 switches
    one off. They mean nothing for an `ideal` device.

    - (C1) 0 <= `g_min_us` < `g_max_us` <= 1000.
    - (C2) noise scales are in [0, 100].
    - (C3) an `ideal` device has both scales at 1, their neutral value.

    ```mlir
    #aimc.device<pcm, g_min_us = 0.1, g_max_us = 25.0>
    #aimc.device<pcm, g_min_us = 0.1, g_max_us = 25.0, read_noise_scale = 0.0>
    ```
  }];
  let parameters = (ins EnumParameter<AIMC_DeviceKind>:$kind,
      AIMC_Real<"smallest conductance, uS">:$g_min_us,
      AIMC_Real<"largest conductance, uS">:$g_max_us,
      AIMC_DefaultReal<"factor on the programming error", "1.0">:$programming_noise_scale,
      AIMC_DefaultReal<"factor on the read noise", "1.0">:$read_noise_scale);
  let assemblyFormat = [{
    `<` $kind `,` struct($g_min_us, $g_max_us, $programming_noise_scale, $read_noise_scale) `>`
  }];
  let genVerifyDecl = 1;
}

def AIMC_WireAttr : AIMC_Attr<"Wire", "wire"> {
  let summary = "wire resistance per cell and the state of idle rows";
  let description = [{
    A column is a ladder with `column_ohm` between neighbouring cells and half of it between the last
    cell and the ADC; a row is one with `row_ohm`. `idle` says what a row does once its pulse has
    ended: `midrail` keeps both drivers at the rest level, so that the network is linear and its
    attenuation is one factor per cell; `open` disconnects the row.

    - (C1) `column_ohm` and `row_ohm` are in [0, 1000].

    ```mlir
    #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = midrail>
    ```
  }];
  let parameters = (ins AIMC_Real<"column wire between two cells, ohm">:$column_ohm,
                        AIMC_Real<"row wire between two cells, ohm">:$row_ohm,
                        EnumParameter<AIMC_Idle>:$idle);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def AIMC_DacAttr : AIMC_Attr<"Dac", "dac"> {
  let summary = "how an input becomes pulses on a row";
  let description = [{
    An input x in [-range, range] becomes the signed code k = round(x / range (2^(bits-1) - 1)), and
    the code becomes time at amplitude `v_read_v`:

    | mode         | passes                                                    | longest pulse, ticks   |
    |--------------|-----------------------------------------------------------|------------------------|
    | `one_pass`   | one pulse of abs(k) ticks                                 | 2^(bits-1) - 1         |
    | `split`      | the `lsb_bits` low bits, then the rest; y = y_l + 2^lsb_bits y_m | 2^max(lsb_bits, bits-1-lsb_bits) - 1 |
    | `bit_serial` | one tick for each of the bits-1 magnitude bits, shift-add | 1                      |

    - (C1) `bits`, sign included, is in [2, 9].
    - (C2) `v_read_v` is in (0, 1].
    - (C3) `tick_ns` is in (0, 4096].
    - (C4) mode `split` has `lsb_bits` in [1, bits - 2], so that both passes hold at least one of the
      bits-1 magnitude bits; the other modes have no `lsb_bits`.

    ```mlir
    #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>
    #aimc.dac<bits = 8, mode = split, v_read_v = 0.2, tick_ns = 1.0, lsb_bits = 3>
    ```
  }];
  let parameters = (ins "int64_t":$bits, EnumParameter<AIMC_DacMode>:$mode,
                        AIMC_Real<"read amplitude, V">:$v_read_v,
                        AIMC_Real<"duration of one tick, ns">:$tick_ns,
                        DefaultValuedParameter<"int64_t", "0">:$lsb_bits);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The largest code, 2^(bits-1) - 1.
    int64_t maxCode() const { return (int64_t(1) << (getBits() - 1)) - 1; }
    /// Ticks of the longest pulse of any pass.
    int64_t maxPulseTicks() const;
  }];
}

def AIMC_AdcAttr : AIMC_Attr<"Adc", "adc"> {
  let summary = "how the charge of a column becomes a number";
  let description = [{
    | kind     | code for a charge Q                                                    |
    |----------|------------------------------------------------------------------------|
    | `ideal`  | Q itself, no rounding, no limit                                        |
    | `linear` | round(Q / `lsb_fc`), saturating at +-(2^(bits-1) - 1)                  |
    | `cco`    | a current-controlled oscillator counts: trunc(Q / `lsb_fc`), saturating at +-(2^(bits-1) - 1) |

    - (C1) an `ideal` ADC has neither `lsb_fc` nor `bits`.
    - (C2) `linear` and `cco` have `lsb_fc` in (0, 1e9].
    - (C3) `linear` and `cco` have `bits`, sign included, in [2, 24].

    ```mlir
    #aimc.adc<ideal>
    #aimc.adc<cco, lsb_fc = 16.03, bits = 12>
    ```
  }];
  let parameters = (ins EnumParameter<AIMC_AdcKind>:$kind,
                        AIMC_DefaultReal<"charge of one code, fC", "0.0">:$lsb_fc,
                        DefaultValuedParameter<"int64_t", "0">:$bits);
  let assemblyFormat = "`<` $kind (`,` struct($lsb_fc, $bits)^)? `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The charge beyond which the code no longer changes; infinite for an ideal ADC.
    double fullScaleFc() const;
  }];
}

def AIMC_PlaceAttr : AIMC_Attr<"Place", "place"> {
  let summary = "where a block sits";
  let description = [{
    `row` and `col` are the block's first row and column inside the tile. Which rows a block takes
    changes the result: cells far from the ADC see more wire.

    - (C1) all four numbers are at least 0 and below 2^31.

    ```mlir
    #aimc.place<chip = 0, tile = 4, row = 0, col = 0>
    ```
  }];
  let parameters = (ins "int64_t":$chip, "int64_t":$tile, "int64_t":$row, "int64_t":$col);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def AIMC_ExternalAttr : AIMC_Attr<"External", "external"> {
  let summary = "a tensor of the package's weights.safetensors";
  let description = [{
    Names the tensor instead of carrying it, so that a module stays small while its weights stay on
    disk.

    - (C1) the key is not empty.

    ```mlir
    #aimc.external<"encoder.0.query">
    ```
  }];
  let parameters = (ins StringRefParameter<"key of the tensor">:$key);
  let assemblyFormat = "`<` $key `>`";
  let genVerifyDecl = 1;
}

#endif // AIMC_IR_AIMCATTRIBUTES_TD
