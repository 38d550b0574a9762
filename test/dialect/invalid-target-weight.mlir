// RUN: aimc-opt --split-input-file --verify-diagnostics %s

// Each constraint of aimc.target and aimc.weight, by its number in AIMCSymbolOps.td. What is just
// inside a limit stands beside what is just outside.

// target C1: the shortest pulse
// expected-error @below {{expected `tick_ns` of at least 1.0 for a pcm device, whose read noise is known from 1 ns to 4096 ns, but got 0.5}}
aimc.target @t {
  geometry = #aimc.geometry<rows = 8, cols = 6, pairs = 1, readout = single>,
  device = #aimc.device<pcm, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 0.5>,
  adc = #aimc.adc<ideal>}

// -----

// target C1: no such limit without read noise
aimc.target @t {
  geometry = #aimc.geometry<rows = 8, cols = 6, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 0.5>,
  adc = #aimc.adc<ideal>}

// -----

// target C1: a long pulse is no error; it counts as one of 4096 ns
aimc.target @t {
  geometry = #aimc.geometry<rows = 8, cols = 6, pairs = 1, readout = single>,
  device = #aimc.device<pcm, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 33.0>,
  adc = #aimc.adc<ideal>}

// -----

// target C2: one cell in one tick is 0.2 V x 1 ns x 24.9 uS = 4.98 fC
// expected-error @below {{the charge of one cell in one tick, 4.98 fC, but got 4.9 fC, so it saturates on every input}}
aimc.target @t {
  geometry = #aimc.geometry<rows = 8, cols = 6, pairs = 1, readout = single>,
  device = #aimc.device<pcm, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<linear, lsb_fc = 0.7, bits = 4>}

// -----

// target C2: seven codes of 0.72 fC hold it
aimc.target @t {
  geometry = #aimc.geometry<rows = 8, cols = 6, pairs = 1, readout = single>,
  device = #aimc.device<pcm, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<linear, lsb_fc = 0.72, bits = 4>}

// -----

// target C3: a column of 8 rows delivers at most 8 x 127 x 4.98 = 5059.68 fC
// expected-error @below {{expected `lsb_fc` to be at most the largest charge of a column, 5059.68 fC, but got 5060, so it reads zero on every input}}
aimc.target @t {
  geometry = #aimc.geometry<rows = 8, cols = 6, pairs = 1, readout = single>,
  device = #aimc.device<pcm, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<cco, lsb_fc = 5060.0, bits = 12>}

// -----

// target C3: just below
aimc.target @t {
  geometry = #aimc.geometry<rows = 8, cols = 6, pairs = 1, readout = single>,
  device = #aimc.device<pcm, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<cco, lsb_fc = 5059.0, bits = 12>}

// -----

// target: a part left out
// expected-error @below {{requires attribute 'adc'}}
aimc.target @t {
  geometry = #aimc.geometry<rows = 8, cols = 6, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>}

// -----

// target: a part of another kind
// expected-error @below {{attribute 'wire' failed to satisfy constraint: wire resistance per cell and the state of idle rows}}
aimc.target @t {
  geometry = #aimc.geometry<rows = 8, cols = 6, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.adc<ideal>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}

// -----

// target: symbols live in a module
func.func @f() {
  // expected-error @below {{'aimc.weight' op expects parent op 'builtin.module'}}
  aimc.weight @w : tensor<2x2xf32>
  return
}

// -----

// weight C1: rank
// expected-error @below {{expected a static, non-empty matrix of inputs x outputs, but got 'tensor<2x2x2xf32>'}}
aimc.weight @w : tensor<2x2x2xf32>

// -----

// weight C1: static
// expected-error @below {{expected a static, non-empty matrix of inputs x outputs, but got 'tensor<?x2xf32>'}}
aimc.weight @w : tensor<?x2xf32>

// -----

// weight C1: non-empty
// expected-error @below {{expected a static, non-empty matrix of inputs x outputs, but got 'tensor<2x0xf32>'}}
aimc.weight @w : tensor<2x0xf32>

// -----

// weight C1: element type
// expected-error @below {{attribute 'type' failed to satisfy constraint: type attribute of ranked tensor of 32-bit float values}}
aimc.weight @w : tensor<2x2xf16>

// -----

// weight C1: not a tensor
// expected-error @below {{expected a ranked tensor type, but got 'vector<2x2xf32>'}}
aimc.weight @w : vector<2x2xf32>

// -----

// weight C2: the value of a weight that is not transposed is K x N
// expected-error @below {{expected a value of type 'tensor<2x3xf32>', but got 'tensor<3x2xf32>'}}
"aimc.weight"() <{sym_name = "w", type = tensor<2x3xf32>, value = dense<0.0> : tensor<3x2xf32>}> : () -> ()

// -----

// weight C2: and of one that is, N x K
// expected-error @below {{expected a value of type 'tensor<3x2xf32>', but got 'tensor<2x3xf32>'}}
"aimc.weight"() <{sym_name = "w", type = tensor<2x3xf32>, transposed, value = dense<0.0> : tensor<2x3xf32>}> : () -> ()

// -----

// weight: a value of another kind
// expected-error @below {{attribute 'value' failed to satisfy constraint}}
"aimc.weight"() <{sym_name = "w", type = tensor<2x3xf32>, value = #aimc.adc<ideal>}> : () -> ()

// -----

// weight C3
// expected-error @below {{expected `activity` of type 'tensor<2x32xf32>', but got 'tensor<3x32xf32>'}}
aimc.weight @w : tensor<2x3xf32> {activity = dense<0.03125> : tensor<3x32xf32>}

// -----

// weight C3: rows of a transposed weight are its inputs, too
aimc.weight @w transposed : tensor<2x3xf32> {activity = dense<0.03125> : tensor<2x32xf32>}
