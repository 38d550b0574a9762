// RUN: aimc-opt %s --aimc-partition --aimc-group=max-weights=2 --remarks-filter=aimc 2>&1 | FileCheck %s

// CHECK: aimc-group{{.*}}grids=2, mvm left=0, weights=3
// CHECK: aimc.grid weights [@q, @k]
// CHECK: aimc.grid weights [@v]
aimc.target @small {
  geometry = #aimc.geometry<rows = 4, cols = 4, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.0, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @q : tensor<4x4xf32>
aimc.weight @k : tensor<4x4xf32>
aimc.weight @v : tensor<4x4xf32>
func.func @main(%x: tensor<2x4xf32>, %init: tensor<2x4xf32>) -> (tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>) {
  %q = aimc.linear @q ins(%x : tensor<2x4xf32>) outs(%init : tensor<2x4xf32>) -> tensor<2x4xf32>
  %k = aimc.linear @k ins(%x : tensor<2x4xf32>) outs(%init : tensor<2x4xf32>) -> tensor<2x4xf32>
  %v = aimc.linear @v ins(%x : tensor<2x4xf32>) outs(%init : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %q, %k, %v : tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>
}
