// REQUIRES: no-sanitizer
// A mapped module, executed by its exact meaning, computes what its source computes. All numbers are
// small integers, so that the order of additions does not matter and the text must be the same.
// DEFINE: %{execute} = mlir-opt --pass-pipeline='builtin.module(one-shot-bufferize{bufferize-function-boundaries},convert-linalg-to-loops,func.func(convert-vector-to-scf{full-unroll=true}),expand-strided-metadata,lower-affine,convert-scf-to-cf,convert-vector-to-llvm,finalize-memref-to-llvm,convert-arith-to-llvm,convert-index-to-llvm,convert-cf-to-llvm,convert-func-to-llvm,convert-ub-to-llvm,reconcile-unrealized-casts)' | mlir-runner -e main -entry-point-result=void -shared-libs=%llvm_lib/libmlir_c_runner_utils.so,%llvm_lib/libmlir_runner_utils.so
// RUN: aimc-opt %s | %{execute} > %t.source
// RUN: FileCheck %s < %t.source
// RUN: aimc-opt %s --aimc-legalize-linear --aimc-to-linalg | %{execute} > %t.linear
// RUN: aimc-opt %s --aimc-legalize-linear --aimc-partition=target-file=%S/Inputs/small.mlir --aimc-to-linalg | %{execute} > %t.mvm
// RUN: aimc-opt %s --aimc-map=target-file=%S/Inputs/small.mlir --aimc-to-linalg | %{execute} > %t.grid
// RUN: diff %t.source %t.linear
// RUN: diff %t.source %t.mvm
// RUN: diff %t.source %t.grid
// None of the products stays digital on the way.
// RUN: aimc-opt %s --aimc-map='require-analog target-file=%S/Inputs/small.mlir' | FileCheck %s --check-prefix=MAPPED

// MAPPED-NOT: linalg.matmul
// MAPPED-COUNT-2: aimc.grid
// MAPPED-NOT: arith.mulf

// The numbers of an independent computation.
// CHECK:{{^}}( ( ( -48, -41, -1, 17, 46, 130, -237, 166, 19 ), ( -20, -27, -1, 3, 18, 88, -139, 96, 12 ), ( 8, -13, -1, -11, -10, 46, -41, 26, 5 ) ), ( ( 36, 1, -1, -25, -38, 4, 57, -44, -2 ), ( 64, 15, -1, -39, -66, -38, 155, -114, -9 ), ( 92, 29, -1, -53, -94, -80, 253, -184, -16 ) ) )
// CHECK-NEXT:{{^}}( ( ( 56, 56, 56 ), ( -66, -31, 4 ), ( 85, 64, 43 ), ( -11, 3, 17 ), ( 127, 85, 43 ) ), ( ( 56, 56, 56 ), ( 39, 74, 109 ), ( 22, 1, -20 ), ( 31, 45, 59 ), ( 1, -41, -83 ) ) )
// CHECK-NEXT:{{^}}( ( -11, 14 ), ( -137, -28 ) )
func.func @main() {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %c0 = arith.constant 0 : index
  %e = tensor.empty() : tensor<2x3x7xf32>
  // x[b, m, k] = 21 b + 7 m + k - 20
  %x = linalg.generic {indexing_maps = [affine_map<(b, m, k) -> (b, m, k)>], iterator_types = ["parallel", "parallel", "parallel"]}
      outs(%e : tensor<2x3x7xf32>) {
  ^bb0(%out: f32):
    %b = linalg.index 0 : index
    %m = linalg.index 1 : index
    %k = linalg.index 2 : index
    %c21 = arith.constant 21 : index
    %c7 = arith.constant 7 : index
    %b21 = arith.muli %b, %c21 : index
    %m7 = arith.muli %m, %c7 : index
    %s0 = arith.addi %b21, %m7 : index
    %s1 = arith.addi %s0, %k : index
    %i = arith.index_cast %s1 : index to i32
    %f = arith.sitofp %i : i32 to f32
    %c20 = arith.constant 20.0 : f32
    %v = arith.subf %f, %c20 : f32
    linalg.yield %v : f32
  } -> tensor<2x3x7xf32>

  // Stored as [N, K], broadcast over a batch, on a destination that is not zero.
  %w0 = arith.constant dense<[[-5.0, 0.0, 5.0, -1.0, 4.0, -2.0, 3.0], [-2.0, 4.0, -1.0, 5.0, 0.0, -5.0, 1.0], [1.0, -3.0, 4.0, 0.0, -4.0, 3.0, -1.0], [4.0, 1.0, -2.0, -5.0, 3.0, 0.0, -3.0], [-4.0, 5.0, 3.0, 1.0, -1.0, -3.0, -5.0], [-1.0, -2.0, -3.0, -4.0, -5.0, 5.0, 4.0], [2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0], [5.0, -5.0, -4.0, -3.0, -2.0, -1.0, 0.0], [-3.0, -1.0, 1.0, 3.0, 5.0, -4.0, -2.0]]> : tensor<9x7xf32>
  %e0 = tensor.empty() : tensor<7x9xf32>
  %t0 = linalg.transpose ins(%w0 : tensor<9x7xf32>) outs(%e0 : tensor<7x9xf32>) permutation = [1, 0]
  %e1 = tensor.empty() : tensor<2x7x9xf32>
  %b0 = linalg.broadcast ins(%t0 : tensor<7x9xf32>) outs(%e1 : tensor<2x7x9xf32>) dimensions = [0]
  %e2 = tensor.empty() : tensor<2x3x9xf32>
  %ones = linalg.fill ins(%one : f32) outs(%e2 : tensor<2x3x9xf32>) -> tensor<2x3x9xf32>
  %y0 = linalg.batch_matmul ins(%x, %b0 : tensor<2x3x7xf32>, tensor<2x7x9xf32>) outs(%ones : tensor<2x3x9xf32>) -> tensor<2x3x9xf32>
  %v0 = vector.transfer_read %y0[%c0, %c0, %c0], %zero : tensor<2x3x9xf32>, vector<2x3x9xf32>
  vector.print %v0 : vector<2x3x9xf32>

  // The constant on the left, and the result in an order of its own: y[b, n, m].
  %w1 = arith.constant dense<[[-6.0, -4.0, -2.0, 0.0, 2.0, 4.0, 6.0], [1.0, 4.0, -6.0, -3.0, 0.0, 3.0, 6.0], [-5.0, -1.0, 3.0, -6.0, -2.0, 2.0, 6.0], [2.0, -6.0, -1.0, 4.0, -4.0, 1.0, 6.0], [-4.0, 2.0, -5.0, 1.0, -6.0, 0.0, 6.0]]> : tensor<5x7xf32>
  %e3 = tensor.empty() : tensor<2x5x3xf32>
  %f3 = linalg.fill ins(%zero : f32) outs(%e3 : tensor<2x5x3xf32>) -> tensor<2x5x3xf32>
  %y1 = linalg.generic {
      indexing_maps = [affine_map<(b, n, m, k) -> (n, k)>, affine_map<(b, n, m, k) -> (b, m, k)>, affine_map<(b, n, m, k) -> (b, n, m)>],
      iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%w1, %x : tensor<5x7xf32>, tensor<2x3x7xf32>) outs(%f3 : tensor<2x5x3xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<2x5x3xf32>
  %v1 = vector.transfer_read %y1[%c0, %c0, %c0], %zero : tensor<2x5x3xf32>, vector<2x5x3xf32>
  vector.print %v1 : vector<2x5x3xf32>

  // Two reduced dimensions, against a slice of a constant that is read as [n, m, k].
  %s1 = tensor.extract_slice %w0[2, 0] [6, 7] [1, 1] : tensor<9x7xf32> to tensor<6x7xf32>
  %s2 = tensor.expand_shape %s1 [[0, 1], [2]] output_shape [2, 3, 7] : tensor<6x7xf32> into tensor<2x3x7xf32>
  %e4 = tensor.empty() : tensor<2x2xf32>
  %f4 = linalg.fill ins(%zero : f32) outs(%e4 : tensor<2x2xf32>) -> tensor<2x2xf32>
  %y2 = linalg.generic {
      indexing_maps = [affine_map<(b, n, m, k) -> (b, m, k)>, affine_map<(b, n, m, k) -> (n, m, k)>, affine_map<(b, n, m, k) -> (b, n)>],
      iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
      ins(%x, %s2 : tensor<2x3x7xf32>, tensor<2x3x7xf32>) outs(%f4 : tensor<2x2xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<2x2xf32>
  %v2 = vector.transfer_read %y2[%c0, %c0], %zero : tensor<2x2xf32>, vector<2x2xf32>
  vector.print %v2 : vector<2x2xf32>
  return
}
