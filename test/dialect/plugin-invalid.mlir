// REQUIRES: plugin, no-sanitizer
// RUN: mlir-opt --load-dialect-plugin=%plugin --verify-diagnostics %s

// The verifiers work there too, those that look up symbols included.

// expected-note @below {{@w is declared here}}
aimc.weight @w : tensor<8x6xf32>
func.func @f(%x: tensor<4x7xf32>, %i: tensor<4x6xf32>) -> tensor<4x6xf32> {
  // expected-error @below {{expected an input of 8 columns, the rows of @w, but got 7}}
  %y = aimc.linear @w ins(%x : tensor<4x7xf32>) outs(%i : tensor<4x6xf32>) -> tensor<4x6xf32>
  return %y : tensor<4x6xf32>
}
