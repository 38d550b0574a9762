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

    Pair k of a weight lies on plane k of the tile, a crossbar of its own with its own wires and ADCs
    that is read with the same pulses. `significance` gives each plane a factor f_k, low to high; its
    codes are weighted by f_k and added digitally, and low planes are filled first:
    `w = s sum_k f_k (G+_k - G-_k) / sum_k f_k (g_max - g_min)`. Left out, every factor is 1.

    - (C1) `rows` and `cols` are in [1, 16384].
    - (C2) `pairs` is in [1, 8].
    - (C3) `significance`, where given, has one factor per pair, each in [1e-6, 1e6], low to high.

    ```mlir
    #aimc.geometry<rows = 512, cols = 512, pairs = 1, readout = single>
    #aimc.geometry<rows = 256, cols = 256, pairs = 2, readout = single, significance = [1.0, 4.0]>
    ```
  }];
  let parameters = (ins "int64_t":$rows, "int64_t":$cols, "int64_t":$pairs,
                        EnumParameter<AIMC_Readout>:$readout,
                        AIMC_OptionalReals<"one factor per pair, low to high">:$significance);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Whether all pairs count alike.
    bool hasEqualPairs() const;
  }];
}

def AIMC_DeviceAttr : AIMC_Attr<"Device", "device"> {
  let summary = "memory device and its conductance window";
  let description = [{
    A weight w of a column with scale s becomes the pair
    `G+ = g_min + (g_max - g_min) max(w/s, 0)`, `G- = g_min + (g_max - g_min) max(-w/s, 0)`.

    | kind        | device                                         | model, docs/Physics.md section 4        |
    |-------------|------------------------------------------------|-----------------------------------------|
    | `ideal`     | none in particular                             | no noise, no drift                      |
    | `pcm`       | phase-change memory                            | programming, drift, 1/f, read noise at ns |
    | `hermes1`   | PCM of the Hermes chip, one device a polarity  | programming, drift, 1/f                 |
    | `hermes2`   | the same, two devices a polarity               | programming, drift, 1/f                 |
    | `reram_wan` | filamentary ReRAM, 1 s, 1 day or 2 days old    | programming and relaxation together     |
    | `reram_cmo` | ReRAM of conductive metal oxide and HfOx       | programming, relaxation, read noise     |
    | `table`     | yours                                          | a device table, docs/Devices.md         |

    Every kind takes these optional numbers:

    | parameter | neutral | meaning |
    |---|---|---|
    | `programming_noise_scale`, `read_noise_scale`, `drift_scale` | 1 | factors on the programming error, on read noise (1/f too) and on drift exponents; 0 switches one off |
    | `stuck_off`, `stuck_on` | 0 | probability that a device is stuck at g_min, at g_max |
    | `chip_spread`, `tile_spread`, `column_spread`, `device_spread` | 0 | relative standard deviations of conductance, each drawn once from a stream of its own; they multiply |
    | `acceptance_percent` | 2 | kind `reram_cmo`: half width of the programming window, 0.2 or 2 |

    The table of kind `table` is given as `table = {...}`, or as `file = "dev.json"`: the name of a JSON
    file, relative to the target's own file, that is read when the target is put into a module.

    - (C1) `g_max_us` is in [1e-6, 1000] and `g_min_us` is in [0, `g_max_us`).
    - (C2) noise and drift scales are in [0, 100].
    - (C3) an `ideal` device has all three scales at 1, their neutral value.
    - (C4) `stuck_off` and `stuck_on` are in [0, 1], and so is their sum.
    - (C5) spreads are in [0, 1].
    - (C6) `acceptance_percent` is 0.2 or 2, and 2 for other kinds than `reram_cmo`.
    - (C7) kind `table` has either `table` or `file`, the other kinds have neither.
    - (C8) the window lies where its kind is characterised: `hermes1` in [0, 10.35], `hermes2` in
      [0, 20.7], `reram_cmo` in [1, 100]. A table says its own.

    ```mlir
    #aimc.device<pcm, g_min_us = 0.1, g_max_us = 25.0>
    #aimc.device<pcm, g_min_us = 0.1, g_max_us = 25.0, read_noise_scale = 0.0, stuck_off = 0.001>
    #aimc.device<reram_cmo, g_min_us = 9.0, g_max_us = 88.0, acceptance_percent = 0.2>
    #aimc.device<table, g_min_us = 1.0, g_max_us = 50.0, file = "lab/device-7.json">
    ```
  }];
  let parameters = (ins EnumParameter<AIMC_DeviceKind>:$kind,
      AIMC_Real<"smallest conductance, uS">:$g_min_us,
      AIMC_Real<"largest conductance, uS">:$g_max_us,
      AIMC_DefaultReal<"factor on the programming error", "1.0">:$programming_noise_scale,
      AIMC_DefaultReal<"factor on the read noise", "1.0">:$read_noise_scale,
      AIMC_DefaultReal<"factor on drift exponents", "1.0">:$drift_scale,
      AIMC_DefaultReal<"probability of a device stuck at g_min", "0.0">:$stuck_off,
      AIMC_DefaultReal<"probability of a device stuck at g_max", "0.0">:$stuck_on,
      AIMC_DefaultReal<"relative standard deviation from chip to chip", "0.0">:$chip_spread,
      AIMC_DefaultReal<"relative standard deviation from tile to tile", "0.0">:$tile_spread,
      AIMC_DefaultReal<"relative standard deviation from column to column", "0.0">:$column_spread,
      AIMC_DefaultReal<"relative standard deviation from device to device", "0.0">:$device_spread,
      AIMC_DefaultReal<"programming window, percent", "2.0">:$acceptance_percent,
      OptionalParameter<"::mlir::DictionaryAttr", "device table">:$table,
      OptionalParameter<"::mlir::StringAttr", "file of the device table">:$file);
  let assemblyFormat = [{
    `<` $kind `,` struct($g_min_us, $g_max_us, $programming_noise_scale, $read_noise_scale,
                         $drift_scale, $stuck_off, $stuck_on, $chip_spread, $tile_spread,
                         $column_spread, $device_spread, $acceptance_percent, $table, $file) `>`
  }];
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The same device with the table that its file holds.
    DeviceAttr withTable(::mlir::DictionaryAttr table) const;
  }];
}

def AIMC_WireAttr : AIMC_Attr<"Wire", "wire"> {
  let summary = "wire resistance per cell and the state of idle rows";
  let description = [{
    A column is a ladder with `column_ohm` between neighbouring cells and half of it plus `adc_ohm`
    between the last cell and the ADC; a row is one with `row_ohm`, behind `driver_ohm` and half a
    piece. `spread` is the relative standard deviation of each piece, drawn once per chip instance.

    `idle` says what a row does once its pulse has ended: `midrail` keeps both drivers at the rest
    level, so that the network is linear and its attenuation one factor per cell; `open` disconnects
    the row, and the circuit changes with every pulse that ends. `fidelity` says how closely a read
    with open rows follows it:

    | fidelity      | what is computed                                                          |
    |---------------|---------------------------------------------------------------------------|
    | `one_product` | one reference column per input vector, then one matrix product             |
    | `segments`    | a ladder over lumped cells for each distinct pulse length                  |
    | `exact`       | the ladder of all cells for each distinct pulse length                     |

    - (C1) `column_ohm` and `row_ohm` are in [0, 1000].
    - (C2) `driver_ohm` and `adc_ohm` are in [0, 1e6].
    - (C3) `spread` is in [0, 1].
    - (C4) with `idle = open`, `row_ohm` and `driver_ohm` are 0: no model covers row wires whose rows
      disconnect.

    ```mlir
    #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = midrail>
    #aimc.wire<column_ohm = 0.35, row_ohm = 0.35, idle = midrail, driver_ohm = 50.0, adc_ohm = 20.0>
    #aimc.wire<column_ohm = 0.35, row_ohm = 0.0, idle = open, fidelity = segments>
    ```
  }];
  let parameters = (ins AIMC_Real<"column wire between two cells, ohm">:$column_ohm,
                        AIMC_Real<"row wire between two cells, ohm">:$row_ohm,
                        EnumParameter<AIMC_Idle>:$idle,
                        AIMC_DefaultReal<"resistance of a row's driver, ohm", "0.0">:$driver_ohm,
                        AIMC_DefaultReal<"resistance in front of an ADC, ohm", "0.0">:$adc_ohm,
                        AIMC_DefaultReal<"relative standard deviation of a piece", "0.0">:$spread,
                        DefaultValuedParameter<"::mlir::aimc::Fidelity",
                                               "::mlir::aimc::Fidelity::OneProduct">:$fidelity);
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
    - (C2) `v_read_v` is in [1e-6, 1].
    - (C3) `tick_ns` is in [1e-6, 4096].
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

    `gain_spread` and `offset_spread_lsb` are standard deviations from column to column, drawn once
    per chip instance: of the relative gain, and of the offset in LSB. `calibrated` (the default) says
    that a digital affine calibration removes what it can of both. `v_off_v` is the ADC's input level
    minus the rest level of the rows; it draws an offset charge from every column.

    - (C1) an `ideal` ADC has neither `lsb_fc` nor `bits`.
    - (C2) `linear` and `cco` have `lsb_fc` in [1e-9, 1e9].
    - (C3) `linear` and `cco` have `bits`, sign included, in [2, 24].
    - (C4) `gain_spread` is in [0, 1] and `offset_spread_lsb` in [0, 1e6]; an `ideal` ADC has neither.
    - (C5) `v_off_v` is in [-1, 1].

    ```mlir
    #aimc.adc<ideal>
    #aimc.adc<cco, lsb_fc = 16.03, bits = 12>
    #aimc.adc<linear, lsb_fc = 30.0, bits = 10, gain_spread = 0.02, offset_spread_lsb = 0.5>
    ```
  }];
  let parameters = (ins EnumParameter<AIMC_AdcKind>:$kind,
                        AIMC_DefaultReal<"charge of one code, fC", "0.0">:$lsb_fc,
                        DefaultValuedParameter<"int64_t", "0">:$bits,
                        AIMC_DefaultReal<"relative gain, standard deviation", "0.0">:$gain_spread,
                        AIMC_DefaultReal<"offset in LSB, standard deviation", "0.0">
                          :$offset_spread_lsb,
                        AIMC_DefaultBool<"a digital calibration removes the spread", "true">
                          :$calibrated,
                        AIMC_DefaultReal<"input level minus rest level, V", "0.0">:$v_off_v);
  let assemblyFormat = [{
    `<` $kind (`,` struct($lsb_fc, $bits, $gain_spread, $offset_spread_lsb, $calibrated, $v_off_v)^)?
    `>`
  }];
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The largest code, 2^(bits-1) - 1; 0 for an ideal ADC.
    int64_t maxCode() const;
    /// The charge beyond which the code no longer changes; infinite for an ideal ADC.
    double fullScaleFc() const;
  }];
}

def AIMC_PlaceAttr : AIMC_Attr<"Place", "place"> {
  let summary = "where a block sits";
  let description = [{
    `row` and `col` are the block's first row and column inside the tile. Which rows a block takes
    changes the result: cells far from the ADC see more wire.

    - (C1) `chip` and `tile` are at least 0 and below 2^30: random streams name a tile by them, and
      beyond it two tiles would have the same devices.
    - (C2) `row` and `col` are at least 0 and below 16384, the most rows and columns of a tile.

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

def AIMC_CompensateAttr : EnumAttr<AIMC_Dialect, AIMC_Compensate, "compensate"> {
  let summary = "what is done about the wires of a block";
  let description = [{
    | mode             | what is done                                                              |
    |------------------|---------------------------------------------------------------------------|
    | `none`           | nothing                                                                   |
    | `gain`           | one digital factor per column                                              |
    | `weights`        | conductances are pre-distorted so that the folded matrix is the wanted one |
    | `weights_pulses` | `weights`, and with open idle rows pulse lengths are pre-distorted for each input vector |

    Weights keep their values: what is programmed follows from them in closed form.

    ```mlir
    #aimc.compensate<weights>
    ```
  }];
  let assemblyFormat = "`<` $value `>`";
}

#endif // AIMC_IR_AIMCATTRIBUTES_TD
