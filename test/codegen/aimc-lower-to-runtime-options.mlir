// RUN: aimc-opt %s --aimc-lower-to-runtime=entry=3 | FileCheck %s

// CHECK: symbol = "aimc_entry_3"
// CHECK: llvm.func @aimc_entry_3
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}
