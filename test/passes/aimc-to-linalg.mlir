// RUN: aimc-opt %s --aimc-to-linalg | FileCheck %s
// What the numbers come to is executed in execute.mlir.

// CHECK-NOT: aimc.
// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[X:.*]]: tensor<?x2xf32>, %[[INIT:.*]]: tensor<?x2xf32>)
// CHECK-DAG: %[[W:.*]] = arith.constant dense<{{\[\[}}1.000000e+00, 3.000000e+00], [2.000000e+00, 4.000000e+00]]>
// CHECK: %[[A:.*]] = linalg.matmul ins(%[[X]], %[[W]] : tensor<?x2xf32>, tensor<2x2xf32>) outs(%[[INIT]]
// CHECK: tensor.extract_slice %[[A]][0, 1] [%{{.*}}, 1] [1, 1]
// CHECK-NOT: aimc.
aimc.target @small {
  geometry = #aimc.geometry<rows = 4, cols = 4, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.0, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @w transposed : tensor<2x2xf32> = dense<[[1.0, 2.0], [3.0, 4.0]]>
aimc.tile @w.0 of @w rows [0, 2] cols [0, 1] on @small
aimc.tile @w.1 of @w rows [0, 2] cols [1, 1] on @small
func.func @main(%x: tensor<?x2xf32>, %init: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %a = aimc.linear @w ins(%x : tensor<?x2xf32>) outs(%init : tensor<?x2xf32>) -> tensor<?x2xf32>
  %c0 = arith.constant 0 : index
  %m = tensor.dim %a, %c0 : tensor<?x2xf32>
  %s = tensor.extract_slice %a[0, 1] [%m, 1] [1, 1] : tensor<?x2xf32> to tensor<?x1xf32>
  %b = aimc.mvm @w.1 ins(%a : tensor<?x2xf32>) outs(%s : tensor<?x1xf32>) -> tensor<?x1xf32>
  %t = tensor.insert_slice %b into %a[0, 0] [%m, 1] [1, 1] : tensor<?x1xf32> into tensor<?x2xf32>
  %c = aimc.grid weights [@w] tiles [@w.0, @w.1] ins(%t : tensor<?x2xf32>) outs(%a : tensor<?x2xf32>) -> tensor<?x2xf32>
  return %c : tensor<?x2xf32>
}
