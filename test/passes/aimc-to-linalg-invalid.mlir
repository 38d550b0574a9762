// RUN: not aimc-opt %s --aimc-to-linalg --split-input-file 2>&1 | FileCheck %s

// CHECK: error: 'aimc.linear' op expected the elements of @w, but they are not in the module
// CHECK: note: see the weight
aimc.weight @w : tensor<2x2xf32>
func.func @unknown(%x: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %y = aimc.linear @w ins(%x : tensor<3x2xf32>) outs(%x : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}

// -----

// CHECK: error: 'aimc.linear' op expected tensors, but got buffers
aimc.weight @w : tensor<2x2xf32> = dense<1.0>
func.func @buffers(%x: memref<3x2xf32>) {
  aimc.linear @w ins(%x : memref<3x2xf32>) outs(%x : memref<3x2xf32>)
  return
}
