// REQUIRES: plugin, no-sanitizer
// linalg as torch-mlir prints an nn.Linear on a batch, mapped inside the distribution's own mlir-opt.
// RUN: mlir-opt --load-dialect-plugin=%plugin --load-pass-plugin=%plugin %s \
// RUN:   --pass-pipeline='builtin.module(aimc-legalize-linear,aimc-set-target,aimc-partition,aimc-share,aimc-place,aimc-group)' | FileCheck %s
// RUN: mlir-opt --load-dialect-plugin=%plugin --load-pass-plugin=%plugin %s \
// RUN:   --pass-pipeline='builtin.module(aimc-map)' | FileCheck %s

// CHECK: aimc.target @pcm
// CHECK: aimc.weight @weight_0 transposed : tensor<6x4xf32> = dense_resource<torch_tensor_4_6_torch.float32>
// CHECK-NEXT: aimc.tile @weight_0.r0.c0 of @weight_0 rows [0, 6] cols [0, 4] on @pcm at #aimc.place<chip = 0, tile = 0, row = 506, col = 0>
// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[X:.*]]: tensor<2x5x6xf32>)
// CHECK: %[[X2:.*]] = tensor.collapse_shape %[[X]] {{\[\[}}0, 1], [2]]
// CHECK: %[[Y:.*]] = aimc.grid weights [@weight_0] tiles [@weight_0.r0.c0] ins(%[[X2]] : tensor<10x6xf32>)
// CHECK: %[[Y3:.*]] = tensor.expand_shape %[[Y]] {{\[\[}}0, 1], [2]] output_shape [2, 5, 4]
// CHECK: linalg.generic {{.*}} ins(%[[Y3]], %{{.*}} : tensor<2x5x4xf32>, tensor<4xf32>)
#map = affine_map<(d0, d1) -> (d0, d1)>
#map1 = affine_map<(d0, d1) -> (d1, d0)>
#map2 = affine_map<(d0, d1, d2) -> (d1, d2)>
#map3 = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#map4 = affine_map<(d0, d1, d2) -> (d2)>
module {
  func.func @main(%arg0: tensor<2x5x6xf32>) -> tensor<2x5x4xf32> {
    %cst = arith.constant dense_resource<torch_tensor_4_6_torch.float32> : tensor<4x6xf32>
    %bias = arith.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
    %zero = arith.constant 0.000000e+00 : f32
    %0 = tensor.empty() : tensor<6x4xf32>
    %1 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "parallel"]} ins(%cst : tensor<4x6xf32>) outs(%0 : tensor<6x4xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<6x4xf32>
    %2 = tensor.empty() : tensor<2x6x4xf32>
    %3 = linalg.generic {indexing_maps = [#map2, #map3], iterator_types = ["parallel", "parallel", "parallel"]} ins(%1 : tensor<6x4xf32>) outs(%2 : tensor<2x6x4xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<2x6x4xf32>
    %4 = tensor.empty() : tensor<2x5x4xf32>
    %5 = linalg.fill ins(%zero : f32) outs(%4 : tensor<2x5x4xf32>) -> tensor<2x5x4xf32>
    %6 = linalg.batch_matmul ins(%arg0, %3 : tensor<2x5x6xf32>, tensor<2x6x4xf32>) outs(%5 : tensor<2x5x4xf32>) -> tensor<2x5x4xf32>
    %7 = linalg.generic {indexing_maps = [#map3, #map4, #map3], iterator_types = ["parallel", "parallel", "parallel"]} ins(%6, %bias : tensor<2x5x4xf32>, tensor<4xf32>) outs(%4 : tensor<2x5x4xf32>) {
    ^bb0(%in: f32, %in_0: f32, %out: f32):
      %8 = arith.addf %in, %in_0 : f32
      linalg.yield %8 : f32
    } -> tensor<2x5x4xf32>
    return %7 : tensor<2x5x4xf32>
  }
}

{-#
  dialect_resources: {
    builtin: {
      torch_tensor_4_6_torch.float32: "0x04000000000000000000803F0000004000004040000080400000A0400000C0400000E0400000004100001041000020410000304100004041000050410000604100007041000080410000884100009041000098410000A0410000A8410000B0410000B841"
    }
  }
#-}
