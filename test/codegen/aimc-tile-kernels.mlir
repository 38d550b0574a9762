// RUN: aimc-opt %s --pass-pipeline='builtin.module(func.func(aimc-tile-kernels{vector-bits=512}))' --split-input-file | FileCheck %s

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

// Row-wise kernels: the producer is computed inside the tile, once.
// CHECK-LABEL: func.func private @rows
// CHECK-SAME: (%[[X:.*]]: tensor<64x16xf32>, %[[OUT:.*]]: tensor<64x16xf32>)
// CHECK: scf.forall (%[[I:.*]]) = (0) to (64) step (8) shared_outs(%[[O:.*]] = %[[OUT]])
// CHECK: tensor.extract_slice %[[X]][%[[I]], 0] [8, 16] [1, 1]
// CHECK: linalg.generic
// CHECK: arith.addf
// CHECK: linalg.generic
// CHECK: arith.divf
// CHECK: scf.forall.in_parallel
// CHECK: return
func.func private @rows(%x: tensor<64x16xf32>, %out: tensor<64x16xf32>) -> tensor<64x16xf32> attributes {aimc.kernel, aimc.tile_sizes = array<i64: 8, 0>, aimc.tiles = 8 : i64} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<64xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<64xf32>) -> tensor<64xf32>
  %s = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<64x16xf32>) outs(%f : tensor<64xf32>) {
  ^bb0(%p: f32, %o: f32):
    %a = arith.addf %p, %o : f32
    linalg.yield %a : f32
  } -> tensor<64xf32>
  %y = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %s : tensor<64x16xf32>, tensor<64xf32>) outs(%out : tensor<64x16xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %d = arith.divf %p, %q : f32
    linalg.yield %d : f32
  } -> tensor<64x16xf32>
  return %y : tensor<64x16xf32>
}

// -----

// A contraction whose sizes no register tile divides: 8 x 32 tiles and three ragged ends, all with
// vectors of static shape; nothing is masked or left as a loop over scalars.
// CHECK-LABEL: func.func private @product
// CHECK: scf.forall (%{{.*}}) in (3)
// CHECK: vector.contract {{.*}} : vector<8x1xf32>, vector<1x32xf32> into vector<8x32xf32>
// CHECK: vector.contract {{.*}} : vector<8x1xf32>, vector<1x9xf32> into vector<8x9xf32>
// CHECK: vector.contract {{.*}} : vector<3x1xf32>, vector<1x32xf32> into vector<3x32xf32>
// CHECK: vector.contract {{.*}} : vector<3x1xf32>, vector<1x9xf32> into vector<3x9xf32>
// CHECK-NOT: linalg.matmul
// CHECK-NOT: vector.mask
// CHECK: return
func.func private @product(%a: tensor<3x19x7xf32>, %b: tensor<3x7x41xf32>, %out: tensor<3x19x41xf32>) -> tensor<3x19x41xf32> attributes {aimc.kernel, aimc.tile_sizes = array<i64: 1, 0, 0, 0>, aimc.tiles = 3 : i64} {
  %zero = arith.constant 0.0 : f32
  %f = linalg.fill ins(%zero : f32) outs(%out : tensor<3x19x41xf32>) -> tensor<3x19x41xf32>
  %y = linalg.batch_matmul ins(%a, %b : tensor<3x19x7xf32>, tensor<3x7x41xf32>) outs(%f : tensor<3x19x41xf32>) -> tensor<3x19x41xf32>
  return %y : tensor<3x19x41xf32>
}

// -----

// Functions that are no kernels are left alone.
// CHECK-LABEL: func.func @other
// CHECK-NEXT: %[[Y:.*]] = linalg.matmul
// CHECK-NEXT: return %[[Y]]
func.func @other(%a: tensor<8x8xf32>, %b: tensor<8x8xf32>, %c: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %y = linalg.matmul ins(%a, %b : tensor<8x8xf32>, tensor<8x8xf32>) outs(%c : tensor<8x8xf32>) -> tensor<8x8xf32>
  return %y : tensor<8x8xf32>
}
