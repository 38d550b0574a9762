// RUN: aimc-opt %s --pass-pipeline='builtin.module(func.func(aimc-tile-kernels{vector-bits=256}))' | FileCheck %s

// Half as many and half as wide accumulators for 16 registers of 256 bits.
// CHECK: vector.contract {{.*}} : vector<4x1xf32>, vector<1x16xf32> into vector<4x16xf32>
func.func private @product(%a: tensor<16x7xf32>, %b: tensor<7x32xf32>, %out: tensor<16x32xf32>) -> tensor<16x32xf32> attributes {aimc.kernel, aimc.tile_sizes = array<i64: 0, 0, 0>, aimc.tiles = 1 : i64} {
  %zero = arith.constant 0.0 : f32
  %f = linalg.fill ins(%zero : f32) outs(%out : tensor<16x32xf32>) -> tensor<16x32xf32>
  %y = linalg.matmul ins(%a, %b : tensor<16x7xf32>, tensor<7x32xf32>) outs(%f : tensor<16x32xf32>) -> tensor<16x32xf32>
  return %y : tensor<16x32xf32>
}
