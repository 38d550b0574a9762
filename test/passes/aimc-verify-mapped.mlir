// RUN: aimc-opt %s --aimc-verify-mapped --remarks-filter=aimc 2>&1 | FileCheck %s

// CHECK: Function=main | Remark="analog: @w", macs=48
// CHECK: Function=main | Remark="analog: @t", macs=48
// CHECK: Function=main | Remark="analog: @w", macs=96
// CHECK: Function=main | Remark="digital: both operands are computed at run time", macs=18
// CHECK: Function=main | Remark="digital: aimc-legalize-linear has not been run on it", macs=36
// CHECK: analog macs=192, analog share=7.804878e-01, digital macs=54
aimc.target @small {
  geometry = #aimc.geometry<rows = 4, cols = 4, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.0, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @w : tensor<4x4xf32>
aimc.weight @v : tensor<4x4xf32>
aimc.tile @t of @w rows [0, 4] cols [0, 4] on @small
aimc.tile @u of @v rows [0, 4] cols [0, 4] on @small
func.func @main(%x: tensor<3x4xf32>, %a: tensor<3x2xf32>, %b: tensor<2x3xf32>, %sq: tensor<3x3xf32>) -> (tensor<3x4xf32>, tensor<3x3xf32>) {
  %p = aimc.linear @w ins(%x : tensor<3x4xf32>) outs(%x : tensor<3x4xf32>) -> tensor<3x4xf32>
  %q = aimc.mvm @t ins(%p : tensor<3x4xf32>) outs(%x : tensor<3x4xf32>) -> tensor<3x4xf32>
  %r:2 = aimc.grid weights [@w, @v] tiles [@t, @u] ins(%q : tensor<3x4xf32>) outs(%x, %x : tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x4xf32>, tensor<3x4xf32>
  %s = linalg.matmul ins(%a, %b : tensor<3x2xf32>, tensor<2x3xf32>) outs(%sq : tensor<3x3xf32>) -> tensor<3x3xf32>
  %c = arith.constant dense<1.0> : tensor<4x3xf32>
  %u = linalg.matmul ins(%r#0, %c : tensor<3x4xf32>, tensor<4x3xf32>) outs(%s : tensor<3x3xf32>) -> tensor<3x3xf32>
  return %r#1, %u : tensor<3x4xf32>, tensor<3x3xf32>
}
