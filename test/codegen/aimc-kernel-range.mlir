// RUN: aimc-opt %s --pass-pipeline='builtin.module(func.func(aimc-kernel-range))' --split-input-file | FileCheck %s

// Tile 5 of 3 x 4 tiles is row 1, column 1; the temporary is allocated once.
// CHECK-LABEL: func.func private @k
// CHECK-SAME: (%[[A:.*]]: memref<6x8xf32> {llvm.noalias}, %[[BEGIN:.*]]: index, %[[END:.*]]: index)
// CHECK: %[[T:.*]] = memref.alloca() {alignment = 64 : i64} : memref<2x2xf32>
// CHECK: scf.for %[[I:.*]] = %[[BEGIN]] to %[[END]] step %{{.*}}
// CHECK: %[[FOUR:.*]] = arith.constant 4 : index
// CHECK: %[[COL:.*]] = arith.remui %[[I]], %[[FOUR]] : index
// CHECK: %[[ROW:.*]] = arith.divui %[[I]], %[[FOUR]] : index
// CHECK: arith.muli %[[COL]], %{{.*}} : index
// CHECK: arith.muli %[[ROW]], %{{.*}} : index
// CHECK-NOT: memref.alloc()
// CHECK: linalg.generic {{.*}} outs(%[[T]] : memref<2x2xf32>)
// CHECK-NOT: memref.copy
func.func private @k(%a: memref<6x8xf32>) attributes {aimc.kernel, aimc.tile_sizes = array<i64: 2, 2>, aimc.tiles = 12 : i64} {
  scf.forall (%i, %j) = (0, 0) to (6, 8) step (2, 2) {
    %t = memref.alloc() : memref<2x2xf32>
    %s = memref.subview %a[%i, %j] [2, 2] [1, 1] : memref<6x8xf32> to memref<2x2xf32, strided<[8, 1], offset: ?>>
    memref.copy %s, %t : memref<2x2xf32, strided<[8, 1], offset: ?>> to memref<2x2xf32>
    memref.copy %t, %s : memref<2x2xf32> to memref<2x2xf32, strided<[8, 1], offset: ?>>
  }
  return
}
