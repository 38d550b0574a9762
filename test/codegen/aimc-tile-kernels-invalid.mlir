// RUN: aimc-opt %s --pass-pipeline='builtin.module(func.func(aimc-tile-kernels))' --verify-diagnostics

// expected-error @+1 {{expected one tile size for each loop of the returned operation}}
func.func private @sizes(%x: tensor<4x8xf32>, %out: tensor<4x8xf32>) -> tensor<4x8xf32> attributes {aimc.kernel, aimc.tile_sizes = array<i64: 2>, aimc.tiles = 2 : i64} {
  %y = linalg.copy ins(%x : tensor<4x8xf32>) outs(%out : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}
