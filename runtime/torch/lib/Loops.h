//===- Loops.h - elementwise kernels on the CPU ----------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include "Torch.h"

namespace aimc::ops {

/// Runs `f(outputs..., inputs...)` per element: pointers of type S to outputs and inputs in the
/// order in which the iterator has them.
template <class S, size_t Count, class F> void elementwise(at::TensorIterator &it, const F &f) {
  it.for_each([&](char **data, const int64_t *strides, int64_t n) {
    S *at[Count];
    for (int64_t i = 0; i < n; ++i) {
      for (size_t a = 0; a < Count; ++a)
        at[a] = reinterpret_cast<S *>(data[a] + i * strides[a]);
      f(at);
    }
  });
}

/// Added to what became of x: NaN where x is not finite, else 0. Such an input leaves no number in
/// its vector's outputs, as in the runtime, whatever a clamp or a code would make of it.
template <class S> inline S nanUnlessFinite(S x) { return x - x; }

/// Inputs of an operator share a floating-point type that kernels exist for.
inline void checkReal(const at::Tensor &tensor, const char *name) {
  TORCH_CHECK_TYPE(tensor.scalar_type() == at::kFloat || tensor.scalar_type() == at::kDouble,
                   "expected ", name, " of type float32 or float64, but got ",
                   tensor.scalar_type());
}

/// Result shapes of broadcasting, also for symbolic sizes.
inline at::Tensor broadcastLike(const at::Tensor &a, const at::Tensor &b) {
  return at::empty_symint(at::infer_size_symint(a.sym_sizes(), b.sym_sizes()), a.options());
}

} // namespace aimc::ops
