// RUN: aimc-opt %s --aimc-legalize-linear --split-input-file | FileCheck %s
// RUN: aimc-opt %s --aimc-legalize-linear --split-input-file --remarks-filter=aimc 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK

// REMARK: aimc-legalize-linear{{.*}}Function=run_time{{.*}}stays digital: both operands are computed at run time
// CHECK-LABEL: func.func @run_time
// CHECK: linalg.matmul
func.func @run_time(%x: tensor<4x3xf32>, %w: tensor<3x2xf32>, %init: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %y = linalg.matmul ins(%x, %w : tensor<4x3xf32>, tensor<3x2xf32>) outs(%init : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %y : tensor<4x2xf32>
}

// -----

// REMARK: stays digital: expected static shapes, but got dynamic dimensions
// CHECK-LABEL: func.func @dynamic
// CHECK: linalg.matmul
func.func @dynamic(%x: tensor<?x2xf32>, %init: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %w = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %y = linalg.matmul ins(%x, %w : tensor<?x2xf32>, tensor<2x2xf32>) outs(%init : tensor<?x2xf32>) -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

// -----

// REMARK: stays digital: expected f32 operands, but got f64
// CHECK-LABEL: func.func @f64
// CHECK: linalg.matmul
func.func @f64(%x: tensor<4x2xf64>, %init: tensor<4x2xf64>) -> tensor<4x2xf64> {
  %w = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf64>
  %y = linalg.matmul ins(%x, %w : tensor<4x2xf64>, tensor<2x2xf64>) outs(%init : tensor<4x2xf64>) -> tensor<4x2xf64>
  return %y : tensor<4x2xf64>
}

// -----

// REMARK: stays digital: the constant matrix differs along a batch dimension
// CHECK-LABEL: func.func @batch
// CHECK: linalg.batch_matmul
func.func @batch(%x: tensor<2x3x2xf32>, %init: tensor<2x3x1xf32>) -> tensor<2x3x1xf32> {
  %w = arith.constant dense<[[[1.0], [2.0]], [[3.0], [4.0]]]> : tensor<2x2x1xf32>
  %y = linalg.batch_matmul ins(%x, %w : tensor<2x3x2xf32>, tensor<2x2x1xf32>) outs(%init : tensor<2x3x1xf32>) -> tensor<2x3x1xf32>
  return %y : tensor<2x3x1xf32>
}

// -----

// REMARK: stays digital: expected tensors, but got buffers
// CHECK-LABEL: func.func @buffers
// CHECK: linalg.matmul
func.func @buffers(%x: memref<4x3xf32>, %w: memref<3x2xf32>, %y: memref<4x2xf32>) {
  linalg.matmul ins(%x, %w : memref<4x3xf32>, memref<3x2xf32>) outs(%y : memref<4x2xf32>)
  return
}

// -----

// REMARK: stays digital: the constant's data is not loaded
// CHECK-LABEL: func.func @elided
// CHECK: linalg.matmul
func.func @elided(%x: tensor<4x2xf32>, %init: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %w = arith.constant dense_resource<__elided__> : tensor<2x2xf32>
  %y = linalg.matmul ins(%x, %w : tensor<4x2xf32>, tensor<2x2xf32>) outs(%init : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %y : tensor<4x2xf32>
}

// -----

// A product that is not a sum: nothing to say about it.
// REMARK: linear=0, products=0
// CHECK-LABEL: func.func @no_product
// CHECK: linalg.generic
func.func @no_product(%x: tensor<4xf32>, %init: tensor<4xf32>) -> tensor<4xf32> {
  %w = arith.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
  %y = linalg.generic {
      indexing_maps = [affine_map<(d) -> (d)>, affine_map<(d) -> (d)>, affine_map<(d) -> (d)>], iterator_types = ["parallel"]}
      ins(%x, %w : tensor<4xf32>, tensor<4xf32>) outs(%init : tensor<4xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    linalg.yield %p : f32
  } -> tensor<4xf32>
  return %y : tensor<4xf32>
}
