// RUN: aimc-opt %s --aimc-codegen=vector-bits=512 | mlir-translate --mlir-to-llvmir | FileCheck %s

// The whole way to LLVM IR: an entry, one kernel for both layers, no data, nothing imported.
// CHECK-NOT: = {{.*}}constant [
// CHECK-LABEL: define i32 @aimc_entry_0(ptr
// CHECK: call i32 %{{[0-9]+}}(ptr %{{[0-9]+}}, ptr @kernel_0_run
// CHECK: call i32 %{{[0-9]+}}(ptr %{{[0-9]+}}, ptr @kernel_0_run
// CHECK: define internal void @kernel_0(ptr noalias
// CHECK-NOT: @kernel_1
// CHECK-NOT: declare {{.*}} @{{(exp|memref|malloc)}}
#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (j)>
func.func @main(%x: tensor<256x512xf32>) -> (tensor<256x512xf32>, tensor<256x512xf32>) {
  %b0 = arith.constant dense_resource<bias0> : tensor<512xf32>
  %b1 = arith.constant dense_resource<bias1> : tensor<512xf32>
  %e = tensor.empty() : tensor<256x512xf32>
  %y = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %b0 : tensor<256x512xf32>, tensor<512xf32>) outs(%e : tensor<256x512xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %s = arith.addf %p, %q : f32
    %t = math.exp %s : f32
    linalg.yield %t : f32
  } -> tensor<256x512xf32>
  %z = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%y, %b1 : tensor<256x512xf32>, tensor<512xf32>) outs(%e : tensor<256x512xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %s = arith.addf %p, %q : f32
    %t = math.exp %s : f32
    linalg.yield %t : f32
  } -> tensor<256x512xf32>
  return %y, %z : tensor<256x512xf32>, tensor<256x512xf32>
}
