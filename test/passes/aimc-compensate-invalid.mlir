// RUN: aimc-opt %s --split-input-file --verify-diagnostics --aimc-compensate=mode=weights
// RUN: echo "module {}" | not aimc-opt --aimc-compensate=mode=magic 2>&1 | FileCheck %s
// CHECK: error: expected the option mode to be none, gain, weights or weights+pulses, but got 'magic'

aimc.target @t {
  geometry = #aimc.geometry<rows = 1, cols = 2, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.0, g_max_us = 1000.0>,
  wire = #aimc.wire<column_ohm = 1000.0, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @w : tensor<1x2xf32>
// expected-error @below {{expected the values of @w in the module, but they are not}}
aimc.tile @w.r0.c0 of @w rows [0, 1] cols [0, 2] on @t at #aimc.place<chip = 0, tile = 0, row = 0, col = 0>

// -----

aimc.target @t {
  geometry = #aimc.geometry<rows = 1, cols = 2, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.0, g_max_us = 1000.0>,
  wire = #aimc.wire<column_ohm = 1000.0, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @w : tensor<1x2xf32> = dense<1.0>
// expected-note @below {{is the contract of aimc-place}}
// expected-error @below {{expected a place, but got none}}
aimc.tile @w.r0.c0 of @w rows [0, 1] cols [0, 2] on @t
