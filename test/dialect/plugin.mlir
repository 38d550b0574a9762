// REQUIRES: plugin, no-sanitizer
// RUN: mlir-opt --load-dialect-plugin=%plugin %s | FileCheck %s
// RUN: mlir-opt --load-dialect-plugin=%plugin --one-shot-bufferize=bufferize-function-boundaries %s | FileCheck %s --check-prefix=BUFFERS
// RUN: not mlir-opt %s 2>&1 | FileCheck %s --check-prefix=ALONE

// The distribution's own mlir-opt knows the dialect once the plug-in is loaded.

// ALONE: Dialect `aimc' not found for custom op 'aimc.weight'

// CHECK: aimc.weight @w : tensor<8x6xf32>
aimc.weight @w : tensor<8x6xf32>

// CHECK-LABEL: func.func @f(
// CHECK: aimc.linear @w
// BUFFERS-LABEL: func.func @f(
// BUFFERS: aimc.linear @w ins(%{{.*}} : memref<4x8xf32, {{.*}}>) outs(%{{.*}} : memref<4x6xf32, {{.*}}>)
func.func @f(%x: tensor<4x8xf32>, %i: tensor<4x6xf32>) -> tensor<4x6xf32> {
  %y = aimc.linear @w ins(%x : tensor<4x8xf32>) outs(%i : tensor<4x6xf32>) -> tensor<4x6xf32>
  return %y : tensor<4x6xf32>
}
