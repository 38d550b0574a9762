// RUN: aimc-opt --split-input-file --verify-diagnostics %s

// Each constraint of aimc.tile, and C4 of aimc.target, by its number in AIMCSymbolOps.td. Tiles are
// 8 x 6 in this file.

// tile C1: an empty range
aimc.weight @w : tensor<8x6xf32>
// expected-error @below {{expected `rows` [first, count] with first >= 0 and count >= 1, but got [0, 0]}}
aimc.tile @a of @w rows [0, 0] cols [0, 6] on @t

// -----

// tile C1: a range from before the first column
aimc.weight @w : tensor<8x6xf32>
// expected-error @below {{expected `cols` [first, count] with first >= 0 and count >= 1, but got [-1, 6]}}
aimc.tile @a of @w rows [0, 8] cols [-1, 6] on @t

// -----

// tile C1: a range needs two numbers
aimc.weight @w : tensor<8x6xf32>
// expected-error @below {{attribute 'rows' failed to satisfy constraint: i64 dense array attribute with exactly 2 elements}}
aimc.tile @a of @w rows [8] cols [0, 6] on @t

// -----

// tile C1: rows end behind the weight
aimc.target @t {
  geometry = #aimc.geometry<rows = 8, cols = 6, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
// expected-note @below {{@w is declared here}}
aimc.weight @w : tensor<8x6xf32>
// expected-error @below {{expected `rows` inside the 8 rows of @w, but got [1, 8], which ends at 9}}
aimc.tile @a of @w rows [1, 8] cols [0, 6] on @t

// -----

// tile C1: columns end behind the weight; of a transposed weight, too, N is the second dimension
aimc.target @t {
  geometry = #aimc.geometry<rows = 8, cols = 6, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
// expected-note @below {{@w is declared here}}
aimc.weight @w transposed : tensor<8x6xf32> = dense<1.0>
// expected-error @below {{expected `cols` inside the 6 cols of @w, but got [5, 2], which ends at 7}}
aimc.tile @a of @w rows [0, 8] cols [5, 2] on @t

// -----

// tile C2: larger than a tile, wherever it is placed
// expected-note @below {{@t is declared here}}
aimc.target @t {
  geometry = #aimc.geometry<rows = 8, cols = 6, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @w : tensor<9x6xf32>
// expected-error @below {{expected a block inside the 8 rows of a tile of @t, but got 9 rows from 0 on}}
aimc.tile @a of @w rows [0, 9] cols [0, 6] on @t

// -----

// tile C2: from its place on
// expected-note @below {{@t is declared here}}
aimc.target @t {
  geometry = #aimc.geometry<rows = 8, cols = 6, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @w : tensor<8x6xf32>
// expected-error @below {{expected a block inside the 6 columns of a tile of @t, but got 4 columns from 3 on}}
aimc.tile @a of @w rows [0, 8] cols [0, 4] on @t at #aimc.place<chip = 0, tile = 0, row = 0, col = 3>

// -----

// tile C3
aimc.target @t {
  geometry = #aimc.geometry<rows = 8, cols = 6, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
// expected-error @below {{expected an aimc.weight, but got @t, which is none}}
aimc.tile @a of @t rows [0, 8] cols [0, 4] on @t

// -----

// tile C3
aimc.weight @w : tensor<8x6xf32>
// expected-error @below {{expected an aimc.target, but got @missing, which is none}}
aimc.tile @a of @w rows [0, 8] cols [0, 4] on @missing

// -----

// tile C4: one scale per column of the block
aimc.weight @w : tensor<8x6xf32>
// expected-error @below {{expected `column_scale` of type 'tensor<4xf32>', but got 'tensor<6xf32>'}}
aimc.tile @a of @w rows [0, 8] cols [2, 4] on @t {column_scale = dense<1.0> : tensor<6xf32>}

// -----

// tile C5: range
aimc.weight @w : tensor<8x6xf32>
// expected-error @below {{expected `adc_lsb_fc` in [1.0e-09, 1.0e+09], but got 0.0}}
aimc.tile @a of @w rows [0, 8] cols [0, 4] on @t {adc_lsb_fc = 0.0 : f64}

// -----

// tile C5: an ideal ADC has no LSB
// expected-note @below {{@t is declared here}}
aimc.target @t {
  geometry = #aimc.geometry<rows = 8, cols = 6, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @w : tensor<8x6xf32>
// expected-error @below {{expected no `adc_lsb_fc` on a target whose ADC is ideal}}
aimc.tile @a of @w rows [0, 8] cols [0, 4] on @t {adc_lsb_fc = 2.0 : f64}

// -----

// tile: a mode that is none
aimc.weight @w : tensor<8x6xf32>
// expected-error @+2 {{expected one of [none, gain, weights, weights_pulses] for compensation of wire resistance, got: magic}}
// expected-error @+1 {{failed to parse AIMC_CompensateAttr parameter 'value'}}
aimc.tile @a of @w rows [0, 8] cols [0, 4] on @t {compensate = #aimc.compensate<magic>}

// -----

// target C4: two blocks on the cells in rows 3 and columns 2 to 3
aimc.target @t {
  geometry = #aimc.geometry<rows = 8, cols = 6, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @w : tensor<8x6xf32>
// expected-note @below {{@a is placed here}}
aimc.tile @a of @w rows [0, 4] cols [0, 4] on @t at #aimc.place<chip = 0, tile = 3, row = 0, col = 0>
// expected-error @below {{overlaps @a on chip 0, tile 3 of @t}}
aimc.tile @b of @w rows [4, 4] cols [0, 4] on @t at #aimc.place<chip = 0, tile = 3, row = 3, col = 2>

// -----

// target C4: the third block lies between two that do not touch, and overlaps the right one
aimc.target @t {
  geometry = #aimc.geometry<rows = 8, cols = 6, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @w : tensor<8x6xf32>
aimc.tile @a of @w rows [0, 8] cols [0, 1] on @t at #aimc.place<chip = 1, tile = 0, row = 0, col = 0>
// expected-note @below {{@b is placed here}}
aimc.tile @b of @w rows [0, 8] cols [1, 2] on @t at #aimc.place<chip = 1, tile = 0, row = 0, col = 4>
// expected-error @below {{overlaps @b on chip 1, tile 0 of @t}}
aimc.tile @c of @w rows [0, 2] cols [3, 3] on @t at #aimc.place<chip = 1, tile = 0, row = 6, col = 2>

// -----

// target C4: neighbours, other tiles, other chips and blocks without a place do not overlap
aimc.target @t {
  geometry = #aimc.geometry<rows = 8, cols = 6, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @w : tensor<8x6xf32>
aimc.tile @a of @w rows [0, 4] cols [0, 4] on @t at #aimc.place<chip = 0, tile = 0, row = 0, col = 0>
aimc.tile @b of @w rows [4, 4] cols [0, 4] on @t at #aimc.place<chip = 0, tile = 0, row = 4, col = 0>
aimc.tile @c of @w rows [0, 4] cols [4, 2] on @t at #aimc.place<chip = 0, tile = 0, row = 2, col = 4>
aimc.tile @d of @w rows [0, 4] cols [0, 4] on @t at #aimc.place<chip = 0, tile = 1, row = 0, col = 0>
aimc.tile @e of @w rows [0, 4] cols [0, 4] on @t at #aimc.place<chip = 1, tile = 0, row = 0, col = 0>
aimc.tile @f of @w rows [0, 4] cols [0, 4] on @t
aimc.tile @g of @w rows [0, 4] cols [0, 4] on @t
