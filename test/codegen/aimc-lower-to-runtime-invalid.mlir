// RUN: aimc-opt %s --aimc-lower-to-runtime --split-input-file --verify-diagnostics

// expected-error @+1 {{expected a function 'main' with a body}}
module {
}

// -----

func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{expected only kernels, grids, constants and views in the main program, but got 'math.exp'; run aimc-outline-kernels first}}
  %y = math.exp %x : tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

// expected-error @+1 {{expected straight-line code, but got control flow}}
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  cf.br ^next
^next:
  return %x : tensor<4xf32>
}

// -----

// expected-error @+1 {{expected statically shaped tensors as arguments, but got 'tensor<?xf32>'}}
func.func @main(%x: tensor<?xf32>) -> tensor<?xf32> {
  return %x : tensor<?xf32>
}

// -----

func.func private @other(tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  // expected-error @+1 {{expected a call to a kernel, but got 'other'}}
  %y = func.call @other(%x, %e) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

// expected-error @+1 {{expected aimc.index_check with sizes, tuples and what on a function of one static tensor of i64 or i32}}
func.func private @check(%ids: tensor<4x2xi64>) attributes {aimc.index_check = {sizes = array<i64: 5, 7, 3>, tuples = true, what = "x"}} {
  return
}
func.func @main(%ids: tensor<4x2xi64>) -> tensor<4x2xi64> {
  func.call @check(%ids) : (tensor<4x2xi64>) -> ()
  return %ids : tensor<4x2xi64>
}
