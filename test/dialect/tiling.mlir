// RUN: aimc-opt --transform-interpreter --cse --canonicalize --split-input-file %s | FileCheck %s

// Upstream's tiling and fusion on the compute ops: one loop, over the rows of the input.

aimc.target @t {
  geometry = #aimc.geometry<rows = 8, cols = 6, pairs = 1, readout = single>,
  device = #aimc.device<pcm, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @w : tensor<8x6xf32>
aimc.weight @v : tensor<8x4xf32>
aimc.weight @u : tensor<8x2xf32>
aimc.tile @w0 of @w rows [0, 8] cols [0, 6] on @t
aimc.tile @v0 of @v rows [0, 8] cols [0, 4] on @t
aimc.tile @u0 of @u rows [0, 8] cols [0, 2] on @t

// A grid is cut into rows; the last piece is smaller. The range stays on every piece.
// CHECK-LABEL: func.func @tile_grid(
// CHECK-SAME: %[[X:[^:]*]]: tensor<10x8xf32>, %[[I:[^:]*]]: tensor<10x6xf32>, %[[J:[^:]*]]: tensor<10x4xf32>
func.func @tile_grid(%x: tensor<10x8xf32>, %i: tensor<10x6xf32>, %j: tensor<10x4xf32>) -> (tensor<10x6xf32>, tensor<10x4xf32>) {
  // CHECK: %[[R:.*]]:2 = scf.for %[[K:.*]] = %{{.*}} to %{{.*}} step %{{.*}} iter_args(%[[A:.*]] = %[[I]], %[[B:.*]] = %[[J]])
  // CHECK: %[[N:.*]] = affine.min {{.*}}(%[[K]])
  // CHECK-DAG: %[[XS:.*]] = tensor.extract_slice %[[X]][%[[K]], 0] [%[[N]], 8] [1, 1]
  // CHECK-DAG: %[[AS:.*]] = tensor.extract_slice %[[A]][%[[K]], 0] [%[[N]], 6] [1, 1]
  // CHECK-DAG: %[[BS:.*]] = tensor.extract_slice %[[B]][%[[K]], 0] [%[[N]], 4] [1, 1]
  // CHECK: %[[Y:.*]]:2 = aimc.grid weights [@w, @v] tiles [@w0, @v0] ins(%[[XS]] : tensor<?x8xf32>) outs(%[[AS]], %[[BS]] : tensor<?x6xf32>, tensor<?x4xf32>) {input_range = 2.000000e+00 : f32} -> tensor<?x6xf32>, tensor<?x4xf32>
  // CHECK-DAG: tensor.insert_slice %[[Y]]#0 into %[[A]][%[[K]], 0] [%[[N]], 6] [1, 1]
  // CHECK-DAG: tensor.insert_slice %[[Y]]#1 into %[[B]][%[[K]], 0] [%[[N]], 4] [1, 1]
  // CHECK: return %[[R]]#0, %[[R]]#1
  %y:2 = aimc.grid weights [@w, @v] tiles [@w0, @v0] ins(%x : tensor<10x8xf32>) outs(%i, %j : tensor<10x6xf32>, tensor<10x4xf32>) {input_range = 2.0 : f32} -> tensor<10x6xf32>, tensor<10x4xf32>
  return %y#0, %y#1 : tensor<10x6xf32>, tensor<10x4xf32>
}

module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %grid = transform.structured.match ops{["aimc.grid"]} in %root : (!transform.any_op) -> !transform.any_op
    %tiled, %loop = transform.structured.tile_using_for %grid tile_sizes [4] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

aimc.weight @w : tensor<8x6xf32>
aimc.weight @z : tensor<6x8xf32>

// The consumer asks for whole rows, so both products are fused into its loop: the second one asks the
// first for the rows of its input. The batch is dynamic.
// CHECK-LABEL: func.func @fuse_producers(
// CHECK-SAME: %[[X:[^:]*]]: tensor<?x8xf32>, %[[I:[^:]*]]: tensor<?x6xf32>, %[[J:[^:]*]]: tensor<?x8xf32>
func.func @fuse_producers(%x: tensor<?x8xf32>, %i: tensor<?x6xf32>, %j: tensor<?x8xf32>, %o: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK: scf.for %[[K:[^ ]*]] =
  // CHECK-DAG: %[[XS:.*]] = tensor.extract_slice %[[X]][%[[K]], 0] [%[[N:.*]], 8] [1, 1]
  // CHECK-DAG: %[[IS:.*]] = tensor.extract_slice %[[I]][%[[K]], 0] [%{{.*}}, 6] [1, 1]
  // CHECK: %[[A:.*]] = aimc.linear @w ins(%[[XS]] : tensor<?x8xf32>) outs(%[[IS]] : tensor<?x6xf32>) -> tensor<?x6xf32>
  // CHECK: %[[JS:.*]] = tensor.extract_slice %[[J]][%[[K]], 0] [%{{.*}}, 8] [1, 1]
  // CHECK: %[[B:.*]] = aimc.linear @z ins(%[[A]] : tensor<?x6xf32>) outs(%[[JS]] : tensor<?x8xf32>) -> tensor<?x8xf32>
  // CHECK: linalg.exp ins(%[[B]]
  // CHECK-NOT: aimc.linear
  %a = aimc.linear @w ins(%x : tensor<?x8xf32>) outs(%i : tensor<?x6xf32>) -> tensor<?x6xf32>
  %b = aimc.linear @z ins(%a : tensor<?x6xf32>) outs(%j : tensor<?x8xf32>) -> tensor<?x8xf32>
  %c = linalg.exp ins(%b : tensor<?x8xf32>) outs(%o : tensor<?x8xf32>) -> tensor<?x8xf32>
  return %c : tensor<?x8xf32>
}

module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %exp = transform.structured.match ops{["linalg.exp"]} in %root : (!transform.any_op) -> !transform.any_op
    %fused, %loop = transform.structured.fuse %exp tile_sizes [4, 0] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

aimc.weight @w : tensor<8x6xf32>

// The consumer asks for half a row: a tile computes all its columns at once, so the product stays out.
// CHECK-LABEL: func.func @columns_are_not_fused(
func.func @columns_are_not_fused(%x: tensor<4x8xf32>, %i: tensor<4x6xf32>, %o: tensor<4x6xf32>) -> tensor<4x6xf32> {
  // CHECK: aimc.linear @w
  // CHECK: scf.for
  // CHECK-NOT: aimc.linear
  // CHECK: linalg.exp
  %a = aimc.linear @w ins(%x : tensor<4x8xf32>) outs(%i : tensor<4x6xf32>) -> tensor<4x6xf32>
  %c = linalg.exp ins(%a : tensor<4x6xf32>) outs(%o : tensor<4x6xf32>) -> tensor<4x6xf32>
  return %c : tensor<4x6xf32>
}

module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %exp = transform.structured.match ops{["linalg.exp"]} in %root : (!transform.any_op) -> !transform.any_op
    %fused, %loop = transform.structured.fuse %exp tile_sizes [0, 3] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}
