// RUN: aimc-opt %s --pass-pipeline='builtin.module(func.func(aimc-kernel-range))' --split-input-file --verify-diagnostics

// expected-error @+1 {{expected a kernel that writes its destinations, but it returns a buffer}}
func.func private @returns(%a: memref<4xf32>) -> memref<4xf32> attributes {aimc.kernel, aimc.tile_sizes = array<i64: 0>, aimc.tiles = 1 : i64} {
  return %a : memref<4xf32>
}

// -----

// expected-error @+1 {{expected one parallel loop over 7 tiles, but got 0 loops}}
func.func private @none(%a: memref<4xf32>) attributes {aimc.kernel, aimc.tile_sizes = array<i64: 1>, aimc.tiles = 7 : i64} {
  return
}

// -----

func.func private @other_count(%a: memref<4xf32>) attributes {aimc.kernel, aimc.tile_sizes = array<i64: 1>, aimc.tiles = 7 : i64} {
  // expected-error @+1 {{expected 7 tiles, but the loop has 4}}
  scf.forall (%i) in (4) {
  }
  return
}
