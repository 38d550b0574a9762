// RUN: aimc-opt %s --aimc-outline-kernels --split-input-file | FileCheck %s
// RUN: aimc-opt %s --aimc-outline-kernels --split-input-file --remarks-filter=aimc 2>&1 | FileCheck %s --check-prefix=REMARK

#id = affine_map<(i, j) -> (i, j)>

// Two operations that differ in their operands only share a kernel.
// REMARK: aimc-outline-kernels | Category:aimc {{.*}}kernels=1, operations=2
// CHECK-LABEL: func.func @layers
// CHECK-SAME: (%[[X:.*]]: tensor<4x8xf32>, %[[A:.*]]: tensor<4x8xf32>, %[[B:.*]]: tensor<4x8xf32>)
// CHECK: %[[Y:.*]] = call @[[K:kernel_0]](%[[X]], %[[A]], %{{.*}})
// CHECK: %[[Z:.*]] = call @[[K]](%[[Y]], %[[B]], %{{.*}})
// CHECK: return %[[Y]], %[[Z]]
// CHECK: func.func private @[[K]](%[[P:.*]]: tensor<4x8xf32> {bufferization.writable = false}, %[[Q:.*]]: tensor<4x8xf32> {bufferization.writable = false}, %[[OUT:.*]]: tensor<4x8xf32>)
// CHECK-SAME: attributes {aimc.kernel, aimc.tile_sizes = array<i64: 4, 0>, aimc.tiles = 1 : i64}
// CHECK: linalg.generic {{.*}} ins(%[[P]], %[[Q]] : {{.*}}) outs(%[[OUT]] :
// CHECK-NOT: @kernel_1
func.func @layers(%x: tensor<4x8xf32>, %a: tensor<4x8xf32>, %b: tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  %e = tensor.empty() : tensor<4x8xf32>
  %y = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %a : tensor<4x8xf32>, tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %s = arith.addf %p, %q : f32
    linalg.yield %s : f32
  } -> tensor<4x8xf32>
  %z = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%y, %b : tensor<4x8xf32>, tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %s = arith.addf %p, %q : f32
    linalg.yield %s : f32
  } -> tensor<4x8xf32>
  return %y, %z : tensor<4x8xf32>, tensor<4x8xf32>
}

// -----

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
#col = affine_map<(i, j) -> (j)>

// Softmax with a bias per column: one kernel of whole rows. exp has two users and is in it; the
// column bias would be computed again for each tile and keeps a kernel of its own.
// REMARK: aimc-outline-kernels | Category:aimc {{.*}}kernels=2, operations=2
// CHECK-LABEL: func.func @softmax
// CHECK: %[[BIAS:.*]] = call @kernel_1(%{{.*}}, %{{.*}}) : (tensor<64xf32>, tensor<64xf32>)
// CHECK: %[[Y:.*]] = call @kernel_0(%{{.*}}, %[[BIAS]], %{{.*}})
// CHECK-NEXT: return %[[Y]]
// CHECK: func.func private @kernel_0
// CHECK-SAME: aimc.tile_sizes = array<i64: 128, 0>, aimc.tiles = 8 : i64
// CHECK: arith.maximumf
// CHECK: math.exp
// CHECK: arith.addf
// CHECK: arith.divf
// CHECK: func.func private @kernel_1
// CHECK: math.log
func.func @softmax(%x: tensor<1024x64xf32>, %b: tensor<64xf32>) -> tensor<1024x64xf32> {
  %lowest = arith.constant 0xFF800000 : f32
  %zero = arith.constant 0.0 : f32
  %eb = tensor.empty() : tensor<64xf32>
  %er = tensor.empty() : tensor<1024xf32>
  %e = tensor.empty() : tensor<1024x64xf32>
  %bias = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%b : tensor<64xf32>) outs(%eb : tensor<64xf32>) {
  ^bb0(%p: f32, %o: f32):
    %l = math.log %p : f32
    linalg.yield %l : f32
  } -> tensor<64xf32>
  %m0 = linalg.fill ins(%lowest : f32) outs(%er : tensor<1024xf32>) -> tensor<1024xf32>
  %m = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<1024x64xf32>) outs(%m0 : tensor<1024xf32>) {
  ^bb0(%p: f32, %o: f32):
    %s = arith.maximumf %p, %o : f32
    linalg.yield %s : f32
  } -> tensor<1024xf32>
  %ex = linalg.generic {indexing_maps = [#id, #row, #col, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %m, %bias : tensor<1024x64xf32>, tensor<1024xf32>, tensor<64xf32>) outs(%e : tensor<1024x64xf32>) {
  ^bb0(%p: f32, %q: f32, %r: f32, %o: f32):
    %d = arith.subf %p, %q : f32
    %f = arith.subf %d, %r : f32
    %s = math.exp %f : f32
    linalg.yield %s : f32
  } -> tensor<1024x64xf32>
  %s0 = linalg.fill ins(%zero : f32) outs(%er : tensor<1024xf32>) -> tensor<1024xf32>
  %sum = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%ex : tensor<1024x64xf32>) outs(%s0 : tensor<1024xf32>) {
  ^bb0(%p: f32, %o: f32):
    %s = arith.addf %p, %o : f32
    linalg.yield %s : f32
  } -> tensor<1024xf32>
  %y = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%ex, %sum : tensor<1024x64xf32>, tensor<1024xf32>) outs(%e : tensor<1024x64xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %s = arith.divf %p, %q : f32
    linalg.yield %s : f32
  } -> tensor<1024x64xf32>
  return %y : tensor<1024x64xf32>
}

// -----

// A batched product: one batch element per tile. Its destination carries values, which are copied.
// CHECK-LABEL: func.func @products
// CHECK: call @kernel_0(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) : (tensor<12x5x7xf32>, tensor<12x7x3xf32>, tensor<12x5x3xf32>, tensor<12x5x3xf32>)
// CHECK: func.func private @kernel_0
// CHECK-SAME: aimc.tile_sizes = array<i64: 1, 0, 0, 0>, aimc.tiles = 12 : i64
// CHECK: %[[C:.*]] = linalg.copy
// CHECK: linalg.batch_matmul {{.*}} outs(%[[C]] :
func.func @products(%a: tensor<12x5x7xf32>, %b: tensor<12x7x3xf32>, %c: tensor<12x5x3xf32>) -> tensor<12x5x3xf32> {
  %y = linalg.batch_matmul ins(%a, %b : tensor<12x5x7xf32>, tensor<12x7x3xf32>) outs(%c : tensor<12x5x3xf32>) -> tensor<12x5x3xf32>
  return %y : tensor<12x5x3xf32>
}

// -----

// A prime number of rows that is not far above the wanted size is one tile.
// CHECK-LABEL: func.func @prime
// CHECK: func.func private @kernel_0
// CHECK-SAME: aimc.tile_sizes = array<i64: 1, 37, 0>, aimc.tiles = 2 : i64
func.func @prime(%a: tensor<2x37x384xf32>) -> tensor<2x37x384xf32> {
  %e = tensor.empty() : tensor<2x37x384xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(b, i, j) -> (b, i, j)>, affine_map<(b, i, j) -> (b, i, j)>], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%a : tensor<2x37x384xf32>) outs(%e : tensor<2x37x384xf32>) {
  ^bb0(%p: f32, %o: f32):
    %s = math.exp %p : f32
    linalg.yield %s : f32
  } -> tensor<2x37x384xf32>
  return %y : tensor<2x37x384xf32>
}

// -----

#id = affine_map<(i) -> (i)>

// A scalar read from a tensor is read in the kernel: the tensor becomes an argument.
// CHECK-LABEL: func.func @element
// CHECK-SAME: (%[[X:.*]]: tensor<4xf32>, %[[S:.*]]: tensor<f32>)
// CHECK-NOT: tensor.extract
// CHECK: call @kernel_0(%[[X]], %[[S]], %{{.*}})
// CHECK: func.func private @kernel_0(%{{.*}}: tensor<4xf32> {{.*}}, %[[T:.*]]: tensor<f32>
// CHECK: %[[V:.*]] = tensor.extract %[[T]][]
// CHECK: linalg.generic
// CHECK: arith.subf %{{.*}}, %[[V]]
func.func @element(%x: tensor<4xf32>, %s: tensor<f32>) -> tensor<4xf32> {
  %first = tensor.extract %s[] : tensor<f32>
  %e = tensor.empty() : tensor<4xf32>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%p: f32, %o: f32):
    %d = arith.subf %p, %first : f32
    linalg.yield %d : f32
  } -> tensor<4xf32>
  return %y : tensor<4xf32>
}
