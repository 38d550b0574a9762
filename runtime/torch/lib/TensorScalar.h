//===- TensorScalar.h - a tensor as the number of a formula ----*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Lets the templates of runtime/model run on tensors: one element is a whole row of columns, on
// whatever device. What a formula does on a GPU is thus the same source as on the CPU.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Torch.h"

namespace aimc::ops {

struct TensorScalar {
  at::Tensor value;

  TensorScalar() = default;
  explicit TensorScalar(double number) : value(at::scalar_tensor(number, at::kDouble)) {}
  explicit TensorScalar(at::Tensor tensor) : value(std::move(tensor)) {}

  friend TensorScalar operator+(const TensorScalar &a, const TensorScalar &b) {
    return TensorScalar(a.value + b.value);
  }
  friend TensorScalar operator-(const TensorScalar &a, const TensorScalar &b) {
    return TensorScalar(a.value - b.value);
  }
  friend TensorScalar operator*(const TensorScalar &a, const TensorScalar &b) {
    return TensorScalar(a.value * b.value);
  }
  friend TensorScalar operator/(const TensorScalar &a, const TensorScalar &b) {
    return TensorScalar(a.value / b.value);
  }
  friend TensorScalar min(const TensorScalar &a, const TensorScalar &b) {
    return TensorScalar(at::minimum(a.value, b.value));
  }
  friend TensorScalar max(const TensorScalar &a, const TensorScalar &b) {
    return TensorScalar(at::maximum(a.value, b.value));
  }
  TensorScalar operator-() const { return TensorScalar(-value); }
  TensorScalar &operator+=(const TensorScalar &b) { return *this = *this + b; }
  TensorScalar &operator*=(const TensorScalar &b) { return *this = *this * b; }
};

} // namespace aimc::ops
