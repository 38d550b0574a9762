// RUN: not aimc-opt %s --aimc-verify-mapped=require-analog 2>&1 | FileCheck %s --check-prefix=ANALOG --implicit-check-not=error:
// RUN: not aimc-opt %s --aimc-verify-mapped=require-placed 2>&1 | FileCheck %s --check-prefix=PLACED --implicit-check-not=error:
// RUN: not aimc-opt %s --aimc-verify-mapped=require-grouped 2>&1 | FileCheck %s --check-prefix=GROUPED --implicit-check-not=error:

// ANALOG: error: 'linalg.matmul' op expected a product with a constant to be on tiles, but it is digital
// ANALOG: note: aimc-legalize-linear left it: expected static shapes, but got dynamic dimensions
// PLACED: error: 'aimc.tile' op expected a place, but got none
// PLACED: note: is the contract of aimc-place
// GROUPED: error: 'aimc.linear' op expected every product on tiles to be an aimc.grid
// GROUPED: note: is the contract of aimc-partition
// GROUPED: error: 'aimc.mvm' op expected every product on tiles to be an aimc.grid
// GROUPED: note: is the contract of aimc-group
aimc.target @small {
  geometry = #aimc.geometry<rows = 4, cols = 4, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.0, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @w : tensor<4x4xf32>
aimc.tile @t of @w rows [0, 4] cols [0, 4] on @small
func.func @main(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %p = aimc.linear @w ins(%x : tensor<?x4xf32>) outs(%x : tensor<?x4xf32>) -> tensor<?x4xf32>
  %q = aimc.mvm @t ins(%p : tensor<?x4xf32>) outs(%x : tensor<?x4xf32>) -> tensor<?x4xf32>
  %c = arith.constant dense<1.0> : tensor<4x4xf32>
  %r = linalg.matmul ins(%q, %c : tensor<?x4xf32>, tensor<4x4xf32>) outs(%x : tensor<?x4xf32>) -> tensor<?x4xf32>
  return %r : tensor<?x4xf32>
}
