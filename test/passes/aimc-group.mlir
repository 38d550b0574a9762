// RUN: aimc-opt %s --aimc-partition --aimc-group --split-input-file | FileCheck %s

// Query, key and value share an input: one grid, where the first was finished; fills move up.
// CHECK-LABEL: func.func @attention
// CHECK-SAME: (%[[X:.*]]: tensor<2x4xf32>, %[[INIT:.*]]: tensor<2x4xf32>)
// CHECK: %[[FILL:.*]] = linalg.fill
// CHECK-NEXT: %[[Y:.*]]:3 = aimc.grid weights [@q, @k, @v] tiles [@q.r0.c0, @k.r0.c0, @v.r0.c0] ins(%[[X]] : tensor<2x4xf32>) outs(%[[INIT]], %[[FILL]], %[[FILL]] :
// CHECK-NEXT: %[[Q:.*]] = math.exp %[[Y]]#0
// CHECK: return %[[Q]], %[[Y]]#1, %[[Y]]#2
aimc.target @small {
  geometry = #aimc.geometry<rows = 4, cols = 4, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.0, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @q : tensor<4x4xf32>
aimc.weight @k : tensor<4x4xf32>
aimc.weight @v : tensor<4x4xf32>
func.func @attention(%x: tensor<2x4xf32>, %init: tensor<2x4xf32>) -> (tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>) {
  %q = aimc.linear @q ins(%x : tensor<2x4xf32>) outs(%init : tensor<2x4xf32>) -> tensor<2x4xf32>
  %used = math.exp %q : tensor<2x4xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %k = aimc.linear @k ins(%x : tensor<2x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %v = aimc.linear @v ins(%x : tensor<2x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %used, %k, %v : tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>
}

// -----

// Blocks of two weights of different sizes; nothing of the partitioning is left.
// CHECK-LABEL: func.func @blocks
// CHECK-SAME: (%[[X:.*]]: tensor<2x6xf32>, %[[A:.*]]: tensor<2x9xf32>, %[[B:.*]]: tensor<2x1xf32>)
// CHECK-NEXT: %[[Y:.*]]:2 = aimc.grid weights [@w, @v]
// CHECK-SAME: tiles [@w.r0.c0, @w.r0.c1, @w.r0.c2, @w.r1.c0, @w.r1.c1, @w.r1.c2, @v.r0.c0, @v.r1.c0]
// CHECK-SAME: ins(%[[X]] : tensor<2x6xf32>) outs(%[[A]], %[[B]] : tensor<2x9xf32>, tensor<2x1xf32>) {input_range = 3.000000e+00 : f32}
// CHECK-NEXT: return %[[Y]]#0, %[[Y]]#1
aimc.target @small {
  geometry = #aimc.geometry<rows = 4, cols = 4, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.0, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @w : tensor<6x9xf32>
aimc.weight @v : tensor<6x1xf32>
func.func @blocks(%x: tensor<2x6xf32>, %a: tensor<2x9xf32>, %b: tensor<2x1xf32>) -> (tensor<2x9xf32>, tensor<2x1xf32>) {
  %y = aimc.linear @w ins(%x : tensor<2x6xf32>) outs(%a : tensor<2x9xf32>) {input_range = 3.0 : f32} -> tensor<2x9xf32>
  %z = aimc.linear @v ins(%x : tensor<2x6xf32>) outs(%b : tensor<2x1xf32>) {input_range = 3.0 : f32} -> tensor<2x1xf32>
  return %y, %z : tensor<2x9xf32>, tensor<2x1xf32>
}

// -----

// A product that adds to another, and one that reads another's result: three grids in a chain.
// CHECK-LABEL: func.func @chain
// CHECK-SAME: (%[[X:.*]]: tensor<2x6xf32>, %[[INIT:.*]]: tensor<2x6xf32>)
// CHECK-NEXT: %[[A:.*]] = aimc.grid weights [@w] {{.*}} ins(%[[X]] : {{.*}}) outs(%[[INIT]] :
// CHECK-NEXT: %[[B:.*]] = aimc.grid weights [@v] {{.*}} ins(%[[X]] : {{.*}}) outs(%[[A]] :
// CHECK-NEXT: %[[C:.*]] = aimc.grid weights [@w] {{.*}} ins(%[[B]] : {{.*}}) outs(%[[INIT]] :
// CHECK-NEXT: return %[[C]]
aimc.target @small {
  geometry = #aimc.geometry<rows = 4, cols = 4, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.0, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @w : tensor<6x6xf32>
aimc.weight @v : tensor<6x6xf32>
func.func @chain(%x: tensor<2x6xf32>, %init: tensor<2x6xf32>) -> tensor<2x6xf32> {
  %a = aimc.linear @w ins(%x : tensor<2x6xf32>) outs(%init : tensor<2x6xf32>) -> tensor<2x6xf32>
  %b = aimc.linear @v ins(%x : tensor<2x6xf32>) outs(%a : tensor<2x6xf32>) -> tensor<2x6xf32>
  %c = aimc.linear @w ins(%b : tensor<2x6xf32>) outs(%init : tensor<2x6xf32>) -> tensor<2x6xf32>
  return %c : tensor<2x6xf32>
}

// -----

// The same weight twice, or another input range, is another grid.
// CHECK-LABEL: func.func @apart
// CHECK: aimc.grid weights [@w] {{.*}} outs(%{{.*}} : tensor<2x4xf32>) ->
// CHECK: aimc.grid weights [@w] {{.*}} outs(%{{.*}} : tensor<2x4xf32>) ->
// CHECK: aimc.grid weights [@v] {{.*}} outs(%{{.*}} : tensor<2x4xf32>) {input_range
aimc.target @small {
  geometry = #aimc.geometry<rows = 4, cols = 4, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.0, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @w : tensor<4x4xf32>
aimc.weight @v : tensor<4x4xf32>
func.func @apart(%x: tensor<2x4xf32>, %init: tensor<2x4xf32>) -> (tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>) {
  %a = aimc.linear @w ins(%x : tensor<2x4xf32>) outs(%init : tensor<2x4xf32>) -> tensor<2x4xf32>
  %b = aimc.linear @w ins(%x : tensor<2x4xf32>) outs(%init : tensor<2x4xf32>) -> tensor<2x4xf32>
  %c = aimc.linear @v ins(%x : tensor<2x4xf32>) outs(%init : tensor<2x4xf32>) {input_range = 1.0 : f32} -> tensor<2x4xf32>
  return %a, %b, %c : tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>
}
