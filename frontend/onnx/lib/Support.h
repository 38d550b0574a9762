//===- Support.h - errors, checked sizes, text ------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// What every part of the reader needs. Inside this library a fault in the model is thrown as
// `Rejected` and becomes an error value at load(): a type rule then reads as the rule alone.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/onnx/Graph.h"
#include <sstream>
#include <stdexcept>

namespace aimc::onnx {

struct Rejected : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <class... Parts> std::string concat(const Parts &...parts) {
  std::ostringstream os;
  (os << ... << parts);
  return os.str();
}

template <class... Parts> [[noreturn]] void reject(const Parts &...parts) {
  throw Rejected(concat(parts...));
}

/// "f32[2,3]"
std::string text(const TensorType &type);
/// "[2, 3]"
std::string text(const std::vector<int64_t> &list);

/// More elements than this cannot be real data; it keeps every byte count within int64_t.
inline constexpr int64_t kMaxElements = int64_t(1) << 40;
/// Ranks above this are refused: no model needs them and loops over ranks stay short.
inline constexpr size_t kMaxRank = 32;

/// The number of elements of `shape`; rejects negative sizes, huge products and huge ranks.
int64_t checkedElements(const std::vector<int64_t> &shape);
TensorType makeType(DType dtype, std::vector<int64_t> shape);

/// A constant with storage of its own, to be filled by the caller.
struct OwnedConstant {
  std::shared_ptr<Constant> constant;
  std::byte *data = nullptr;
  template <class T> T *as() { return reinterpret_cast<T *>(data); }
};
OwnedConstant allocate(TensorType type);

std::shared_ptr<const Constant> scalar(float value);

/// The same bytes under another shape; nothing is copied.
std::shared_ptr<const Constant> view(const Constant &constant, TensorType type);

/// Calls `f` with a zero of the C++ type behind `dtype`.
template <class F> decltype(auto) withType(DType dtype, F &&f) {
  switch (dtype) {
  case DType::F32:
    return f(float{});
  case DType::I64:
    return f(int64_t{});
  case DType::I32:
    return f(int32_t{});
  case DType::Bool:
    break;
  }
  return f(bool{});
}

} // namespace aimc::onnx
