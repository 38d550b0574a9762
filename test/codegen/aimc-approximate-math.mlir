// RUN: aimc-opt %s --pass-pipeline='builtin.module(func.func(aimc-approximate-math))' | FileCheck %s

// CHECK-LABEL: func.func @f
// CHECK-NOT: math.exp
// CHECK-NOT: math.erf
// CHECK-NOT: math.tanh
// CHECK: math.fma
// CHECK: return
func.func @f(%x: f32) -> (f32, f32, f32) {
  %a = math.exp %x : f32
  %b = math.erf %x : f32
  %c = math.tanh %x : f32
  return %a, %b, %c : f32, f32, f32
}
