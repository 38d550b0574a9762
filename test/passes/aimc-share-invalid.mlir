// RUN: aimc-opt %s --aimc-share --remarks-filter=aimc 2>&1 | FileCheck %s

// A grid lists no weight twice, so two equal weights of one grid stay two.
// CHECK: remark: [Missed] aimc-share{{.*}}@v holds the same matrix as @w, but one grid reads both
// CHECK: aimc.weight @w
// CHECK: aimc.weight @v
// CHECK-LABEL: func.func @main
// CHECK: aimc.grid weights [@w, @v] tiles [@w.t, @v.t]
aimc.target @small {
  geometry = #aimc.geometry<rows = 4, cols = 4, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.0, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @w : tensor<2x2xf32> = dense<[[1.0, 2.0], [3.0, 4.0]]>
aimc.weight @v : tensor<2x2xf32> = dense<[[1.0, 2.0], [3.0, 4.0]]>
aimc.tile @w.t of @w rows [0, 2] cols [0, 2] on @small
aimc.tile @v.t of @v rows [0, 2] cols [0, 2] on @small
func.func @main(%x: tensor<3x2xf32>, %init: tensor<3x2xf32>) -> (tensor<3x2xf32>, tensor<3x2xf32>) {
  %y:2 = aimc.grid weights [@w, @v] tiles [@w.t, @v.t] ins(%x : tensor<3x2xf32>)
      outs(%init, %init : tensor<3x2xf32>, tensor<3x2xf32>) -> tensor<3x2xf32>, tensor<3x2xf32>
  return %y#0, %y#1 : tensor<3x2xf32>, tensor<3x2xf32>
}
