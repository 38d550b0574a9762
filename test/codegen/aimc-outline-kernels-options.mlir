// RUN: aimc-opt %s --aimc-outline-kernels=tile-elements=64 | FileCheck %s

// CHECK: func.func private @kernel_0
// CHECK-SAME: aimc.tile_sizes = array<i64: 4, 0>, aimc.tiles = 8 : i64
func.func @main(%a: tensor<32x16xf32>) -> tensor<32x16xf32> {
  %e = tensor.empty() : tensor<32x16xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%a : tensor<32x16xf32>) outs(%e : tensor<32x16xf32>) {
  ^bb0(%p: f32, %o: f32):
    %s = math.exp %p : f32
    linalg.yield %s : f32
  } -> tensor<32x16xf32>
  return %y : tensor<32x16xf32>
}
