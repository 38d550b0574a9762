// RUN: aimc-opt %s --aimc-set-target | FileCheck %s
// A second time changes nothing.
// RUN: aimc-opt %s --aimc-set-target --aimc-set-target | FileCheck %s

// CHECK: module
// CHECK-NEXT: aimc.target @pcm {
// CHECK-NEXT: geometry = #aimc.geometry<rows = 512, cols = 512
// CHECK-NOT: aimc.target
// CHECK: func.func @main
func.func @main() {
  return
}
