// RUN: aimc-opt --split-input-file --verify-diagnostics %s

// Each constraint of aimc.linear and aimc.mvm, by its number in AIMCComputeOps.td.

// linear C1
func.func @linear_c1(%x: tensor<4x8xf32>, %i: tensor<4x6xf32>) {
  // expected-error @below {{expected an aimc.weight, but got @linear_c1, which is none}}
  %y = aimc.linear @linear_c1 ins(%x : tensor<4x8xf32>) outs(%i : tensor<4x6xf32>) -> tensor<4x6xf32>
  return
}

// -----

// expected-note @below {{@w is declared here}}
aimc.weight @w : tensor<8x6xf32>
func.func @linear_c2(%x: tensor<4x6xf32>, %i: tensor<4x6xf32>) {
  // expected-error @below {{expected an input of 8 columns, the rows of @w, but got 6}}
  %y = aimc.linear @w ins(%x : tensor<4x6xf32>) outs(%i : tensor<4x6xf32>) -> tensor<4x6xf32>
  return
}

// -----

// expected-note @below {{@w is declared here}}
aimc.weight @w : tensor<8x6xf32>
func.func @linear_c2_dynamic(%x: tensor<4x?xf32>, %i: tensor<4x6xf32>) {
  // expected-error @below {{expected an input of 8 columns, the rows of @w, but got ?}}
  %y = aimc.linear @w ins(%x : tensor<4x?xf32>) outs(%i : tensor<4x6xf32>) -> tensor<4x6xf32>
  return
}

// -----

// expected-note @below {{@w is declared here}}
aimc.weight @w : tensor<8x6xf32>
func.func @linear_c3(%x: tensor<4x8xf32>, %i: tensor<4x8xf32>) {
  // expected-error @below {{expected a destination of 6 columns, the columns of @w, but got 8}}
  %y = aimc.linear @w ins(%x : tensor<4x8xf32>) outs(%i : tensor<4x8xf32>) -> tensor<4x8xf32>
  return
}

// -----

aimc.weight @w : tensor<8x6xf32>
func.func @linear_c4(%x: tensor<4x8xf32>, %i: tensor<5x6xf32>) {
  // expected-error @below {{expected a destination of 4 rows, as the input has, but got 5}}
  %y = aimc.linear @w ins(%x : tensor<4x8xf32>) outs(%i : tensor<5x6xf32>) -> tensor<5x6xf32>
  return
}

// -----

aimc.weight @w : tensor<8x6xf32>
func.func @linear_c5_zero(%x: tensor<4x8xf32>, %i: tensor<4x6xf32>) {
  // expected-error @below {{expected a positive, finite `input_range`, but got 0.0}}
  %y = aimc.linear @w ins(%x : tensor<4x8xf32>) outs(%i : tensor<4x6xf32>) {input_range = 0.0 : f32} -> tensor<4x6xf32>
  return
}

// -----

aimc.weight @w : tensor<8x6xf32>
func.func @linear_c5_nan(%x: tensor<4x8xf32>, %i: tensor<4x6xf32>) {
  // expected-error @below {{expected a positive, finite `input_range`, but got nan}}
  %y = aimc.linear @w ins(%x : tensor<4x8xf32>) outs(%i : tensor<4x6xf32>) {input_range = 0x7FC00000 : f32} -> tensor<4x6xf32>
  return
}

// -----

aimc.weight @w : tensor<8x6xf32>
func.func @linear_c5_type(%x: tensor<4x8xf32>, %i: tensor<4x6xf32>) {
  // expected-error @below {{attribute 'input_range' failed to satisfy constraint: 32-bit float attribute}}
  %y = aimc.linear @w ins(%x : tensor<4x8xf32>) outs(%i : tensor<4x6xf32>) {input_range = 1 : i32} -> tensor<4x6xf32>
  return
}

// -----

aimc.weight @w : tensor<8x6xf32>
func.func @linear_c6_mixed(%x: tensor<4x8xf32>, %i: memref<4x6xf32>) {
  // expected-error @below {{expected tensors only or buffers only, but got input 'tensor<4x8xf32>' and destination 'memref<4x6xf32>'}}
  aimc.linear @w ins(%x : tensor<4x8xf32>) outs(%i : memref<4x6xf32>)
  return
}

// -----

aimc.weight @w : tensor<8x6xf32>
func.func @linear_c6_no_result(%x: tensor<4x8xf32>, %i: tensor<4x6xf32>) {
  // expected-error @below {{expected the number of tensor results (0) to be equal to the number of output tensors (1)}}
  aimc.linear @w ins(%x : tensor<4x8xf32>) outs(%i : tensor<4x6xf32>)
  return
}

// -----

aimc.weight @w : tensor<8x6xf32>
func.func @linear_c6_result_type(%x: tensor<4x8xf32>, %i: tensor<4x6xf32>) {
  // expected-error @below {{expected type of operand #1 ('tensor<4x6xf32>') to match type of corresponding result ('tensor<?x6xf32>')}}
  %y = aimc.linear @w ins(%x : tensor<4x8xf32>) outs(%i : tensor<4x6xf32>) -> tensor<?x6xf32>
  return
}

// -----

aimc.weight @w : tensor<8x6xf32>
func.func @linear_element_type(%x: tensor<4x8xf16>, %i: tensor<4x6xf32>) {
  // expected-error @below {{operand #0 must be f32 matrix (tensor or memref), but got 'tensor<4x8xf16>'}}
  %y = aimc.linear @w ins(%x : tensor<4x8xf16>) outs(%i : tensor<4x6xf32>) -> tensor<4x6xf32>
  return
}

// -----

aimc.weight @w : tensor<8x6xf32>
func.func @mvm_c1(%x: tensor<4x8xf32>, %i: tensor<4x6xf32>) {
  // expected-error @below {{expected an aimc.tile, but got @w, which is none}}
  %y = aimc.mvm @w ins(%x : tensor<4x8xf32>) outs(%i : tensor<4x6xf32>) -> tensor<4x6xf32>
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
// expected-note @below {{@a is declared here}}
aimc.tile @a of @w rows [2, 5] cols [1, 3] on @t
func.func @mvm_c2(%x: tensor<4x8xf32>, %i: tensor<4x3xf32>) {
  // expected-error @below {{expected an input of 5 columns, the rows of @a, but got 8}}
  %y = aimc.mvm @a ins(%x : tensor<4x8xf32>) outs(%i : tensor<4x3xf32>) -> tensor<4x3xf32>
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
// expected-note @below {{@a is declared here}}
aimc.tile @a of @w rows [2, 5] cols [1, 3] on @t
func.func @mvm_c3(%x: tensor<4x5xf32>, %i: tensor<4x6xf32>) {
  // expected-error @below {{expected a destination of 3 columns, the columns of @a, but got 6}}
  %y = aimc.mvm @a ins(%x : tensor<4x5xf32>) outs(%i : tensor<4x6xf32>) -> tensor<4x6xf32>
  return
}

// -----

// mvm C4, C5, C6 are the checks of linear, on the op itself
func.func @mvm_c4(%x: tensor<4x5xf32>, %i: tensor<3x3xf32>) {
  // expected-error @below {{expected a destination of 4 rows, as the input has, but got 3}}
  %y = aimc.mvm @a ins(%x : tensor<4x5xf32>) outs(%i : tensor<3x3xf32>) -> tensor<3x3xf32>
  return
}

// -----

func.func @mvm_c5(%x: tensor<4x5xf32>, %i: tensor<4x3xf32>) {
  // expected-error @below {{expected a positive, finite `input_range`, but got -1.0}}
  %y = aimc.mvm @a ins(%x : tensor<4x5xf32>) outs(%i : tensor<4x3xf32>) {input_range = -1.0 : f32} -> tensor<4x3xf32>
  return
}

// -----

func.func @mvm_c6(%x: memref<4x5xf32>, %i: tensor<4x3xf32>) {
  // expected-error @below {{expected tensors only or buffers only, but got input 'memref<4x5xf32>' and destination 'tensor<4x3xf32>'}}
  %y = aimc.mvm @a ins(%x : memref<4x5xf32>) outs(%i : tensor<4x3xf32>) -> tensor<4x3xf32>
  return
}
