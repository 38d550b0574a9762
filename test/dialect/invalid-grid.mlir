// RUN: aimc-opt --split-input-file --verify-diagnostics %s

// Each constraint of aimc.grid, by its number in AIMCComputeOps.td. @w is 8 x 6 and @v is 8 x 4;
// @w0 and @w1 cover @w, @w2 shares row 3 with @w0.

func.func @grid_c1_none(%x: tensor<2x8xf32>) {
  // expected-error @below {{expected at least one weight, but got none}}
  "aimc.grid"(%x) <{weights = [], tiles = []}> : (tensor<2x8xf32>) -> ()
  return
}

// -----

aimc.target @t {
  geometry = #aimc.geometry<rows = 8, cols = 6, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @w : tensor<8x6xf32>
aimc.weight @v : tensor<8x4xf32>
aimc.tile @w0 of @w rows [0, 4] cols [0, 6] on @t
aimc.tile @w1 of @w rows [4, 4] cols [0, 6] on @t
aimc.tile @w2 of @w rows [3, 5] cols [0, 6] on @t
aimc.tile @v0 of @v rows [0, 8] cols [0, 4] on @t
func.func @grid_c1_twice(%x: tensor<2x8xf32>, %i: tensor<2x6xf32>, %j: tensor<2x4xf32>) {
  // expected-error @below {{expected each weight once, but got @w twice}}
  %y:2 = aimc.grid weights [@w, @w] tiles [@w0, @w1] ins(%x : tensor<2x8xf32>) outs(%i, %i : tensor<2x6xf32>, tensor<2x6xf32>) -> tensor<2x6xf32>, tensor<2x6xf32>
  return
}

// -----

aimc.target @t {
  geometry = #aimc.geometry<rows = 8, cols = 6, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @w : tensor<8x6xf32>
aimc.weight @v : tensor<8x4xf32>
aimc.tile @w0 of @w rows [0, 4] cols [0, 6] on @t
aimc.tile @w1 of @w rows [4, 4] cols [0, 6] on @t
aimc.tile @w2 of @w rows [3, 5] cols [0, 6] on @t
aimc.tile @v0 of @v rows [0, 8] cols [0, 4] on @t
func.func @grid_c1_kind(%x: tensor<2x8xf32>, %i: tensor<2x6xf32>, %j: tensor<2x4xf32>) {
  // expected-error @below {{expected an aimc.weight, but got @v0, which is none}}
  %y = aimc.grid weights [@v0] tiles [@v0] ins(%x : tensor<2x8xf32>) outs(%i : tensor<2x6xf32>) -> tensor<2x6xf32>
  return
}

// -----

aimc.target @t {
  geometry = #aimc.geometry<rows = 8, cols = 6, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @w : tensor<8x6xf32>
aimc.weight @v : tensor<8x4xf32>
aimc.tile @w0 of @w rows [0, 4] cols [0, 6] on @t
aimc.tile @w1 of @w rows [4, 4] cols [0, 6] on @t
aimc.tile @w2 of @w rows [3, 5] cols [0, 6] on @t
aimc.tile @v0 of @v rows [0, 8] cols [0, 4] on @t
func.func @grid_c3_count(%x: tensor<2x8xf32>, %i: tensor<2x6xf32>, %j: tensor<2x4xf32>) {
  // expected-error @below {{expected one destination for each of 2 weights, but got 1}}
  %y = aimc.grid weights [@w, @v] tiles [@w0, @w1, @v0] ins(%x : tensor<2x8xf32>) outs(%i : tensor<2x6xf32>) -> tensor<2x6xf32>
  return
}

// -----

aimc.target @t {
  geometry = #aimc.geometry<rows = 8, cols = 6, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @w : tensor<8x6xf32>
aimc.weight @v : tensor<8x4xf32>
aimc.tile @w0 of @w rows [0, 4] cols [0, 6] on @t
aimc.tile @w1 of @w rows [4, 4] cols [0, 6] on @t
aimc.tile @w2 of @w rows [3, 5] cols [0, 6] on @t
aimc.tile @v0 of @v rows [0, 8] cols [0, 4] on @t
func.func @grid_c5(%x: tensor<2x8xf32>, %i: tensor<2x6xf32>, %j: tensor<2x4xf32>) {
  // expected-error @below {{expected a positive, finite `input_range`, but got inf}}
  %y = aimc.grid weights [@w] tiles [@w0, @w1] ins(%x : tensor<2x8xf32>) outs(%i : tensor<2x6xf32>) {input_range = 0x7F800000 : f32} -> tensor<2x6xf32>
  return
}

// -----

aimc.target @t {
  geometry = #aimc.geometry<rows = 8, cols = 6, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @w : tensor<8x6xf32>
aimc.weight @v : tensor<8x4xf32>
aimc.tile @w0 of @w rows [0, 4] cols [0, 6] on @t
aimc.tile @w1 of @w rows [4, 4] cols [0, 6] on @t
aimc.tile @w2 of @w rows [3, 5] cols [0, 6] on @t
aimc.tile @v0 of @v rows [0, 8] cols [0, 4] on @t
func.func @grid_c7_kind(%x: tensor<2x8xf32>, %i: tensor<2x6xf32>, %j: tensor<2x4xf32>) {
  // expected-error @below {{expected an aimc.tile, but got @t, which is none}}
  %y = aimc.grid weights [@w] tiles [@w0, @t] ins(%x : tensor<2x8xf32>) outs(%i : tensor<2x6xf32>) -> tensor<2x6xf32>
  return
}

// -----

aimc.target @t {
  geometry = #aimc.geometry<rows = 8, cols = 6, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @w : tensor<8x6xf32>
aimc.weight @v : tensor<8x4xf32>
aimc.tile @w0 of @w rows [0, 4] cols [0, 6] on @t
aimc.tile @w1 of @w rows [4, 4] cols [0, 6] on @t
aimc.tile @w2 of @w rows [3, 5] cols [0, 6] on @t
aimc.tile @v0 of @v rows [0, 8] cols [0, 4] on @t
func.func @grid_c8_overlap(%x: tensor<2x8xf32>, %i: tensor<2x6xf32>, %j: tensor<2x4xf32>) {
  // expected-error @below {{expected tiles that cover @w once, but got @w0 and @w2 with cells in common}}
  %y = aimc.grid weights [@w] tiles [@w0, @w2] ins(%x : tensor<2x8xf32>) outs(%i : tensor<2x6xf32>) -> tensor<2x6xf32>
  return
}

// -----

aimc.target @t {
  geometry = #aimc.geometry<rows = 8, cols = 6, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @w : tensor<8x6xf32>
aimc.weight @v : tensor<8x4xf32>
aimc.tile @w0 of @w rows [0, 4] cols [0, 6] on @t
aimc.tile @w1 of @w rows [4, 4] cols [0, 6] on @t
aimc.tile @w2 of @w rows [3, 5] cols [0, 6] on @t
aimc.tile @v0 of @v rows [0, 8] cols [0, 4] on @t
func.func @grid_c8_hole(%x: tensor<2x8xf32>, %i: tensor<2x6xf32>, %j: tensor<2x4xf32>) {
  // expected-error @below {{expected tiles that cover all 48 cells of @w, but got 24}}
  %y:2 = aimc.grid weights [@w, @v] tiles [@w0, @v0] ins(%x : tensor<2x8xf32>) outs(%i, %j : tensor<2x6xf32>, tensor<2x4xf32>) -> tensor<2x6xf32>, tensor<2x4xf32>
  return
}

// -----

aimc.target @t {
  geometry = #aimc.geometry<rows = 8, cols = 6, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @w : tensor<8x6xf32>
aimc.weight @v : tensor<8x4xf32>
aimc.tile @w0 of @w rows [0, 4] cols [0, 6] on @t
aimc.tile @w1 of @w rows [4, 4] cols [0, 6] on @t
aimc.tile @w2 of @w rows [3, 5] cols [0, 6] on @t
aimc.tile @v0 of @v rows [0, 8] cols [0, 4] on @t
func.func @grid_c8_twice(%x: tensor<2x8xf32>, %i: tensor<2x6xf32>, %j: tensor<2x4xf32>) {
  // expected-error @below {{expected tiles that cover @w once, but got @w0 and @w0 with cells in common}}
  %y = aimc.grid weights [@w] tiles [@w0, @w0, @w1] ins(%x : tensor<2x8xf32>) outs(%i : tensor<2x6xf32>) -> tensor<2x6xf32>
  return
}

// -----

aimc.target @t {
  geometry = #aimc.geometry<rows = 8, cols = 6, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @w : tensor<8x6xf32>
aimc.weight @v : tensor<8x4xf32>
// expected-note @below {{@v0 is declared here}}
aimc.tile @v0 of @v rows [0, 8] cols [0, 4] on @t
func.func @grid_c7_foreign(%x: tensor<2x8xf32>, %i: tensor<2x6xf32>) {
  // expected-error @below {{expected a tile of one of the weights, but got @v0, a block of @v}}
  %y = aimc.grid weights [@w] tiles [@v0] ins(%x : tensor<2x8xf32>) outs(%i : tensor<2x6xf32>) -> tensor<2x6xf32>
  return
}

// -----

// expected-note @below {{@v is declared here}}
aimc.weight @v : tensor<7x4xf32>
func.func @grid_c2(%x: tensor<2x8xf32>, %j: tensor<2x4xf32>) {
  // expected-error @below {{expected an input of 7 columns, the rows of @v, but got 8}}
  %y = aimc.grid weights [@v] tiles [] ins(%x : tensor<2x8xf32>) outs(%j : tensor<2x4xf32>) -> tensor<2x4xf32>
  return
}

// -----

// expected-note @below {{@v is declared here}}
aimc.weight @v : tensor<8x4xf32>
func.func @grid_c3_columns(%x: tensor<2x8xf32>, %i: tensor<2x6xf32>) {
  // expected-error @below {{expected a destination of 4 columns, the columns of @v, but got 6}}
  %y = aimc.grid weights [@v] tiles [] ins(%x : tensor<2x8xf32>) outs(%i : tensor<2x6xf32>) -> tensor<2x6xf32>
  return
}

// -----

func.func @grid_c4(%x: tensor<2x8xf32>, %i: tensor<3x6xf32>) {
  // expected-error @below {{expected a destination of 2 rows, as the input has, but got 3}}
  %y = aimc.grid weights [@v] tiles [] ins(%x : tensor<2x8xf32>) outs(%i : tensor<3x6xf32>) -> tensor<3x6xf32>
  return
}

// -----

func.func @grid_c6(%x: tensor<2x8xf32>, %i: tensor<2x6xf32>, %m: memref<2x6xf32>) {
  // expected-error @below {{expected tensors only or buffers only, but got input 'tensor<2x8xf32>' and destination 'memref<2x6xf32>'}}
  %y = aimc.grid weights [@v, @w] tiles [] ins(%x : tensor<2x8xf32>) outs(%i, %m : tensor<2x6xf32>, memref<2x6xf32>) -> tensor<2x6xf32>
  return
}

// -----

aimc.target @t {
  geometry = #aimc.geometry<rows = 8, cols = 6, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.target @u {
  geometry = #aimc.geometry<rows = 4, cols = 6, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @w : tensor<8x6xf32>
aimc.tile @w0 of @w rows [0, 4] cols [0, 6] on @t
aimc.tile @w1 of @w rows [4, 4] cols [0, 6] on @u
func.func @grid_c9(%x: tensor<2x8xf32>, %i: tensor<2x6xf32>) {
  // expected-error @below {{expected all tiles on one target, but got @w0 on @t and @w1 on @u}}
  %y = aimc.grid weights [@w] tiles [@w0, @w1] ins(%x : tensor<2x8xf32>) outs(%i : tensor<2x6xf32>) -> tensor<2x6xf32>
  return
}
