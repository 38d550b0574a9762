// RUN: aimc-opt %s | FileCheck %s
// RUN: aimc-opt %s | aimc-opt | FileCheck %s
// RUN: aimc-opt --mlir-print-op-generic %s | aimc-opt | FileCheck %s
// RUN: aimc-opt --emit-bytecode %s | aimc-opt | FileCheck %s

// Every op in its own syntax, through text, generic form and bytecode.

// CHECK:      aimc.target @pcm {
// CHECK-NEXT:   geometry = #aimc.geometry<rows = 512, cols = 512, pairs = 1, readout = single>,
// CHECK-NEXT:   device = #aimc.device<pcm, g_min_us = 0.1, g_max_us = 25.0>,
// CHECK-NEXT:   wire = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = midrail>,
// CHECK-NEXT:   dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
// CHECK-NEXT:   adc = #aimc.adc<cco, lsb_fc = 16.03, bits = 12>}
aimc.target @pcm {
  geometry = #aimc.geometry<rows = 512, cols = 512, pairs = 1, readout = single>,
  device = #aimc.device<pcm, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<cco, lsb_fc = 16.03, bits = 12>}

// What is not a part of the target stays behind the parts, in any order of writing.
// CHECK:      aimc.target "private" @other {
// CHECK-NEXT:   geometry =
// CHECK:        adc = #aimc.adc<ideal>,
// CHECK-NEXT:   vendor.note = "lab 3"}
aimc.target "private" @other {
  vendor.note = "lab 3",
  adc = #aimc.adc<ideal>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  wire = #aimc.wire<column_ohm = 0.0, row_ohm = 0.0, idle = midrail>,
  device = #aimc.device<ideal, g_min_us = 0.0, g_max_us = 25.0>,
  geometry = #aimc.geometry<rows = 16, cols = 16, pairs = 1, readout = single>}

// CHECK: aimc.weight @query : tensor<384x384xf32> = dense_resource<query>
aimc.weight @query : tensor<384x384xf32> = dense_resource<query>
// CHECK: aimc.weight @key transposed : tensor<384x512xf32> = #aimc.external<"encoder.0.key">
aimc.weight @key transposed : tensor<384x512xf32> = #aimc.external<"encoder.0.key">
// CHECK: aimc.weight "private" @turned transposed : tensor<2x3xf32> = dense<{{\[\[}}1.{{.*}}, 2.{{.*}}], [3.{{.*}}, 4.{{.*}}], [5.{{.*}}, 6.{{.*}}]]>
aimc.weight "private" @turned transposed : tensor<2x3xf32> = dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]>
// CHECK: aimc.weight @later : tensor<1x7xf32> {vendor.note = "no value yet"}
aimc.weight @later : tensor<1x7xf32> {vendor.note = "no value yet"}
// CHECK: aimc.weight @"needs quotes" : tensor<3x1xf32> = dense<0.000000e+00>
aimc.weight @"needs quotes" : tensor<3x1xf32> = dense<0.0>

// CHECK: aimc.tile @query.r0.c0 of @query rows [0, 384] cols [0, 384] on @pcm at #aimc.place<chip = 0, tile = 4, row = 0, col = 0>
aimc.tile @query.r0.c0 of @query rows [0, 384] cols [0, 384] on @pcm at #aimc.place<chip = 0, tile = 4, row = 0, col = 0>
// CHECK: aimc.tile @key.r0.c0 of @key rows [0, 384] cols [0, 500] on @pcm
aimc.tile @key.r0.c0 of @key rows [0, 384] cols [0, 500] on @pcm
// CHECK: aimc.tile "private" @key.r0.c1 of @key rows [0, 384] cols [500, 12] on @pcm
aimc.tile "private" @key.r0.c1 of @key rows [0, 384] cols [500, 12] on @pcm

// What calibration, scaling and compensation write.
// CHECK: aimc.weight @seen : tensor<2x3xf32> {activity = dense<3.125000e-02> : tensor<2x32xf32>}
aimc.weight @seen : tensor<2x3xf32> {activity = dense<0.03125> : tensor<2x32xf32>}
// CHECK: aimc.weight @named : tensor<2x3xf32> = #aimc.external<"n"> {activity = #aimc.external<"n.activity">}
aimc.weight @named : tensor<2x3xf32> = #aimc.external<"n"> {activity = #aimc.external<"n.activity">}
// CHECK: aimc.tile @seen.r0.c0 of @seen rows [0, 2] cols [0, 3] on @pcm {adc_lsb_fc = 1.250000e+01 : f64, column_scale = dense<{{.*}}> : tensor<3xf32>, compensate = #aimc.compensate<weights_pulses>}
aimc.tile @seen.r0.c0 of @seen rows [0, 2] cols [0, 3] on @pcm {compensate = #aimc.compensate<weights_pulses>, adc_lsb_fc = 12.5 : f64, column_scale = dense<[1.0, 2.0, 0.5]> : tensor<3xf32>}

// CHECK-LABEL: func.func @tensors(
// CHECK-SAME: %[[X:.*]]: tensor<256x384xf32>, %[[A:.*]]: tensor<256x384xf32>, %[[B:.*]]: tensor<256x512xf32>
func.func @tensors(%x: tensor<256x384xf32>, %a: tensor<256x384xf32>, %b: tensor<256x512xf32>)
    -> (tensor<256x384xf32>, tensor<256x512xf32>) {
  // CHECK: %[[Y:.*]] = aimc.linear @query ins(%[[X]] : tensor<256x384xf32>) outs(%[[A]] : tensor<256x384xf32>) {input_range = 3.200000e+00 : f32} -> tensor<256x384xf32>
  %y = aimc.linear @query ins(%x : tensor<256x384xf32>) outs(%a : tensor<256x384xf32>) {input_range = 3.2 : f32} -> tensor<256x384xf32>
  // CHECK: %[[Z:.*]] = aimc.mvm @query.r0.c0 ins(%[[Y]] : tensor<256x384xf32>) outs(%[[A]] : tensor<256x384xf32>) -> tensor<256x384xf32>
  %z = aimc.mvm @query.r0.c0 ins(%y : tensor<256x384xf32>) outs(%a : tensor<256x384xf32>) -> tensor<256x384xf32>
  // CHECK: %[[W:.*]]:2 = aimc.grid weights [@query, @key] tiles [@query.r0.c0, @key.r0.c1, @key.r0.c0] ins(%[[Z]] : tensor<256x384xf32>) outs(%[[A]], %[[B]] : tensor<256x384xf32>, tensor<256x512xf32>) -> tensor<256x384xf32>, tensor<256x512xf32>
  %w:2 = aimc.grid weights [@query, @key] tiles [@query.r0.c0, @key.r0.c1, @key.r0.c0] ins(%z : tensor<256x384xf32>) outs(%a, %b : tensor<256x384xf32>, tensor<256x512xf32>) -> tensor<256x384xf32>, tensor<256x512xf32>
  // CHECK: return %[[W]]#0, %[[W]]#1
  return %w#0, %w#1 : tensor<256x384xf32>, tensor<256x512xf32>
}

// CHECK-LABEL: func.func @dynamic_batch(
// CHECK: aimc.linear @query ins(%{{.*}} : tensor<?x384xf32>) outs(%{{.*}} : tensor<?x384xf32>) -> tensor<?x384xf32>
func.func @dynamic_batch(%x: tensor<?x384xf32>, %a: tensor<?x384xf32>) -> tensor<?x384xf32> {
  %y = aimc.linear @query ins(%x : tensor<?x384xf32>) outs(%a : tensor<?x384xf32>) -> tensor<?x384xf32>
  return %y : tensor<?x384xf32>
}

// CHECK-LABEL: func.func @buffers(
func.func @buffers(%x: memref<4x384xf32, strided<[400, 1], offset: ?>>, %a: memref<4x384xf32>, %b: memref<4x512xf32>) {
  // CHECK: aimc.linear @query ins(%{{.*}} : memref<4x384xf32, strided<[400, 1], offset: ?>>) outs(%{{.*}} : memref<4x384xf32>)
  aimc.linear @query ins(%x : memref<4x384xf32, strided<[400, 1], offset: ?>>) outs(%a : memref<4x384xf32>)
  // CHECK: aimc.mvm @query.r0.c0 ins(%{{.*}} : memref<4x384xf32>) outs(%{{.*}} : memref<4x384xf32>)
  aimc.mvm @query.r0.c0 ins(%a : memref<4x384xf32>) outs(%a : memref<4x384xf32>)
  // CHECK: aimc.grid weights [@query, @key] tiles [@query.r0.c0, @key.r0.c0, @key.r0.c1] ins(%{{.*}} : memref<4x384xf32>) outs(%{{.*}}, %{{.*}} : memref<4x384xf32>, memref<4x512xf32>)
  aimc.grid weights [@query, @key] tiles [@query.r0.c0, @key.r0.c0, @key.r0.c1] ins(%a : memref<4x384xf32>) outs(%a, %b : memref<4x384xf32>, memref<4x512xf32>)
  return
}
