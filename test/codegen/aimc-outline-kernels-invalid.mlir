// RUN: aimc-opt %s --aimc-outline-kernels --split-input-file --verify-diagnostics

#id = affine_map<(i) -> (i)>
func.func @dynamic(%x: tensor<?xf32>, %e: tensor<?xf32>) -> tensor<?xf32> {
  // expected-error @+1 {{expected static shapes, but got a dynamic dimension}}
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<?xf32>) outs(%e : tensor<?xf32>) {
  ^bb0(%p: f32, %o: f32):
    %s = math.exp %p : f32
    linalg.yield %s : f32
  } -> tensor<?xf32>
  return %y : tensor<?xf32>
}

// -----

#id = affine_map<(i) -> (i)>
func.func private @elsewhere() -> f32
func.func @opaque_scalar(%x: tensor<4xf32>) -> tensor<4xf32> {
  %first = func.call @elsewhere() : () -> f32
  %e = tensor.empty() : tensor<4xf32>
  // expected-error @+1 {{expected tensors, constants or elements of tensors as operands of a digital operation, but got a scalar of type 'f32'}}
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%p: f32, %o: f32):
    %s = arith.subf %p, %first : f32
    linalg.yield %s : f32
  } -> tensor<4xf32>
  return %y : tensor<4xf32>
}
