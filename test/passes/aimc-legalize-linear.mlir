// RUN: aimc-opt %s --aimc-legalize-linear --split-input-file | FileCheck %s

// A product of rank 2 keeps its operands; the weight is named after the layer.
// CHECK: aimc.weight @encoder.0_query : tensor<3x2xf32> = dense<{{.*}}1.000000e+00, 2.000000e+00
// CHECK-LABEL: func.func @matmul
// CHECK-SAME: (%[[X:.*]]: tensor<4x3xf32>, %[[INIT:.*]]: tensor<4x2xf32>)
// CHECK-NEXT: %[[Y:.*]] = aimc.linear @encoder.0_query ins(%[[X]] : tensor<4x3xf32>) outs(%[[INIT]] : tensor<4x2xf32>)
// CHECK-NEXT: return %[[Y]]
func.func @matmul(%x: tensor<4x3xf32>, %init: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %w = arith.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>
  %y = linalg.matmul ins(%x, %w : tensor<4x3xf32>, tensor<3x2xf32>) outs(%init : tensor<4x2xf32>) -> tensor<4x2xf32> loc("/encoder.0/query")
  return %y : tensor<4x2xf32>
}

// -----

// A weight stored as [N, K] is read in place.
// CHECK: aimc.weight @weight_0 transposed : tensor<3x2xf32> = dense<{{.*}}1.000000e+00, 2.000000e+00, 3.000000e+00], [4
// CHECK-LABEL: func.func @transposed_map
// CHECK: aimc.linear @weight_0
func.func @transposed_map(%x: tensor<4x3xf32>, %init: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %w = arith.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>
  %y = linalg.matmul
      indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%x, %w : tensor<4x3xf32>, tensor<2x3xf32>) outs(%init : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %y : tensor<4x2xf32>
}

// -----

// One constant read in one way is one weight; read the other way it is another.
// CHECK: aimc.weight @weight_0 : tensor<2x2xf32>
// CHECK-NEXT: aimc.weight @weight_1 transposed : tensor<2x2xf32>
// CHECK-NOT: aimc.weight
// CHECK-LABEL: func.func @one_constant
// CHECK: aimc.linear @weight_0
// CHECK: aimc.linear @weight_0
// CHECK: aimc.linear @weight_1
func.func @one_constant(%x: tensor<4x2xf32>, %init: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %w = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %a = linalg.matmul ins(%x, %w : tensor<4x2xf32>, tensor<2x2xf32>) outs(%init : tensor<4x2xf32>) -> tensor<4x2xf32>
  %b = linalg.matmul ins(%a, %w : tensor<4x2xf32>, tensor<2x2xf32>) outs(%init : tensor<4x2xf32>) -> tensor<4x2xf32>
  %c = linalg.matmul
      indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%b, %w : tensor<4x2xf32>, tensor<2x2xf32>) outs(%init : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %c : tensor<4x2xf32>
}

// -----

// Vectors become matrices of one row; y = W x reads W as its own transposition.
// CHECK: aimc.weight @weight_0 : tensor<3x2xf32>
// CHECK: aimc.weight @weight_1 transposed : tensor<2x3xf32>
// CHECK-LABEL: func.func @vectors
// CHECK-SAME: (%[[X:.*]]: tensor<3xf32>,
// CHECK: %[[X2:.*]] = tensor.expand_shape %[[X]] {{\[\[}}0, 1]] output_shape [1, 3]
// CHECK: %[[Y2:.*]] = aimc.linear @weight_0 ins(%[[X2]] : tensor<1x3xf32>)
// CHECK: %[[Y:.*]] = tensor.collapse_shape %[[Y2]] {{\[\[}}0, 1]] : tensor<1x2xf32> into tensor<2xf32>
// CHECK: aimc.linear @weight_1 ins({{.*}} : tensor<1x2xf32>)
func.func @vectors(%x: tensor<3xf32>, %a: tensor<2xf32>, %b: tensor<3xf32>) -> tensor<3xf32> {
  %w = arith.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>
  %y = linalg.vecmat ins(%x, %w : tensor<3xf32>, tensor<3x2xf32>) outs(%a : tensor<2xf32>) -> tensor<2xf32>
  %z = linalg.matvec ins(%w, %y : tensor<3x2xf32>, tensor<2xf32>) outs(%b : tensor<3xf32>) -> tensor<3xf32>
  return %z : tensor<3xf32>
}

// -----

// A product of two vectors is a weight of one column and an input of one row.
// CHECK: aimc.weight @weight_0 : tensor<3x1xf32>
// CHECK-LABEL: func.func @dot
// CHECK: %[[Y:.*]] = aimc.linear @weight_0 ins(%{{.*}} : tensor<1x3xf32>) outs(%{{.*}} : tensor<1x1xf32>)
// CHECK: tensor.collapse_shape %[[Y]] [] : tensor<1x1xf32> into tensor<f32>
func.func @dot(%x: tensor<3xf32>, %a: tensor<f32>) -> tensor<f32> {
  %w = arith.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf32>
  %y = linalg.dot ins(%x, %w : tensor<3xf32>, tensor<3xf32>) outs(%a : tensor<f32>) -> tensor<f32>
  return %y : tensor<f32>
}

// -----

// y = W x of matrices: the input and the result are turned, the weight is not.
// CHECK: aimc.weight @weight_0 transposed : tensor<3x2xf32>
// CHECK-LABEL: func.func @constant_left
// CHECK-SAME: (%[[X:.*]]: tensor<3x5xf32>
// CHECK: %[[XT:.*]] = linalg.transpose ins(%[[X]] : tensor<3x5xf32>) {{.*}} permutation = [1, 0]
// CHECK: %[[YT:.*]] = aimc.linear @weight_0 ins(%[[XT]] : tensor<5x3xf32>)
// CHECK: linalg.transpose ins(%[[YT]] : tensor<5x2xf32>) {{.*}} permutation = [1, 0]
func.func @constant_left(%x: tensor<3x5xf32>, %init: tensor<2x5xf32>) -> tensor<2x5xf32> {
  %w = arith.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>
  %y = linalg.matmul ins(%w, %x : tensor<2x3xf32>, tensor<3x5xf32>) outs(%init : tensor<2x5xf32>) -> tensor<2x5xf32>
  return %y : tensor<2x5xf32>
}

// -----

// Two heads of two columns: [b, s, (h, d)], where the constant is stored as [h, d, k].
// CHECK: aimc.weight @weight_0 transposed : tensor<3x4xf32> = dense<{{.*}}, [7.000000e+00, 8.000000e+00, 9.000000e+00], [1.000000e+01
// CHECK-LABEL: func.func @heads
// CHECK: aimc.linear @weight_0 ins(%{{.*}} : tensor<10x3xf32>) outs(%{{.*}} : tensor<10x4xf32>)
// CHECK: tensor.expand_shape %{{.*}} {{\[\[}}0, 1], [2, 3]] output_shape [2, 5, 2, 2]
func.func @heads(%x: tensor<2x5x3xf32>, %init: tensor<2x5x2x2xf32>) -> tensor<2x5x2x2xf32> {
  %w = arith.constant dense<[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], [[7.0, 8.0, 9.0], [10.0, 11.0, 12.0]]]> : tensor<2x2x3xf32>
  %y = linalg.generic {
      indexing_maps = [affine_map<(b, s, h, d, k) -> (b, s, k)>, affine_map<(b, s, h, d, k) -> (h, d, k)>, affine_map<(b, s, h, d, k) -> (b, s, h, d)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<2x5x3xf32>, tensor<2x2x3xf32>) outs(%init : tensor<2x5x2x2xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %b, %a : f32
    %s = arith.addf %p, %c : f32
    linalg.yield %s : f32
  } -> tensor<2x5x2x2xf32>
  return %y : tensor<2x5x2x2xf32>
}

// -----

// A weight that is the whole of an initializer keeps its name, turned or not; a part of one does not.
// CHECK: aimc.weight @weight_0 transposed : tensor<3x2xf32> {{.*}} {aimc.initializer = "onnx::MatMul_7"}
// CHECK: aimc.weight @weight_1 : tensor<2x2xf32>
// CHECK-NOT: aimc.initializer
// CHECK-LABEL: func.func @initializers
func.func @initializers(%x: tensor<4x3xf32>, %z: tensor<4x2xf32>, %init: tensor<4x2xf32>) -> (tensor<4x2xf32>, tensor<4x2xf32>) {
  %w = arith.constant {aimc.initializer = "onnx::MatMul_7"} dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>
  %e = tensor.empty() : tensor<3x2xf32>
  %t = linalg.transpose ins(%w : tensor<2x3xf32>) outs(%e : tensor<3x2xf32>) permutation = [1, 0]
  %y = linalg.matmul ins(%x, %t : tensor<4x3xf32>, tensor<3x2xf32>) outs(%init : tensor<4x2xf32>) -> tensor<4x2xf32>
  %part = tensor.extract_slice %w[0, 1] [2, 2] [1, 1] : tensor<2x3xf32> to tensor<2x2xf32>
  %p = linalg.matmul ins(%z, %part : tensor<4x2xf32>, tensor<2x2xf32>) outs(%init : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %y, %p : tensor<4x2xf32>, tensor<4x2xf32>
}
