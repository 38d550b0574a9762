// RUN: aimc-opt %s --aimc-legalize-linear --split-input-file | FileCheck %s --implicit-check-not=linalg.matmul
// RUN: aimc-opt %s --aimc-legalize-linear --split-input-file --remarks-filter=aimc 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK --implicit-check-not="stays digital"
// REMARK: linear=3, products=3

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
#column = affine_map<(d0, d1) -> (d1)>

// What scales a row, or adds run-time data where no row is selected, is a product like any other;
// so are thresholded activations, whose vectors hold any number of ones.
// CHECK-LABEL: func.func @no_look_up
// CHECK-SAME: %[[IDS:.*]]: tensor<4xi64>, %[[X:.*]]: tensor<4x3xf32>, %[[INIT:.*]]: tensor<4x2xf32>
// CHECK: %[[TWO:.*]] = linalg.generic {{.*}} ins(%[[IDS]],
// CHECK: aimc.linear @weight_0 ins(%[[TWO]] : tensor<4x3xf32>) outs(%[[INIT]]
// CHECK: %[[DATA:.*]] = linalg.generic {{.*}} ins(%[[IDS]], %{{.*}}, %[[X]]
// CHECK: aimc.linear @weight_0 ins(%[[DATA]] : tensor<4x3xf32>) outs(%[[INIT]]
// CHECK: %[[SPIKES:.*]] = linalg.generic {{.*}} ins(%[[X]]
// CHECK: aimc.linear @weight_0 ins(%[[SPIKES]] : tensor<4x3xf32>) outs(%[[INIT]]
func.func @no_look_up(%ids: tensor<4xi64>, %x: tensor<4x3xf32>, %init: tensor<4x2xf32>) -> (tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x2xf32>) {
  %w = arith.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>
  %range = arith.constant dense<[0, 1, 2]> : tensor<3xi64>
  %zero = arith.constant 0.0 : f32
  %two = arith.constant 2.0 : f32
  %e = tensor.empty() : tensor<4x3xf32>
  %scaled = linalg.generic {indexing_maps = [#row, #column, #id], iterator_types = ["parallel", "parallel"]}
      ins(%ids, %range : tensor<4xi64>, tensor<3xi64>) outs(%e : tensor<4x3xf32>) {
  ^bb0(%a: i64, %b: i64, %c: f32):
    %t = arith.cmpi eq, %a, %b : i64
    %s = arith.select %t, %two, %zero : f32
    linalg.yield %s : f32
  } -> tensor<4x3xf32>
  %y0 = linalg.matmul ins(%scaled, %w : tensor<4x3xf32>, tensor<3x2xf32>) outs(%init : tensor<4x2xf32>) -> tensor<4x2xf32>
  %data = linalg.generic {indexing_maps = [#row, #column, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%ids, %range, %x : tensor<4xi64>, tensor<3xi64>, tensor<4x3xf32>) outs(%e : tensor<4x3xf32>) {
  ^bb0(%a: i64, %b: i64, %d: f32, %c: f32):
    %t = arith.cmpi eq, %a, %b : i64
    %s = arith.select %t, %d, %zero : f32
    linalg.yield %s : f32
  } -> tensor<4x3xf32>
  %y1 = linalg.matmul ins(%data, %w : tensor<4x3xf32>, tensor<3x2xf32>) outs(%init : tensor<4x2xf32>) -> tensor<4x2xf32>
  %spikes = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<4x3xf32>) outs(%e : tensor<4x3xf32>) {
  ^bb0(%a: f32, %c: f32):
    %t = arith.cmpf ogt, %a, %zero : f32
    %s = arith.uitofp %t : i1 to f32
    linalg.yield %s : f32
  } -> tensor<4x3xf32>
  %y2 = linalg.matmul ins(%spikes, %w : tensor<4x3xf32>, tensor<3x2xf32>) outs(%init : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %y0, %y1, %y2 : tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x2xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>

// Tables that are read before the product: rows with two ones, rows that are scaled, columns of an
// identity (two of which may be one), and an identity that is read along the wrong dimension.
// REMARK: linear=4, products=4
// CHECK-LABEL: func.func @other_tables
// CHECK-SAME: %[[IDS:.*]]: tensor<3xindex>, %[[INIT:.*]]: tensor<3x2xf32>
// CHECK-COUNT-4: aimc.linear @weight_0 ins(%{{.*}} : tensor<3x3xf32>) outs(%[[INIT]]
func.func @other_tables(%ids: tensor<3xindex>, %init: tensor<3x2xf32>) -> (tensor<3x2xf32>, tensor<3x2xf32>, tensor<3x2xf32>, tensor<3x2xf32>) {
  %w = arith.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>
  %codes = arith.constant dense<[[1.0, 0.0, 0.0], [0.0, 1.0, 1.0], [0.0, 0.0, 1.0]]> : tensor<3x3xf32>
  %scaled = arith.constant dense<[[1.0, 0.0, 0.0], [0.0, 0.5, 0.0], [0.0, 0.0, 1.0]]> : tensor<3x3xf32>
  %eye = arith.constant dense<[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]> : tensor<3x3xf32>
  %ones = arith.constant dense<[[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]> : tensor<3x3xf32>
  %e = tensor.empty() : tensor<3x3xf32>
  %x0 = linalg.generic {indexing_maps = [#row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%ids : tensor<3xindex>) outs(%e : tensor<3x3xf32>) {
  ^bb0(%a: index, %c: f32):
    %i = linalg.index 1 : index
    %t = tensor.extract %codes[%a, %i] : tensor<3x3xf32>
    linalg.yield %t : f32
  } -> tensor<3x3xf32>
  %y0 = linalg.matmul ins(%x0, %w : tensor<3x3xf32>, tensor<3x2xf32>) outs(%init : tensor<3x2xf32>) -> tensor<3x2xf32>
  %x1 = linalg.generic {indexing_maps = [#row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%ids : tensor<3xindex>) outs(%e : tensor<3x3xf32>) {
  ^bb0(%a: index, %c: f32):
    %i = linalg.index 1 : index
    %t = tensor.extract %scaled[%a, %i] : tensor<3x3xf32>
    linalg.yield %t : f32
  } -> tensor<3x3xf32>
  %y1 = linalg.matmul ins(%x1, %w : tensor<3x3xf32>, tensor<3x2xf32>) outs(%init : tensor<3x2xf32>) -> tensor<3x2xf32>
  %x2 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1)>, #id], iterator_types = ["parallel", "parallel"]}
      ins(%ids : tensor<3xindex>) outs(%e : tensor<3x3xf32>) {
  ^bb0(%a: index, %c: f32):
    %i = linalg.index 0 : index
    %t = tensor.extract %eye[%i, %a] : tensor<3x3xf32>
    linalg.yield %t : f32
  } -> tensor<3x3xf32>
  %y2 = linalg.matmul ins(%x2, %w : tensor<3x3xf32>, tensor<3x2xf32>) outs(%init : tensor<3x2xf32>) -> tensor<3x2xf32>
  %x3 = linalg.generic {indexing_maps = [#row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%ids : tensor<3xindex>) outs(%e : tensor<3x3xf32>) {
  ^bb0(%a: index, %c: f32):
    %i = linalg.index 1 : index
    %t = tensor.extract %ones[%i, %a] : tensor<3x3xf32>
    linalg.yield %t : f32
  } -> tensor<3x3xf32>
  %y3 = linalg.matmul ins(%x3, %w : tensor<3x3xf32>, tensor<3x2xf32>) outs(%init : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %y0, %y1, %y2, %y3 : tensor<3x2xf32>, tensor<3x2xf32>, tensor<3x2xf32>, tensor<3x2xf32>
}

// -----

#id = affine_map<(d0) -> (d0)>

// One minus a run-time number beside it mixes two rows; conditions on different numbers may both
// hold.
// REMARK: linear=2, products=2
// CHECK-LABEL: func.func @no_pairs
// CHECK: %[[MIXED:.*]] = tensor.concat
// CHECK: aimc.linear @weight_0 ins(%[[MIXED]]
// CHECK: %[[BOTH:.*]] = linalg.generic {{.*}} ins(%{{.*}} : tensor<4x2xi1>)
// CHECK: aimc.linear @weight_0 ins(%[[BOTH]]
func.func @no_pairs(%gate: tensor<4xf32>, %a: tensor<4xi1>, %b: tensor<4xi1>, %init: tensor<4x2xf32>) -> (tensor<4x2xf32>, tensor<4x2xf32>) {
  %w = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %one = arith.constant 1.0 : f32
  %e = tensor.empty() : tensor<4xf32>
  %not = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%gate : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%x: f32, %c: f32):
    %s = arith.subf %one, %x : f32
    linalg.yield %s : f32
  } -> tensor<4xf32>
  %c0 = tensor.expand_shape %gate [[0, 1]] output_shape [4, 1] : tensor<4xf32> into tensor<4x1xf32>
  %c1 = tensor.expand_shape %not [[0, 1]] output_shape [4, 1] : tensor<4xf32> into tensor<4x1xf32>
  %mixed = tensor.concat dim(1) %c0, %c1 : (tensor<4x1xf32>, tensor<4x1xf32>) -> tensor<4x2xf32>
  %y = linalg.matmul ins(%mixed, %w : tensor<4x2xf32>, tensor<2x2xf32>) outs(%init : tensor<4x2xf32>) -> tensor<4x2xf32>
  %ca = tensor.expand_shape %a [[0, 1]] output_shape [4, 1] : tensor<4xi1> into tensor<4x1xi1>
  %cb = tensor.expand_shape %b [[0, 1]] output_shape [4, 1] : tensor<4xi1> into tensor<4x1xi1>
  %t = tensor.concat dim(1) %ca, %cb : (tensor<4x1xi1>, tensor<4x1xi1>) -> tensor<4x2xi1>
  %e2 = tensor.empty() : tensor<4x2xf32>
  %both = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%t : tensor<4x2xi1>) outs(%e2 : tensor<4x2xf32>) {
  ^bb0(%x: i1, %c: f32):
    %s = arith.uitofp %x : i1 to f32
    linalg.yield %s : f32
  } -> tensor<4x2xf32>
  %z = linalg.matmul ins(%both, %w : tensor<4x2xf32>, tensor<2x2xf32>) outs(%init : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %y, %z : tensor<4x2xf32>, tensor<4x2xf32>
}
