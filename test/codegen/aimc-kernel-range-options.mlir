// RUN: aimc-opt %s --pass-pipeline='builtin.module(func.func(aimc-kernel-range{max-stack-bytes=15}))' | FileCheck %s

// 16 bytes do not fit on a stack of 15: heap memory, released at the end.
// CHECK-LABEL: func.func private @k
// CHECK: %[[T:.*]] = memref.alloc() {alignment = 64 : i64} : memref<4xf32>
// CHECK: memref.dealloc %[[T]]
// CHECK-NEXT: return
func.func private @k(%a: memref<4xf32>) attributes {aimc.kernel, aimc.tile_sizes = array<i64: 0>, aimc.tiles = 1 : i64} {
  %t = memref.alloc() : memref<4xf32>
  memref.copy %a, %t : memref<4xf32> to memref<4xf32>
  memref.copy %t, %a : memref<4xf32> to memref<4xf32>
  return
}
