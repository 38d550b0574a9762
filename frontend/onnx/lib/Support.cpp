//===- Support.cpp - errors, checked sizes, text ----------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Sizes come from files that nobody has checked, so each product is checked here once.
//
//===----------------------------------------------------------------------===//
#include "Support.h"
#include <cstring>

namespace aimc::onnx {

std::string text(const TensorType &type) {
  std::ostringstream os;
  os << name(type.dtype) << '[';
  for (size_t i = 0; i < type.shape.size(); ++i)
    os << (i ? "," : "") << type.shape[i];
  os << ']';
  return os.str();
}

std::string text(const std::vector<int64_t> &list) {
  std::ostringstream os;
  os << '[';
  for (size_t i = 0; i < list.size(); ++i)
    os << (i ? ", " : "") << list[i];
  os << ']';
  return os.str();
}

int64_t checkedElements(const std::vector<int64_t> &shape) {
  if (shape.size() > kMaxRank)
    reject("expected a rank of at most ", kMaxRank, ", but got ", shape.size());
  int64_t count = 1;
  bool empty = false;
  for (int64_t dim : shape) {
    if (dim < 0)
      reject("expected sizes of at least 0, but got shape ", text(shape));
    if (dim == 0)
      empty = true;
    else if (dim > kMaxElements / count)
      reject("expected fewer elements than in shape ", text(shape));
    else
      count *= dim;
  }
  return empty ? 0 : count;
}

TensorType makeType(DType dtype, std::vector<int64_t> shape) {
  checkedElements(shape);
  return {dtype, std::move(shape)};
}

OwnedConstant allocate(TensorType type) {
  size_t bytes = static_cast<size_t>(checkedElements(type.shape)) * byteSize(type.dtype);
  // new[] aligns for every element type; one spare byte keeps the pointer of empty data valid
  std::shared_ptr<std::byte[]> storage(new std::byte[bytes + 1]);
  OwnedConstant owned;
  owned.data = storage.get();
  owned.constant = std::make_shared<Constant>();
  owned.constant->type = std::move(type);
  owned.constant->data = storage.get();
  owned.constant->owner = std::shared_ptr<const void>(storage, storage.get());
  return owned;
}

std::shared_ptr<const Constant> scalar(float value) {
  OwnedConstant owned = allocate({DType::F32, {}});
  *owned.as<float>() = value;
  return owned.constant;
}

std::shared_ptr<const Constant> view(const Constant &constant, TensorType type) {
  auto result = std::make_shared<Constant>(constant);
  result->type = std::move(type);
  return result;
}

} // namespace aimc::onnx
