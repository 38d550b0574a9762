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

// -----

// What a model computes from constants in every run is no weight, and is told from run-time data.
// REMARK: stays digital: the right-hand side follows from constants alone, but the model computes it in every run
// CHECK-LABEL: func.func @computed
// CHECK: linalg.matmul
func.func @computed(%x: tensor<4x2xf32>, %init: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %w = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %e = tensor.empty() : tensor<2x2xf32>
  %v = linalg.exp ins(%w : tensor<2x2xf32>) outs(%e : tensor<2x2xf32>) -> tensor<2x2xf32>
  %y = linalg.matmul ins(%x, %v : tensor<4x2xf32>, tensor<2x2xf32>) outs(%init : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %y : tensor<4x2xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0, 0)>
#column = affine_map<(d0, d1) -> (d1)>

// One-hot vectors select rows of a table.
// REMARK: stays digital: its input selects rows of the constant: a look-up, which is exact in digital code
// CHECK-LABEL: func.func @look_up
// CHECK: linalg.matmul
// CHECK-NOT: aimc.linear
func.func @look_up(%ids: tensor<4x1xi64>, %init: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %range = arith.constant dense<[0, 1]> : tensor<2xi64>
  %w = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %e = tensor.empty() : tensor<4x2xi1>
  %equal = linalg.generic {indexing_maps = [#row, #column, #id], iterator_types = ["parallel", "parallel"]}
      ins(%ids, %range : tensor<4x1xi64>, tensor<2xi64>) outs(%e : tensor<4x2xi1>) {
  ^bb0(%a: i64, %b: i64, %c: i1):
    %t = arith.cmpi eq, %a, %b : i64
    linalg.yield %t : i1
  } -> tensor<4x2xi1>
  %f = tensor.empty() : tensor<4x2xf32>
  %hot = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%equal : tensor<4x2xi1>) outs(%f : tensor<4x2xf32>) {
  ^bb0(%a: i1, %c: f32):
    %t = arith.uitofp %a : i1 to f32
    linalg.yield %t : f32
  } -> tensor<4x2xf32>
  %y = linalg.matmul ins(%hot, %w : tensor<4x2xf32>, tensor<2x2xf32>) outs(%init : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %y : tensor<4x2xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0, 0)>
#column = affine_map<(d0, d1) -> (d1)>

// Constants that repeat make vectors of several ones: a product like any other.
// CHECK-LABEL: func.func @several_ones
// CHECK: aimc.linear
func.func @several_ones(%ids: tensor<4x1xi64>, %init: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %range = arith.constant dense<[1, 1]> : tensor<2xi64>
  %w = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %e = tensor.empty() : tensor<4x2xi1>
  %equal = linalg.generic {indexing_maps = [#row, #column, #id], iterator_types = ["parallel", "parallel"]}
      ins(%ids, %range : tensor<4x1xi64>, tensor<2xi64>) outs(%e : tensor<4x2xi1>) {
  ^bb0(%a: i64, %b: i64, %c: i1):
    %t = arith.cmpi eq, %a, %b : i64
    linalg.yield %t : i1
  } -> tensor<4x2xi1>
  %f = tensor.empty() : tensor<4x2xf32>
  %hot = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%equal : tensor<4x2xi1>) outs(%f : tensor<4x2xf32>) {
  ^bb0(%a: i1, %c: f32):
    %t = arith.uitofp %a : i1 to f32
    linalg.yield %t : f32
  } -> tensor<4x2xf32>
  %y = linalg.matmul ins(%hot, %w : tensor<4x2xf32>, tensor<2x2xf32>) outs(%init : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %y : tensor<4x2xf32>
}
