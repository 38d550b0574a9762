// RUN: aimc-opt %s --aimc-map=target-file=%S/Inputs/small.mlir | FileCheck %s
// RUN: aimc-opt %s --aimc-map --dump-pass-pipeline -o /dev/null 2>&1 | FileCheck %s --check-prefix=ORDER
// RUN: aimc-opt %s --aimc-map='tiles-per-chip=1 pack=false max-weights=1 target-file=%S/Inputs/small.mlir' | FileCheck %s --check-prefix=OPTIONS

// ORDER: canonicalize
// ORDER: cse
// ORDER: aimc-legalize-linear
// ORDER: canonicalize
// ORDER: cse
// ORDER: aimc-partition{target= target-file=pcm}
// ORDER: aimc-share
// ORDER: aimc-place{pack=true tiles-per-chip=0}
// ORDER: aimc-group{max-weights=0}
// ORDER: aimc-verify-mapped{require-analog=false require-grouped=true require-placed=true}

// Two products of one input, the first with a bias as its destination, on tiles of 4 x 3.
// CHECK: aimc.weight @query : tensor<5x2xf32>
// CHECK-NEXT: aimc.tile @query.r0.c0 of @query rows [0, 4] cols [0, 2] on @small at #aimc.place<chip = 0, tile = 0, row = 0, col = 0>
// CHECK-NEXT: aimc.tile @query.r1.c0 of @query rows [4, 1] cols [0, 2] on @small at #aimc.place<chip = 0, tile = 1, row = 3, col = 0>
// CHECK-NEXT: aimc.weight @key : tensor<5x1xf32>
// CHECK-NEXT: aimc.tile @key.r0.c0 of @key rows [0, 4] cols [0, 1] on @small at #aimc.place<chip = 0, tile = 0, row = 0, col = 2>
// CHECK-NEXT: aimc.tile @key.r1.c0 of @key rows [4, 1] cols [0, 1] on @small at #aimc.place<chip = 0, tile = 1, row = 3, col = 2>
// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[X:.*]]: tensor<2x3x5xf32>, %[[BIAS:.*]]: tensor<2x3x2xf32>)
// CHECK-DAG: %[[X2:.*]] = tensor.collapse_shape %[[X]]
// CHECK-DAG: %[[B2:.*]] = tensor.collapse_shape %[[BIAS]]
// CHECK-DAG: %[[FILL:.*]] = linalg.fill ins(%{{.*}} : f32) outs(%{{.*}} : tensor<6x1xf32>)
// CHECK: aimc.grid weights [@query, @key] tiles [@query.r0.c0, @query.r1.c0, @key.r0.c0, @key.r1.c0] ins(%[[X2]] : tensor<6x5xf32>) outs(%[[B2]], %[[FILL]] :
// CHECK-NOT: linalg.batch_matmul

// OPTIONS: aimc.tile @query.r0.c0 {{.*}} at #aimc.place<chip = 0, tile = 0, row = 0, col = 0>
// OPTIONS: aimc.tile @query.r1.c0 {{.*}} at #aimc.place<chip = 1, tile = 0, row = 3, col = 0>
// OPTIONS: aimc.tile @key.r0.c0 {{.*}} at #aimc.place<chip = 2, tile = 0, row = 0, col = 0>
// OPTIONS: aimc.grid weights [@query] tiles
// OPTIONS: aimc.grid weights [@key] tiles
func.func @main(%x: tensor<2x3x5xf32>, %bias: tensor<2x3x2xf32>) -> (tensor<2x3x2xf32>, tensor<2x3x1xf32>) {
  %wq = arith.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0], [9.0, 10.0]]> : tensor<5x2xf32>
  %e0 = tensor.empty() : tensor<2x5x2xf32>
  %bq = linalg.broadcast ins(%wq : tensor<5x2xf32>) outs(%e0 : tensor<2x5x2xf32>) dimensions = [0]
  %q = linalg.batch_matmul ins(%x, %bq : tensor<2x3x5xf32>, tensor<2x5x2xf32>) outs(%bias : tensor<2x3x2xf32>) -> tensor<2x3x2xf32> loc("query")
  %wk = arith.constant dense<[[-1.0, 2.0, 3.0, 4.0, 5.0]]> : tensor<1x5xf32>
  %zero = arith.constant 0.0 : f32
  %e1 = tensor.empty() : tensor<2x3x1xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e1 : tensor<2x3x1xf32>) -> tensor<2x3x1xf32>
  %k = linalg.generic {
      indexing_maps = [affine_map<(b, m, n, k) -> (b, m, k)>, affine_map<(b, m, n, k) -> (n, k)>, affine_map<(b, m, n, k) -> (b, m, n)>],
      iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %wk : tensor<2x3x5xf32>, tensor<1x5xf32>) outs(%f : tensor<2x3x1xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<2x3x1xf32> loc("key")
  return %q, %k : tensor<2x3x2xf32>, tensor<2x3x1xf32>
}
