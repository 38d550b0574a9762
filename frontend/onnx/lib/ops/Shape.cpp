//===- Shape.cpp - operators that compute or change shapes ------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// With bound dimensions every shape is a number, so the chains that exporters write around Shape
// end here. Reshapes of constants are views.
//
//===----------------------------------------------------------------------===//
#include "Broadcast.h"
#include <algorithm>
#include <cstring>
#include <functional>
#include <numeric>

namespace aimc::onnx {

namespace {
Types shapeOf(Call &call) {
  int64_t rank = static_cast<int64_t>(call.rank(0));
  auto clamp = [&](int64_t at) { return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank); };
  int64_t start = clamp(call.node.intAttr("start", 0));
  int64_t end = clamp(call.node.intAttr("end", rank));
  call.set("start", start);
  call.set("end", end);
  return {makeType(DType::I64, {std::max<int64_t>(end - start, 0)})};
}

bool evalShape(const Call &call, const Types &out, const std::vector<std::byte *> &data) {
  int64_t start = call.node.intAttr("start", 0);
  for (int64_t i = 0; i < out[0].shape[0]; ++i)
    reinterpret_cast<int64_t *>(data[0])[i] = call.shape(0)[static_cast<size_t>(start + i)];
  return true;
}

Types sizeOf(Call &) { return {TensorType{DType::I64, {}}}; }

bool evalSize(const Call &call, const Types &, const std::vector<std::byte *> &data) {
  *reinterpret_cast<int64_t *>(data[0]) = call.type(0).elements();
  return true;
}

Types reshape(Call &call) {
  std::vector<int64_t> shape = call.ints(1, "shape");
  bool keepZero = call.node.intAttr("allowzero", 0) != 0;
  call.node.attributes.clear();
  int64_t elements = call.type(0).elements();
  std::optional<size_t> open;
  std::string asked = text(shape);
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0 && !keepZero) {
      if (i >= call.rank(0))
        reject("expected axis ", i, " to copy from operand 0, but that is ", text(call.type(0)));
      shape[i] = call.shape(0)[i];
    } else if (shape[i] == -1) {
      if (open)
        reject("expected at most one size of -1, but got ", asked);
      open = i;
      shape[i] = 1;
    }
  }
  int64_t count = checkedElements(shape);
  if (open) {
    if (count == 0 || elements % count != 0)
      reject("expected shape ", asked, " to fit ", text(call.type(0)));
    shape[*open] = elements / count;
    count = elements;
  }
  if (count != elements)
    reject("expected shape ", asked, " to hold ", elements, " elements of ", text(call.type(0)),
           ", but it holds ", count);
  return {makeType(call.dtype(0), std::move(shape))};
}

int64_t product(const std::vector<int64_t> &shape, size_t from, size_t to) {
  return std::accumulate(shape.begin() + static_cast<std::ptrdiff_t>(from),
                         shape.begin() + static_cast<std::ptrdiff_t>(to), int64_t(1),
                         std::multiplies<>());
}

Types flatten(Call &call) {
  int64_t rank = static_cast<int64_t>(call.rank(0));
  int64_t axis = call.node.intAttr("axis", 1);
  if (axis < -rank || axis > rank)
    reject("expected axis in [", -rank, ", ", rank, "], but got ", axis);
  size_t at = static_cast<size_t>(axis < 0 ? axis + rank : axis);
  call.set("axis", static_cast<int64_t>(at));
  return {makeType(call.dtype(0),
                   {product(call.shape(0), 0, at), product(call.shape(0), at, call.rank(0))})};
}

Types squeeze(Call &call) {
  std::optional<std::vector<int64_t>> given = call.intsFrom("axes", 1);
  std::vector<int64_t> axes;
  if (given) {
    axes = normalAxes(*given, call.rank(0));
  } else {
    for (size_t i = 0; i < call.rank(0); ++i)
      if (call.shape(0)[i] == 1)
        axes.push_back(static_cast<int64_t>(i));
  }
  std::vector<int64_t> shape;
  for (size_t i = 0; i < call.rank(0); ++i) {
    if (!std::binary_search(axes.begin(), axes.end(), static_cast<int64_t>(i)))
      shape.push_back(call.shape(0)[i]);
    else if (call.shape(0)[i] != 1)
      reject("expected size 1 at squeezed axis ", i, ", but got ", text(call.type(0)));
  }
  call.set("axes", std::move(axes));
  return {makeType(call.dtype(0), std::move(shape))};
}

Types unsqueeze(Call &call) {
  std::optional<std::vector<int64_t>> given = call.intsFrom("axes", 1);
  if (!given)
    reject("expected axes");
  size_t rank = call.rank(0) + given->size();
  std::vector<int64_t> axes = normalAxes(*given, rank), shape;
  for (size_t i = 0, from = 0; i < rank; ++i)
    shape.push_back(std::binary_search(axes.begin(), axes.end(), static_cast<int64_t>(i))
                        ? 1
                        : call.shape(0)[from++]);
  call.set("axes", std::move(axes));
  return {makeType(call.dtype(0), std::move(shape))};
}

Types expand(Call &call) {
  return {makeType(call.dtype(0), broadcast(call.shape(0), call.ints(1, "shape")))};
}

bool evalExpand(const Call &call, const Types &out, const std::vector<std::byte *> &data) {
  const Constant &in = *call.operand(0).constant;
  size_t size = byteSize(out[0].dtype);
  walk<1>(out[0].shape, {broadcastStrides(in.type.shape, out[0].shape)},
          [&](int64_t i, const std::array<int64_t, 1> &at) {
            std::memcpy(data[0] + static_cast<size_t>(i) * size,
                        in.data + static_cast<size_t>(at[0]) * size, size);
          });
  return true;
}

/// A node that keeps the type of its first operand and only rearranges nothing.
std::optional<std::vector<ValueId>> dropIfSame(Builder &, Call &call, const Types &out) {
  if (out[0] != call.type(0))
    return std::nullopt;
  return std::vector{call.node.inputs[0]};
}

Types constantOfShape(Call &call) {
  DType dtype = DType::F32;
  auto value = call.node.attributes.find("value");
  if (value != call.node.attributes.end()) {
    const auto *fill = std::get_if<Constant>(&value->second);
    if (!fill || fill->type.elements() != 1)
      reject("expected value to be a tensor of one element");
    dtype = fill->type.dtype;
  } else {
    call.set("value", *scalar(0.0f));
  }
  return {makeType(dtype, call.ints(0, "shape"))};
}

bool evalConstantOfShape(const Call &call, const Types &out, const std::vector<std::byte *> &data) {
  const auto &fill = std::get<Constant>(call.node.attributes.find("value")->second);
  size_t size = byteSize(out[0].dtype);
  for (int64_t i = 0; i < out[0].elements(); ++i)
    std::memcpy(data[0] + static_cast<size_t>(i) * size, fill.data, size);
  return true;
}

Types range(Call &call) {
  call.expectDType(0, {DType::F32, DType::I64, DType::I32});
  for (size_t i = 0; i < 3; ++i) {
    call.expectSameDType(0, i);
    if (call.known(i, i == 0 ? "start" : i == 1 ? "limit" : "delta").type.elements() != 1)
      reject("expected operand ", i, " to be one number, but got ", text(call.type(i)));
  }
  auto value = [&](size_t i) {
    return withType(call.dtype(i), [&](auto zero) {
      return static_cast<double>(*call.operand(i).constant->as<decltype(zero)>());
    });
  };
  double start = value(0), limit = value(1), delta = value(2);
  if (!(std::abs(delta) > 0))
    reject("expected a delta other than 0");
  double count = std::max(std::ceil((limit - start) / delta), 0.0);
  if (!(count <= static_cast<double>(kMaxElements)))
    reject("expected a shorter range, but it has ", count, " elements");
  return {makeType(call.dtype(0), {static_cast<int64_t>(count)})};
}

bool evalRange(const Call &call, const Types &out, const std::vector<std::byte *> &data) {
  return withType(out[0].dtype, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_same_v<T, bool>) {
      return false;
    } else {
      T start = *call.operand(0).constant->as<T>(), delta = *call.operand(2).constant->as<T>();
      for (int64_t i = 0; i < out[0].elements(); ++i)
        reinterpret_cast<T *>(data[0])[i] =
            wrapping(start, wrapping(static_cast<T>(i), delta, std::multiplies<>()), std::plus<>());
      return true;
    }
  });
}
} // namespace

void addShape(std::vector<Row> &rows) {
  rows.push_back({"",
                  "Shape",
                  {1, 13, 15, 19, 21, 23, 24, 25},
                  1,
                  1,
                  1,
                  "start end ",
                  shapeOf,
                  Fold::Types,
                  evalShape});
  rows.push_back(
      {"", "Size", {1, 13, 19, 21, 23, 24, 25}, 1, 1, 1, "", sizeOf, Fold::Types, evalSize});
  rows.push_back({"",
                  "Reshape",
                  {5, 13, 14, 19, 21, 23, 24, 25},
                  2,
                  2,
                  1,
                  "allowzero ",
                  reshape,
                  Fold::View,
                  nullptr,
                  dropIfSame});
  rows.push_back({"",
                  "Flatten",
                  {9, 11, 13, 21, 23, 24, 25},
                  1,
                  1,
                  1,
                  "axis ",
                  flatten,
                  Fold::View,
                  nullptr,
                  dropIfSame});
  rows.push_back({"",
                  "Squeeze",
                  {11, 13, 21, 23, 24, 25},
                  1,
                  2,
                  1,
                  "axes ",
                  squeeze,
                  Fold::View,
                  nullptr,
                  dropIfSame});
  rows.push_back({"",
                  "Unsqueeze",
                  {11, 13, 21, 23, 24, 25},
                  1,
                  2,
                  1,
                  "axes ",
                  unsqueeze,
                  Fold::View,
                  nullptr,
                  dropIfSame});
  rows.push_back({"", "Expand", {8, 13}, 2, 2, 1, "", expand, Fold::Data, evalExpand, dropIfSame});
  rows.push_back({"",
                  "ConstantOfShape",
                  {9, 20, 21, 23, 24, 25},
                  1,
                  1,
                  1,
                  "value ",
                  constantOfShape,
                  Fold::Data,
                  evalConstantOfShape});
  rows.push_back({"", "Range", {11, 27}, 3, 3, 1, "stash_type ", range, Fold::Data, evalRange});
}

} // namespace aimc::onnx
