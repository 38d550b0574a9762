// RUN: aimc-opt %s --aimc-legalize-linear --split-input-file | FileCheck %s --implicit-check-not=aimc.linear
// RUN: aimc-opt %s --aimc-legalize-linear --split-input-file --remarks-filter=aimc 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK

#id = affine_map<(d0, d1) -> (d0, d1)>
#swap = affine_map<(d0, d1) -> (d1, d0)>
#row = affine_map<(d0, d1) -> (d0)>
#column = affine_map<(d0, d1) -> (d1)>

// However an index becomes zeros and a one, the product copies a row: booleans are converted, or
// select between 1 and 0 or, where numbers differ, between 0 and 1.
// REMARK: Function=selected{{.*}}stays digital: its input selects rows of the constant: a look-up
// REMARK: Function=selected{{.*}}stays digital: its input selects rows of the constant: a look-up
// REMARK: Function=selected{{.*}}stays digital: its input selects rows of the constant: a look-up
// CHECK-LABEL: func.func @selected
// CHECK-SAME: %[[IDS:.*]]: tensor<4xi64>, %[[INIT:.*]]: tensor<4x2xf32>
// CHECK: %[[WHERE:.*]] = linalg.generic
// CHECK: linalg.matmul ins(%[[WHERE]], %{{.*}}) outs(%[[INIT]]
// CHECK: %[[DIFFERS:.*]] = linalg.generic
// CHECK: linalg.matmul ins(%[[DIFFERS]], %{{.*}}) outs(%[[INIT]]
// CHECK: %[[FLIPPED:.*]] = linalg.generic
// CHECK: linalg.matmul ins(%[[FLIPPED]], %{{.*}}) outs(%[[INIT]]
func.func @selected(%ids: tensor<4xi64>, %init: tensor<4x2xf32>) -> (tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x2xf32>) {
  %w = arith.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>
  %range = arith.constant dense<[0, 1, 2]> : tensor<3xi64>
  %one = arith.constant 1.0 : f32
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x3xf32>
  %where = linalg.generic {indexing_maps = [#row, #column, #id], iterator_types = ["parallel", "parallel"]}
      ins(%ids, %range : tensor<4xi64>, tensor<3xi64>) outs(%e : tensor<4x3xf32>) {
  ^bb0(%a: i64, %b: i64, %c: f32):
    %t = arith.cmpi eq, %a, %b : i64
    %s = arith.select %t, %one, %zero : f32
    linalg.yield %s : f32
  } -> tensor<4x3xf32>
  %x = linalg.matmul ins(%where, %w : tensor<4x3xf32>, tensor<3x2xf32>) outs(%init : tensor<4x2xf32>) -> tensor<4x2xf32>
  %differs = linalg.generic {indexing_maps = [#row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%ids : tensor<4xi64>) outs(%e : tensor<4x3xf32>) {
  ^bb0(%a: i64, %c: f32):
    %i = linalg.index 1 : index
    %n = arith.index_cast %i : index to i64
    %t = arith.cmpi ne, %a, %n : i64
    %s = arith.select %t, %zero, %one : f32
    linalg.yield %s : f32
  } -> tensor<4x3xf32>
  %y = linalg.matmul ins(%differs, %w : tensor<4x3xf32>, tensor<3x2xf32>) outs(%init : tensor<4x2xf32>) -> tensor<4x2xf32>
  %flipped = linalg.generic {indexing_maps = [#row, #column, #id], iterator_types = ["parallel", "parallel"]}
      ins(%ids, %range : tensor<4xi64>, tensor<3xi64>) outs(%e : tensor<4x3xf32>) {
  ^bb0(%a: i64, %b: i64, %c: f32):
    %t = arith.cmpi ne, %a, %b : i64
    %f = arith.uitofp %t : i1 to f32
    %s = arith.subf %one, %f : f32
    linalg.yield %s : f32
  } -> tensor<4x3xf32>
  %z = linalg.matmul ins(%flipped, %w : tensor<4x3xf32>, tensor<3x2xf32>) outs(%init : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %x, %y, %z : tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x2xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
#swap = affine_map<(d0, d1) -> (d1, d0)>
#row = affine_map<(d0, d1) -> (d0)>

// Rows of a constant one-hot matrix are one-hot, also when they are masked, turned, cut or reshaped.
// REMARK: Function=gathered{{.*}}stays digital: its input selects rows of the constant
// CHECK-LABEL: func.func @gathered
// CHECK-SAME: %{{.*}}: tensor<4xindex>, %[[MASK:.*]]: tensor<4xi1>, %[[INIT:.*]]: tensor<2x2xf32>
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %[[MASK]] :
// CHECK: %[[TURNED:.*]] = linalg.generic
// CHECK: %[[CUT:.*]] = tensor.extract_slice %[[TURNED]]
// CHECK: linalg.matmul {{.*}} ins(%[[CUT]], %{{.*}}) outs(%[[INIT]]
func.func @gathered(%ids: tensor<4xindex>, %mask: tensor<4xi1>, %init: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %w = arith.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>
  %eye = arith.constant dense<[[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]> : tensor<3x3xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x3xf32>
  %hot = linalg.generic {indexing_maps = [#row, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%ids, %mask : tensor<4xindex>, tensor<4xi1>) outs(%e : tensor<4x3xf32>) {
  ^bb0(%a: index, %m: i1, %c: f32):
    %i = linalg.index 1 : index
    %t = tensor.extract %eye[%a, %i] : tensor<3x3xf32>
    %s = arith.select %m, %t, %zero : f32
    linalg.yield %s : f32
  } -> tensor<4x3xf32>
  %f = tensor.empty() : tensor<3x4xf32>
  %turned = linalg.generic {indexing_maps = [#swap, #id], iterator_types = ["parallel", "parallel"]}
      ins(%hot : tensor<4x3xf32>) outs(%f : tensor<3x4xf32>) {
  ^bb0(%a: f32, %c: f32):
    linalg.yield %a : f32
  } -> tensor<3x4xf32>
  %cut = tensor.extract_slice %turned[0, 1] [3, 2] [1, 1] : tensor<3x4xf32> to tensor<3x2xf32>
  %y = linalg.matmul
      indexing_maps = [affine_map<(m, n, k) -> (k, m)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%cut, %w : tensor<3x2xf32>, tensor<3x2xf32>) outs(%init : tensor<2x2xf32>) -> tensor<2x2xf32>
  return %y : tensor<2x2xf32>
}

// -----

#id = affine_map<(d0) -> (d0)>

// A condition beside its complement, an integer of the model beside one minus it, and comparisons
// of one number with several: one of two or three rows.
// REMARK: Function=pairs{{.*}}stays digital: its input selects rows of the constant
// REMARK: Function=pairs{{.*}}stays digital: its input selects rows of the constant
// CHECK-LABEL: func.func @pairs
// CHECK-SAME: %[[IDS:.*]]: tensor<4xi64>, %[[INIT:.*]]: tensor<4x2xf32>
// CHECK: %[[PAIR:.*]] = tensor.insert_slice
// CHECK: %[[TWO:.*]] = tensor.insert_slice %{{.*}} into %[[PAIR]]
// CHECK: linalg.matmul ins(%[[TWO]], %{{.*}}) outs(%[[INIT]]
// CHECK: %[[EQUAL:.*]] = tensor.concat
// CHECK: linalg.matmul ins(%[[EQUAL]], %{{.*}}) outs(%[[INIT]]
func.func @pairs(%ids: tensor<4xi64>, %init: tensor<4x2xf32>) -> (tensor<4x2xf32>, tensor<4x2xf32>) {
  %w2 = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %w3 = arith.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>
  %one = arith.constant 1.0 : f32
  %zero = arith.constant 0.0 : f32
  %n0 = arith.constant 0 : i64
  %n1 = arith.constant 1 : i64
  %e = tensor.empty() : tensor<4xf32>
  %x = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%ids : tensor<4xi64>) outs(%e : tensor<4xf32>) {
  ^bb0(%a: i64, %c: f32):
    %s = arith.sitofp %a : i64 to f32
    linalg.yield %s : f32
  } -> tensor<4xf32>
  %not = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%a: f32, %c: f32):
    %s = arith.subf %one, %a : f32
    linalg.yield %s : f32
  } -> tensor<4xf32>
  %columnx = tensor.expand_shape %x [[0, 1]] output_shape [4, 1] : tensor<4xf32> into tensor<4x1xf32>
  %columnn = tensor.expand_shape %not [[0, 1]] output_shape [4, 1] : tensor<4xf32> into tensor<4x1xf32>
  %e2 = tensor.empty() : tensor<4x2xf32>
  %first = tensor.insert_slice %columnn into %e2[0, 0] [4, 1] [1, 1] : tensor<4x1xf32> into tensor<4x2xf32>
  %pair = tensor.insert_slice %columnx into %first[0, 1] [4, 1] [1, 1] : tensor<4x1xf32> into tensor<4x2xf32>
  %y = linalg.matmul ins(%pair, %w2 : tensor<4x2xf32>, tensor<2x2xf32>) outs(%init : tensor<4x2xf32>) -> tensor<4x2xf32>
  %is0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%ids : tensor<4xi64>) outs(%e : tensor<4xf32>) {
  ^bb0(%a: i64, %c: f32):
    %t = arith.cmpi eq, %a, %n0 : i64
    %s = arith.uitofp %t : i1 to f32
    linalg.yield %s : f32
  } -> tensor<4xf32>
  %is1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%ids : tensor<4xi64>) outs(%e : tensor<4xf32>) {
  ^bb0(%a: i64, %c: f32):
    %t = arith.cmpi ne, %n1, %a : i64
    %s = arith.select %t, %zero, %one : f32
    linalg.yield %s : f32
  } -> tensor<4xf32>
  %is = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%ids : tensor<4xi64>) outs(%e : tensor<4xf32>) {
  ^bb0(%a: i64, %c: f32):
    %n2 = arith.constant 2 : i64
    %t = arith.cmpi eq, %a, %n2 : i64
    %s = arith.uitofp %t : i1 to f32
    linalg.yield %s : f32
  } -> tensor<4xf32>
  %c0 = tensor.expand_shape %is0 [[0, 1]] output_shape [4, 1] : tensor<4xf32> into tensor<4x1xf32>
  %c1 = tensor.expand_shape %is1 [[0, 1]] output_shape [4, 1] : tensor<4xf32> into tensor<4x1xf32>
  %c2 = tensor.expand_shape %is [[0, 1]] output_shape [4, 1] : tensor<4xf32> into tensor<4x1xf32>
  %equal = tensor.concat dim(1) %c0, %c1, %c2 : (tensor<4x1xf32>, tensor<4x1xf32>, tensor<4x1xf32>) -> tensor<4x3xf32>
  %z = linalg.matmul ins(%equal, %w3 : tensor<4x3xf32>, tensor<3x2xf32>) outs(%init : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %y, %z : tensor<4x2xf32>, tensor<4x2xf32>
}
