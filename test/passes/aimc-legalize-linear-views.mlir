// RUN: aimc-opt %s --aimc-legalize-linear --split-input-file | FileCheck %s

// A broadcast weight over a batch is one weight; the fill is made at the new shape.
// CHECK: aimc.weight @weight_0 transposed : tensor<3x2xf32>
// CHECK-LABEL: func.func @batch
// CHECK-SAME: (%[[X:.*]]: tensor<2x4x3xf32>)
// CHECK: %[[ZERO:.*]] = arith.constant 0.0
// CHECK: %[[X2:.*]] = tensor.collapse_shape %[[X]] {{\[\[}}0, 1], [2]] : tensor<2x4x3xf32> into tensor<8x3xf32>
// CHECK: %[[FILL:.*]] = linalg.fill ins(%[[ZERO]] : f32) outs(%{{.*}} : tensor<8x2xf32>)
// CHECK: %[[Y:.*]] = aimc.linear @weight_0 ins(%[[X2]] : tensor<8x3xf32>) outs(%[[FILL]] : tensor<8x2xf32>)
// CHECK: tensor.expand_shape %[[Y]] {{\[\[}}0, 1], [2]] output_shape [2, 4, 2]
// CHECK-NOT: linalg.broadcast
func.func @batch(%x: tensor<2x4x3xf32>) -> tensor<2x4x2xf32> {
  %w = arith.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>
  %zero = arith.constant 0.0 : f32
  %e0 = tensor.empty() : tensor<3x2xf32>
  %t = linalg.transpose ins(%w : tensor<2x3xf32>) outs(%e0 : tensor<3x2xf32>) permutation = [1, 0]
  %e1 = tensor.empty() : tensor<2x3x2xf32>
  %b = linalg.broadcast ins(%t : tensor<3x2xf32>) outs(%e1 : tensor<2x3x2xf32>) dimensions = [0]
  %e2 = tensor.empty() : tensor<2x4x2xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e2 : tensor<2x4x2xf32>) -> tensor<2x4x2xf32>
  %y = linalg.batch_matmul ins(%x, %b : tensor<2x4x3xf32>, tensor<2x3x2xf32>) outs(%f : tensor<2x4x2xf32>) -> tensor<2x4x2xf32>
  return %y : tensor<2x4x2xf32>
}

// -----

// Reshapes of a constant are followed, also through a transposition: no copy.
// CHECK: aimc.weight @weight_0 transposed : tensor<4x2xf32> = dense<{{\[\[}}1.000000e+00, 2.000000e+00, 3.000000e+00, 4.000000e+00], [5
// CHECK-LABEL: func.func @reshaped
func.func @reshaped(%x: tensor<3x4xf32>, %init: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %w = arith.constant dense<[[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]]> : tensor<2x2x2xf32>
  %c = tensor.collapse_shape %w [[0], [1, 2]] : tensor<2x2x2xf32> into tensor<2x4xf32>
  %e = tensor.empty() : tensor<4x2xf32>
  %t = linalg.transpose ins(%c : tensor<2x4xf32>) outs(%e : tensor<4x2xf32>) permutation = [1, 0]
  %y = linalg.matmul ins(%x, %t : tensor<3x4xf32>, tensor<4x2xf32>) outs(%init : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}

// -----

// A reshape of a transposition is copied in the order in which it is read:
// rows (0,0,..),(..): w[i][j] = 2i + j, transposed to [j, i], flattened and cut into [4, 1].
// CHECK: aimc.weight @weight_0 : tensor<4x1xf32> = dense<{{\[\[}}1.000000e+00], [3.000000e+00], [2.000000e+00], [4.000000e+00]]>
// CHECK-LABEL: func.func @copied
func.func @copied(%x: tensor<3x4xf32>, %init: tensor<3x1xf32>) -> tensor<3x1xf32> {
  %w = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %e = tensor.empty() : tensor<2x2xf32>
  %t = linalg.transpose ins(%w : tensor<2x2xf32>) outs(%e : tensor<2x2xf32>) permutation = [1, 0]
  %c = tensor.collapse_shape %t [[0, 1]] : tensor<2x2xf32> into tensor<4xf32>
  %v = tensor.expand_shape %c [[0, 1]] output_shape [4, 1] : tensor<4xf32> into tensor<4x1xf32>
  %y = linalg.matmul ins(%x, %v : tensor<3x4xf32>, tensor<4x1xf32>) outs(%init : tensor<3x1xf32>) -> tensor<3x1xf32>
  return %y : tensor<3x1xf32>
}

// -----

// Slices of a fused weight are weights of their own.
// CHECK: aimc.weight @weight_0 : tensor<2x2xf32> = dense<{{\[\[}}1.000000e+00, 2.000000e+00], [5.000000e+00, 6.000000e+00]]>
// CHECK: aimc.weight @weight_1 : tensor<2x2xf32> = dense<{{\[\[}}3.000000e+00, 4.000000e+00], [7.000000e+00, 8.000000e+00]]>
// CHECK-LABEL: func.func @sliced
func.func @sliced(%x: tensor<3x2xf32>, %init: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %w = arith.constant dense<[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]> : tensor<2x4xf32>
  %a = tensor.extract_slice %w[0, 0] [2, 2] [1, 1] : tensor<2x4xf32> to tensor<2x2xf32>
  %b = tensor.extract_slice %w[0, 2] [2, 2] [1, 1] : tensor<2x4xf32> to tensor<2x2xf32>
  %y = linalg.matmul ins(%x, %a : tensor<3x2xf32>, tensor<2x2xf32>) outs(%init : tensor<3x2xf32>) -> tensor<3x2xf32>
  %z = linalg.matmul ins(%y, %b : tensor<3x2xf32>, tensor<2x2xf32>) outs(%init : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %z : tensor<3x2xf32>
}

// -----

// A resource keeps its name and its data, whatever its rank.
// CHECK: aimc.weight @weight_0 : tensor<2x2xf32> = dense_resource<w>
// CHECK-LABEL: func.func @resource
func.func @resource(%x: tensor<1x3x2xf32>, %init: tensor<1x3x2xf32>) -> tensor<1x3x2xf32> {
  %w = arith.constant dense_resource<w> : tensor<1x2x2xf32>
  %y = linalg.batch_matmul ins(%x, %w : tensor<1x3x2xf32>, tensor<1x2x2xf32>) outs(%init : tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  return %y : tensor<1x3x2xf32>
}
{-# dialect_resources: { builtin: { w: "0x040000000000803F000000400000404000008040" } } #-}

// -----

// Globals that cannot change are constants; the ones that can are not.
// CHECK: aimc.weight @weight_0 : tensor<2x2xf32>
// CHECK-LABEL: func.func @global
// CHECK: aimc.linear @weight_0
// CHECK: linalg.matmul
ml_program.global private @fixed(dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>) : tensor<2x2xf32>
ml_program.global private mutable @changes(dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>) : tensor<2x2xf32>
func.func @global(%x: tensor<3x2xf32>, %init: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %w = ml_program.global_load_const @fixed : tensor<2x2xf32>
  %y = linalg.matmul ins(%x, %w : tensor<3x2xf32>, tensor<2x2xf32>) outs(%init : tensor<3x2xf32>) -> tensor<3x2xf32>
  %v = ml_program.global_load @changes : tensor<2x2xf32>
  %z = linalg.matmul ins(%y, %v : tensor<3x2xf32>, tensor<2x2xf32>) outs(%init : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %z : tensor<3x2xf32>
}

// -----

// A broadcast that a front end has carried out is one matrix all the same: it is stored once.
// CHECK: aimc.weight @weight_0 : tensor<2x1xf32> = dense<{{\[\[}}1.000000e+00], [2.000000e+00]]>
// CHECK-LABEL: func.func @equal_batches
// CHECK-SAME: %[[X:.*]]: tensor<2x3x2xf32>, %[[INIT:.*]]: tensor<2x3x1xf32>
// CHECK-DAG: %[[X2:.*]] = tensor.collapse_shape %[[X]] {{\[\[}}0, 1], [2]] : tensor<2x3x2xf32> into tensor<6x2xf32>
// CHECK-DAG: %[[INIT2:.*]] = tensor.collapse_shape %[[INIT]] {{\[\[}}0, 1], [2]] : tensor<2x3x1xf32> into tensor<6x1xf32>
// CHECK: aimc.linear @weight_0 ins(%[[X2]] : tensor<6x2xf32>) outs(%[[INIT2]] : tensor<6x1xf32>)
func.func @equal_batches(%x: tensor<2x3x2xf32>, %init: tensor<2x3x1xf32>) -> tensor<2x3x1xf32> {
  %w = arith.constant dense<[[[1.0], [2.0]], [[1.0], [2.0]]]> : tensor<2x2x1xf32>
  %y = linalg.batch_matmul ins(%x, %w : tensor<2x3x2xf32>, tensor<2x2x1xf32>) outs(%init : tensor<2x3x1xf32>) -> tensor<2x3x1xf32>
  return %y : tensor<2x3x1xf32>
}
