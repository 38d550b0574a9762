//===- Broadcast.h - element loops of the host evaluator --------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Walks an output shape and keeps, for every operand, the offset of the element that broadcasts to
// it. Shape arithmetic is small, but weights that a file computes go through here too.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "../OpTable.h"
#include <array>
#include <cmath>
#include <limits>
#include <type_traits>

namespace aimc::onnx {

/// Row-major strides of `shape`.
inline std::vector<int64_t> stridesOf(const std::vector<int64_t> &shape) {
  std::vector<int64_t> strides(shape.size());
  int64_t step = 1;
  for (size_t i = shape.size(); i-- > 0; step *= shape[i])
    strides[i] = step;
  return strides;
}

/// Strides of `shape` seen from the larger `out`: 0 along axes that repeat.
inline std::vector<int64_t> broadcastStrides(const std::vector<int64_t> &shape,
                                             const std::vector<int64_t> &out) {
  std::vector<int64_t> own = stridesOf(shape), result(out.size(), 0);
  size_t lead = out.size() - shape.size();
  for (size_t i = 0; i < shape.size(); ++i)
    result[lead + i] = shape[i] == 1 ? 0 : own[i];
  return result;
}

/// Calls `f(i, offsets)` for each element i of `shape`; offsets[k] advances by strides[k].
template <size_t N, class F>
void walk(const std::vector<int64_t> &shape, const std::array<std::vector<int64_t>, N> &strides,
          F &&f) {
  int64_t count = TensorType{DType::F32, shape}.elements();
  if (count == 0)
    return;
  // the last axis, where nearly all steps are, has a loop of its own
  size_t outer = shape.empty() ? 0 : shape.size() - 1;
  int64_t inner = shape.empty() ? 1 : shape.back();
  std::array<int64_t, N> start{}, steps{};
  for (size_t k = 0; k < N; ++k)
    steps[k] = shape.empty() ? 0 : strides[k].back();
  std::vector<int64_t> index(outer, 0);
  for (int64_t i = 0; i < count;) {
    std::array<int64_t, N> offsets = start;
    for (int64_t end = i + inner; i < end; ++i) {
      f(i, offsets);
      for (size_t k = 0; k < N; ++k)
        offsets[k] += steps[k];
    }
    for (size_t d = outer; d-- > 0;) {
      ++index[d];
      for (size_t k = 0; k < N; ++k)
        start[k] += strides[k][d];
      if (index[d] < shape[d])
        break;
      index[d] = 0;
      for (size_t k = 0; k < N; ++k)
        start[k] -= strides[k][d] * shape[d];
    }
  }
}

/// `value` as integer type T: truncated, out of range to the nearest end, NaN to 0.
template <class T> T saturate(double value) {
  if (std::isnan(value))
    return 0;
  if (value >= -static_cast<double>(std::numeric_limits<T>::min()))
    return std::numeric_limits<T>::max();
  if (value <= static_cast<double>(std::numeric_limits<T>::min()))
    return std::numeric_limits<T>::min();
  return static_cast<T>(value);
}

/// Integer arithmetic wraps, as compiled code does; floats are plain.
template <class T, class F> T wrapping(T a, T b, F f) {
  if constexpr (std::is_integral_v<T>) {
    using U = std::make_unsigned_t<T>;
    return static_cast<T>(f(static_cast<U>(a), static_cast<U>(b)));
  } else {
    return f(a, b);
  }
}

/// out[i] = f(a, b) with broadcast.
template <class In, class Out, class F>
void mapBinary(const Constant &a, const Constant &b, const std::vector<int64_t> &shape,
               std::byte *out, F f) {
  auto *result = reinterpret_cast<Out *>(out);
  walk<2>(shape, {broadcastStrides(a.type.shape, shape), broadcastStrides(b.type.shape, shape)},
          [&](int64_t i, const std::array<int64_t, 2> &at) {
            result[i] = f(a.as<In>()[at[0]], b.as<In>()[at[1]]);
          });
}

} // namespace aimc::onnx
