// RUN: aimc-opt %s --split-input-file --verify-diagnostics --aimc-scale=rule=sigma:3
// RUN: echo "module {}" | not aimc-opt --aimc-scale=rule=sigma:0 2>&1 | FileCheck %s
// CHECK: error: expected the option rule to be auto, max, sigma:<q> with q > 0, or optimal, but got 'sigma:0'

aimc.target @t {
  geometry = #aimc.geometry<rows = 4, cols = 4, pairs = 1, readout = single>,
  device = #aimc.device<pcm, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.0, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @w : tensor<2x2xf32> = #aimc.external<"w">
// expected-error @below {{expected the values of @w in the module, but they are not}}
aimc.tile @w.r0.c0 of @w rows [0, 2] cols [0, 2] on @t

// -----

aimc.target @t {
  geometry = #aimc.geometry<rows = 4, cols = 4, pairs = 1, readout = single>,
  device = #aimc.device<pcm, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.0, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @w : tensor<2x3xf32> = dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 0x7F800000]]>
// expected-error @below {{expected finite weights, but got INF in row 1, column 2 of @w}}
aimc.tile @w.r0.c1 of @w rows [0, 2] cols [1, 2] on @t
