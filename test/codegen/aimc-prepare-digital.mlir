// RUN: aimc-opt %s --aimc-prepare-digital --split-input-file | FileCheck %s

// A chain of element-wise operations of any front end is one operation.
// CHECK-LABEL: func.func @chain
// CHECK-SAME: (%[[X:.*]]: tensor<4x8xf32>, %[[B:.*]]: tensor<8xf32>)
// CHECK-COUNT-1: linalg.generic
// CHECK: arith.addf
// CHECK-NEXT: math.tanh
// CHECK-NOT: linalg.generic
// CHECK: return
func.func @chain(%x: tensor<4x8xf32>, %b: tensor<8xf32>) -> tensor<4x8xf32> {
  %e = tensor.empty() : tensor<4x8xf32>
  %wide = linalg.broadcast ins(%b : tensor<8xf32>) outs(%e : tensor<4x8xf32>) dimensions = [0]
  %s = arith.addf %x, %wide : tensor<4x8xf32>
  %t = math.tanh %s : tensor<4x8xf32>
  return %t : tensor<4x8xf32>
}

// -----

// exp of a row is not evaluated once per element of a matrix.
// CHECK-LABEL: func.func @expensive_broadcast
// CHECK: linalg.generic
// CHECK: math.exp
// CHECK: linalg.generic
// CHECK: arith.mulf
#row = affine_map<(i, j) -> (j)>
#id = affine_map<(i, j) -> (i, j)>
func.func @expensive_broadcast(%x: tensor<4x8xf32>, %b: tensor<8xf32>) -> tensor<4x8xf32> {
  %e = tensor.empty() : tensor<4x8xf32>
  %r = math.exp %b : tensor<8xf32>
  %y = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %r : tensor<4x8xf32>, tensor<8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: f32, %c: f32, %o: f32):
    %m = arith.mulf %a, %c : f32
    linalg.yield %m : f32
  } -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// -----

// A contraction stays what it is; a concatenation becomes two insertions into one buffer.
// CHECK-LABEL: func.func @shapes
// CHECK: linalg.matmul
// CHECK: %[[E:.*]] = tensor.empty() : tensor<4x12xf32>
// CHECK: %[[A:.*]] = tensor.insert_slice %{{.*}} into %[[E]][0, 0] [4, 4]
// CHECK: tensor.insert_slice %{{.*}} into %[[A]][0, 4] [4, 8]
func.func @shapes(%x: tensor<4x8xf32>, %w: tensor<8x4xf32>, %i: tensor<4x4xf32>) -> tensor<4x12xf32> {
  %y = linalg.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x4xf32>) outs(%i : tensor<4x4xf32>) -> tensor<4x4xf32>
  %z = tensor.concat dim(1) %y, %x : (tensor<4x4xf32>, tensor<4x8xf32>) -> tensor<4x12xf32>
  return %z : tensor<4x12xf32>
}

// -----

// The runtime overwrites a grid's outputs: what a destination carried is added afterwards.
// CHECK-LABEL: func.func @accumulate
// CHECK-SAME: (%[[X:.*]]: tensor<2x4xf32>, %[[INIT:.*]]: tensor<2x4xf32>)
// CHECK: %[[ZERO:.*]] = linalg.fill ins(%{{.*}} : f32)
// CHECK: %[[Y:.*]] = aimc.grid {{.*}} ins(%[[X]] : tensor<2x4xf32>) outs(%[[ZERO]] : tensor<2x4xf32>)
// CHECK: %[[SUM:.*]] = linalg.generic {{.*}} ins(%[[Y]], %[[INIT]] :
// CHECK: arith.addf
// CHECK: return %[[SUM]]
aimc.target @small {
  geometry = #aimc.geometry<rows = 4, cols = 4, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.0, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @q : tensor<4x4xf32>
aimc.tile @q.r0.c0 of @q rows [0, 4] cols [0, 4] on @small
func.func @accumulate(%x: tensor<2x4xf32>, %init: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %y = aimc.grid weights [@q] tiles [@q.r0.c0] ins(%x : tensor<2x4xf32>) outs(%init : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}
