// REQUIRES: plugin
// RUN: mlir-opt %s --load-dialect-plugin=%plugin --load-pass-plugin=%plugin --pass-pipeline='builtin.module(aimc-set-target{target=pcm},aimc-legalize-linear,aimc-partition,aimc-place,aimc-group)' | FileCheck %s

// What torch-mlir 20261001 prints for softmax(Linear(7, 3)(LayerNorm(gelu(Linear(5, 7)(x))))), as it
// came from torch_mlir.fx.export_and_import: nothing here was written for this project.
// CHECK: aimc.weight @[[A:.*]] transposed : tensor<5x7xf32> = dense_resource<torch_tensor_7_5_torch.float32>
// CHECK: aimc.tile @[[A0:.*]] of @[[A]] rows [0, 5] cols [0, 7]
// CHECK: aimc.weight @[[B:.*]] transposed : tensor<7x3xf32> = dense_resource<torch_tensor_3_7_torch.float32>
// CHECK: aimc.tile @[[B0:.*]] of @[[B]] rows [0, 7] cols [0, 3]
// CHECK-LABEL: func.func @main
// CHECK-NOT: linalg.matmul
// CHECK: aimc.grid weights [@[[A]]] tiles [@[[A0]]]
// CHECK: aimc.grid weights [@[[B]]] tiles [@[[B0]]]
// CHECK-NOT: linalg.matmul
#map = affine_map<(d0, d1) -> (d0, d1)>
#map1 = affine_map<(d0, d1) -> (d1)>
#map2 = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#map3 = affine_map<(d0, d1, d2) -> (d0, d1, 0)>
#map4 = affine_map<(d0, d1, d2) -> (d2)>
#map5 = affine_map<(d0, d1, d2) -> (d0, d1)>
module {
  func.func @main(%arg0: tensor<2x4x5xf32>) -> tensor<2x4x3xf32> {
    %cst = arith.constant 0.000000e+00 : f32
    %cst_0 = arith.constant 1.000000e+00 : f32
    %cst_1 = arith.constant 5.000000e-01 : f32
    %cst_2 = arith.constant 0.000000e+00 : f64
    %c0_i64 = arith.constant 0 : i64
    %cst_3 = arith.constant 0xFF800000 : f32
    %cst_4 = arith.constant dense_resource<torch_tensor_3_torch.float32> : tensor<3xf32>
    %cst_5 = arith.constant dense_resource<torch_tensor_3_7_torch.float32> : tensor<3x7xf32>
    %cst_6 = arith.constant dense_resource<torch_tensor_7_torch.float32_2> : tensor<7xf32>
    %cst_7 = arith.constant dense_resource<torch_tensor_7_torch.float32_1> : tensor<7xf32>
    %cst_8 = arith.constant 1.000000e-05 : f64
    %cst_9 = arith.constant dense_resource<torch_tensor_7_torch.float32> : tensor<7xf32>
    %cst_10 = arith.constant dense_resource<torch_tensor_7_5_torch.float32> : tensor<7x5xf32>
    %cst_11 = arith.constant 1.41421354 : f32
    %cst_12 = arith.constant 7.000000e+00 : f64
    %cst_13 = arith.constant 7.000000e+00 : f32
    %collapsed = tensor.collapse_shape %arg0 [[0, 1], [2]] : tensor<2x4x5xf32> into tensor<8x5xf32>
    %0 = tensor.empty() : tensor<5x7xf32>
    %transposed = linalg.transpose ins(%cst_10 : tensor<7x5xf32>) outs(%0 : tensor<5x7xf32>) permutation = [1, 0] 
    %1 = tensor.empty() : tensor<8x7xf32>
    %2 = linalg.fill ins(%cst : f32) outs(%1 : tensor<8x7xf32>) -> tensor<8x7xf32>
    %3 = linalg.matmul ins(%collapsed, %transposed : tensor<8x5xf32>, tensor<5x7xf32>) outs(%2 : tensor<8x7xf32>) -> tensor<8x7xf32>
    %4 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel"]} ins(%3, %cst_9 : tensor<8x7xf32>, tensor<7xf32>) outs(%1 : tensor<8x7xf32>) {
    ^bb0(%in: f32, %in_18: f32, %out: f32):
      %43 = arith.addf %in, %in_18 : f32
      linalg.yield %43 : f32
    } -> tensor<8x7xf32>
    %expanded = tensor.expand_shape %4 [[0, 1], [2]] output_shape [2, 4, 7] : tensor<8x7xf32> into tensor<2x4x7xf32>
    %5 = tensor.empty() : tensor<2x4x7xf32>
    %6 = linalg.generic {indexing_maps = [#map2, #map2], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded : tensor<2x4x7xf32>) outs(%5 : tensor<2x4x7xf32>) {
    ^bb0(%in: f32, %out: f32):
      %43 = arith.divf %in, %cst_11 : f32
      %44 = math.erf %43 : f32
      %45 = arith.addf %44, %cst_0 : f32
      %46 = arith.mulf %45, %cst_1 : f32
      %47 = arith.mulf %in, %46 : f32
      linalg.yield %47 : f32
    } -> tensor<2x4x7xf32>
    %7 = tensor.empty() : tensor<2x4x7xf64>
    %8 = linalg.generic {indexing_maps = [#map2, #map2], iterator_types = ["parallel", "parallel", "parallel"]} ins(%6 : tensor<2x4x7xf32>) outs(%7 : tensor<2x4x7xf64>) {
    ^bb0(%in: f32, %out: f64):
      %43 = arith.extf %in : f32 to f64
      linalg.yield %43 : f64
    } -> tensor<2x4x7xf64>
    %9 = tensor.empty() : tensor<2x4x1xf64>
    %10 = linalg.fill ins(%cst_2 : f64) outs(%9 : tensor<2x4x1xf64>) -> tensor<2x4x1xf64>
    %11 = linalg.generic {indexing_maps = [#map2, #map3], iterator_types = ["parallel", "parallel", "reduction"]} ins(%8 : tensor<2x4x7xf64>) outs(%10 : tensor<2x4x1xf64>) {
    ^bb0(%in: f64, %out: f64):
      %43 = arith.addf %in, %out : f64
      linalg.yield %43 : f64
    } -> tensor<2x4x1xf64>
    %12 = linalg.generic {indexing_maps = [#map2, #map2], iterator_types = ["parallel", "parallel", "parallel"]} ins(%11 : tensor<2x4x1xf64>) outs(%9 : tensor<2x4x1xf64>) {
    ^bb0(%in: f64, %out: f64):
      %43 = arith.divf %in, %cst_12 : f64
      linalg.yield %43 : f64
    } -> tensor<2x4x1xf64>
    %13 = linalg.generic {indexing_maps = [#map2, #map3, #map2], iterator_types = ["parallel", "parallel", "parallel"]} ins(%8, %12 : tensor<2x4x7xf64>, tensor<2x4x1xf64>) outs(%7 : tensor<2x4x7xf64>) {
    ^bb0(%in: f64, %in_18: f64, %out: f64):
      %43 = arith.subf %in, %in_18 : f64
      linalg.yield %43 : f64
    } -> tensor<2x4x7xf64>
    %14 = linalg.generic {indexing_maps = [#map2, #map2, #map2], iterator_types = ["parallel", "parallel", "parallel"]} ins(%13, %13 : tensor<2x4x7xf64>, tensor<2x4x7xf64>) outs(%7 : tensor<2x4x7xf64>) {
    ^bb0(%in: f64, %in_18: f64, %out: f64):
      %43 = arith.mulf %in, %in_18 : f64
      linalg.yield %43 : f64
    } -> tensor<2x4x7xf64>
    %15 = linalg.generic {indexing_maps = [#map2, #map3], iterator_types = ["parallel", "parallel", "reduction"]} ins(%14 : tensor<2x4x7xf64>) outs(%10 : tensor<2x4x1xf64>) {
    ^bb0(%in: f64, %out: f64):
      %43 = arith.addf %in, %out : f64
      linalg.yield %43 : f64
    } -> tensor<2x4x1xf64>
    %16 = linalg.generic {indexing_maps = [#map2, #map2], iterator_types = ["parallel", "parallel", "parallel"]} ins(%15 : tensor<2x4x1xf64>) outs(%9 : tensor<2x4x1xf64>) {
    ^bb0(%in: f64, %out: f64):
      %43 = arith.divf %in, %cst_12 : f64
      linalg.yield %43 : f64
    } -> tensor<2x4x1xf64>
    %17 = tensor.empty() : tensor<2x4x1xf32>
    %18 = linalg.generic {indexing_maps = [#map2, #map2], iterator_types = ["parallel", "parallel", "parallel"]} ins(%16 : tensor<2x4x1xf64>) outs(%17 : tensor<2x4x1xf32>) {
    ^bb0(%in: f64, %out: f32):
      %43 = arith.truncf %in : f64 to f32
      linalg.yield %43 : f32
    } -> tensor<2x4x1xf32>
    %19 = linalg.fill ins(%cst : f32) outs(%17 : tensor<2x4x1xf32>) -> tensor<2x4x1xf32>
    %20 = linalg.generic {indexing_maps = [#map2, #map3], iterator_types = ["parallel", "parallel", "reduction"]} ins(%6 : tensor<2x4x7xf32>) outs(%19 : tensor<2x4x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %43 = arith.addf %in, %out : f32
      linalg.yield %43 : f32
    } -> tensor<2x4x1xf32>
    %21 = linalg.generic {indexing_maps = [#map2, #map2], iterator_types = ["parallel", "parallel", "parallel"]} ins(%20 : tensor<2x4x1xf32>) outs(%17 : tensor<2x4x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %43 = arith.divf %in, %cst_13 : f32
      linalg.yield %43 : f32
    } -> tensor<2x4x1xf32>
    %22 = linalg.generic {indexing_maps = [#map2, #map2], iterator_types = ["parallel", "parallel", "parallel"]} ins(%18 : tensor<2x4x1xf32>) outs(%17 : tensor<2x4x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %43 = arith.truncf %cst_8 : f64 to f32
      %44 = arith.addf %in, %43 : f32
      linalg.yield %44 : f32
    } -> tensor<2x4x1xf32>
    %23 = linalg.generic {indexing_maps = [#map2, #map2], iterator_types = ["parallel", "parallel", "parallel"]} ins(%22 : tensor<2x4x1xf32>) outs(%17 : tensor<2x4x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %43 = math.rsqrt %in : f32
      linalg.yield %43 : f32
    } -> tensor<2x4x1xf32>
    %24 = linalg.generic {indexing_maps = [#map2, #map3, #map2], iterator_types = ["parallel", "parallel", "parallel"]} ins(%6, %21 : tensor<2x4x7xf32>, tensor<2x4x1xf32>) outs(%5 : tensor<2x4x7xf32>) {
    ^bb0(%in: f32, %in_18: f32, %out: f32):
      %43 = arith.subf %in, %in_18 : f32
      linalg.yield %43 : f32
    } -> tensor<2x4x7xf32>
    %25 = linalg.generic {indexing_maps = [#map2, #map3, #map2], iterator_types = ["parallel", "parallel", "parallel"]} ins(%24, %23 : tensor<2x4x7xf32>, tensor<2x4x1xf32>) outs(%5 : tensor<2x4x7xf32>) {
    ^bb0(%in: f32, %in_18: f32, %out: f32):
      %43 = arith.mulf %in, %in_18 : f32
      linalg.yield %43 : f32
    } -> tensor<2x4x7xf32>
    %26 = linalg.generic {indexing_maps = [#map2, #map4, #map2], iterator_types = ["parallel", "parallel", "parallel"]} ins(%25, %cst_7 : tensor<2x4x7xf32>, tensor<7xf32>) outs(%5 : tensor<2x4x7xf32>) {
    ^bb0(%in: f32, %in_18: f32, %out: f32):
      %43 = arith.mulf %in, %in_18 : f32
      linalg.yield %43 : f32
    } -> tensor<2x4x7xf32>
    %27 = linalg.generic {indexing_maps = [#map2, #map4, #map2], iterator_types = ["parallel", "parallel", "parallel"]} ins(%26, %cst_6 : tensor<2x4x7xf32>, tensor<7xf32>) outs(%5 : tensor<2x4x7xf32>) {
    ^bb0(%in: f32, %in_18: f32, %out: f32):
      %43 = arith.addf %in, %in_18 : f32
      linalg.yield %43 : f32
    } -> tensor<2x4x7xf32>
    %collapsed_14 = tensor.collapse_shape %27 [[0, 1], [2]] : tensor<2x4x7xf32> into tensor<8x7xf32>
    %28 = tensor.empty() : tensor<7x3xf32>
    %transposed_15 = linalg.transpose ins(%cst_5 : tensor<3x7xf32>) outs(%28 : tensor<7x3xf32>) permutation = [1, 0] 
    %29 = tensor.empty() : tensor<8x3xf32>
    %30 = linalg.fill ins(%cst : f32) outs(%29 : tensor<8x3xf32>) -> tensor<8x3xf32>
    %31 = linalg.matmul ins(%collapsed_14, %transposed_15 : tensor<8x7xf32>, tensor<7x3xf32>) outs(%30 : tensor<8x3xf32>) -> tensor<8x3xf32>
    %32 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel"]} ins(%31, %cst_4 : tensor<8x3xf32>, tensor<3xf32>) outs(%29 : tensor<8x3xf32>) {
    ^bb0(%in: f32, %in_18: f32, %out: f32):
      %43 = arith.addf %in, %in_18 : f32
      linalg.yield %43 : f32
    } -> tensor<8x3xf32>
    %expanded_16 = tensor.expand_shape %32 [[0, 1], [2]] output_shape [2, 4, 3] : tensor<8x3xf32> into tensor<2x4x3xf32>
    %33 = tensor.empty() : tensor<2x4xi64>
    %34 = linalg.fill ins(%c0_i64 : i64) outs(%33 : tensor<2x4xi64>) -> tensor<2x4xi64>
    %35 = tensor.empty() : tensor<2x4xf32>
    %36 = linalg.fill ins(%cst_3 : f32) outs(%35 : tensor<2x4xf32>) -> tensor<2x4xf32>
    %37:2 = linalg.generic {indexing_maps = [#map2, #map5, #map5], iterator_types = ["parallel", "parallel", "reduction"]} ins(%expanded_16 : tensor<2x4x3xf32>) outs(%36, %34 : tensor<2x4xf32>, tensor<2x4xi64>) {
    ^bb0(%in: f32, %out: f32, %out_18: i64):
      %43 = linalg.index 2 : index
      %44 = arith.index_cast %43 : index to i64
      %45 = arith.maximumf %in, %out : f32
      %46 = arith.cmpf ogt, %in, %out : f32
      %47 = arith.select %46, %44, %out_18 : i64
      linalg.yield %45, %47 : f32, i64
    } -> (tensor<2x4xf32>, tensor<2x4xi64>)
    %expanded_17 = tensor.expand_shape %37#0 [[0], [1, 2]] output_shape [2, 4, 1] : tensor<2x4xf32> into tensor<2x4x1xf32>
    %38 = tensor.empty() : tensor<2x4x3xf32>
    %39 = linalg.generic {indexing_maps = [#map2, #map3, #map2], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded_16, %expanded_17 : tensor<2x4x3xf32>, tensor<2x4x1xf32>) outs(%38 : tensor<2x4x3xf32>) {
    ^bb0(%in: f32, %in_18: f32, %out: f32):
      %43 = arith.subf %in, %in_18 : f32
      linalg.yield %43 : f32
    } -> tensor<2x4x3xf32>
    %40 = linalg.generic {indexing_maps = [#map2, #map2], iterator_types = ["parallel", "parallel", "parallel"]} ins(%39 : tensor<2x4x3xf32>) outs(%38 : tensor<2x4x3xf32>) {
    ^bb0(%in: f32, %out: f32):
      %43 = math.exp %in : f32
      linalg.yield %43 : f32
    } -> tensor<2x4x3xf32>
    %41 = linalg.generic {indexing_maps = [#map2, #map3], iterator_types = ["parallel", "parallel", "reduction"]} ins(%40 : tensor<2x4x3xf32>) outs(%19 : tensor<2x4x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %43 = arith.addf %in, %out : f32
      linalg.yield %43 : f32
    } -> tensor<2x4x1xf32>
    %42 = linalg.generic {indexing_maps = [#map2, #map3, #map2], iterator_types = ["parallel", "parallel", "parallel"]} ins(%40, %41 : tensor<2x4x3xf32>, tensor<2x4x1xf32>) outs(%38 : tensor<2x4x3xf32>) {
    ^bb0(%in: f32, %in_18: f32, %out: f32):
      %43 = arith.divf %in, %in_18 : f32
      linalg.yield %43 : f32
    } -> tensor<2x4x3xf32>
    return %42 : tensor<2x4x3xf32>
  }
}

{-#
  dialect_resources: {
    builtin: {
      torch_tensor_3_torch.float32: "0x0400000038DAE93DC378543E086743BD",
      torch_tensor_3_7_torch.float32: "0x0400000004F6823DC2AFB4BE56D48BBE4A8747BE0932743E5DED623EFCA52BBE55715FBC6388773EE961C03E889B193E9B24513D44C0813E32E363BE593E903D110996BEE01F86BEADEF47BE891F2F3E81A61B3EF34265BE",
      torch_tensor_7_torch.float32_2: "0x0400000000000000000000000000000000000000000000000000000000000000",
      torch_tensor_7_torch.float32_1: "0x040000000000803F0000803F0000803F0000803F0000803F0000803F0000803F",
      torch_tensor_7_torch.float32: "0x040000009072D6BE38A985BE36D3C43E20584C3E47F45D3E4EACC03C1FC86ABE",
      torch_tensor_7_5_torch.float32: "0x040000009B6D5BBB9FA9753E9674BCBEAC82A8BE536130BE839AF53D912C11BCF28CB53E688F22BD5E5BF23DC2650ABE6F08B4BDD6BFDABE1CA597BEB6C63CBE3CB6873CDE0A353EA563893EFF3A9BBE356B47BE8755263E0023BE3EB47DBCBDED57AB3E75A093BD31D4413D7654CF3E6C69D4BEBD2590BE55DFE7BDF38132BE4AD5C53E776A94BED4CE52BE55F89FBE"
    }
  }
#-}
