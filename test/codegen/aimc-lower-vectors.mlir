// RUN: aimc-opt %s --pass-pipeline='builtin.module(func.func(aimc-lower-vectors))' | FileCheck %s

// A step of a register tile is one fused multiply-add per row.
// CHECK-LABEL: func.func @step
// CHECK-NOT: vector.contract
// CHECK-COUNT-4: vector.fma {{.*}} : vector<8xf32>
// CHECK-NOT: vector.outerproduct
// CHECK: return
func.func @step(%a: vector<4x1xf32>, %b: vector<1x8xf32>, %c: vector<4x8xf32>) -> vector<4x8xf32> {
  %y = vector.contract {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"], kind = #vector.kind<add>}
      %a, %b, %c : vector<4x1xf32>, vector<1x8xf32> into vector<4x8xf32>
  return %y : vector<4x8xf32>
}
