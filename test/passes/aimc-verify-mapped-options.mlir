// Strict options accept what is mapped: a product of run-time data is digital by rule.
// RUN: aimc-opt %s --aimc-verify-mapped='require-analog require-placed require-grouped' | FileCheck %s

// CHECK-LABEL: func.func @main
aimc.target @small {
  geometry = #aimc.geometry<rows = 4, cols = 4, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.0, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @w : tensor<4x4xf32>
aimc.tile @t of @w rows [0, 4] cols [0, 4] on @small at #aimc.place<chip = 0, tile = 0, row = 0, col = 0>
func.func @main(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %y = aimc.grid weights [@w] tiles [@t] ins(%x : tensor<4x4xf32>) outs(%x : tensor<4x4xf32>) -> tensor<4x4xf32>
  %z = linalg.matmul ins(%x, %y : tensor<4x4xf32>, tensor<4x4xf32>) outs(%x : tensor<4x4xf32>) -> tensor<4x4xf32>
  return %z : tensor<4x4xf32>
}
