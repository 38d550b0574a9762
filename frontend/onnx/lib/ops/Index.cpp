//===- Index.cpp - operators that look elements up --------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Gather, GatherND, ScatterND and CumSum. Constant indices are checked here; those that arrive at
// run time are the consumer's to check and wrap.
//
//===----------------------------------------------------------------------===//
#include "Broadcast.h"
#include <algorithm>
#include <cstring>
#include <functional>

namespace aimc::onnx {

namespace {
int64_t indexAt(const Constant &indices, int64_t i) {
  return indices.type.dtype == DType::I64 ? indices.as<int64_t>()[i] : indices.as<int32_t>()[i];
}

/// `index` wrapped into [0, dim); out of range is a fault of the model.
int64_t wrapped(int64_t index, int64_t dim) {
  if (index < -dim || index >= dim)
    reject("expected indices in [", -dim, ", ", dim, "), but got ", index);
  return index < 0 ? index + dim : index;
}

Types gather(Call &call) {
  call.expectDType(1, {DType::I64, DType::I32});
  size_t axis = static_cast<size_t>(call.axis("axis", 0, call.rank(0)));
  const auto &data = call.shape(0);
  if (const auto &indices = call.operand(1).constant)
    for (int64_t i = 0; i < indices->type.elements(); ++i)
      wrapped(indexAt(*indices, i), data[axis]);
  std::vector<int64_t> shape(data.begin(), data.begin() + static_cast<std::ptrdiff_t>(axis));
  shape.insert(shape.end(), call.shape(1).begin(), call.shape(1).end());
  shape.insert(shape.end(), data.begin() + static_cast<std::ptrdiff_t>(axis) + 1, data.end());
  return {makeType(call.dtype(0), std::move(shape))};
}

bool evalGather(const Call &call, const Types &out, const std::vector<std::byte *> &data) {
  const Constant &in = *call.operand(0).constant, &indices = *call.operand(1).constant;
  size_t axis = static_cast<size_t>(call.node.intAttr("axis", 0));
  size_t inner = static_cast<size_t>(stridesOf(in.type.shape)[axis]) * byteSize(in.type.dtype);
  int64_t count = indices.type.elements(), dim = in.type.shape[axis];
  int64_t outer = 1;
  for (size_t d = 0; d < axis; ++d)
    outer *= in.type.shape[d];
  if (out[0].elements() == 0)
    return true;
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < count; ++i)
      std::memcpy(data[0] + static_cast<size_t>(o * count + i) * inner,
                  in.data +
                      static_cast<size_t>(o * dim + wrapped(indexAt(indices, i), dim)) * inner,
                  inner);
  return true;
}

/// Constant tuples, whose numbers count along the axes [first, first + width) of `data`.
void expectTuples(const Call &call, size_t first) {
  const auto &indices = call.operand(1).constant;
  auto width = static_cast<size_t>(call.shape(1).back());
  if (indices)
    for (int64_t i = 0; i < indices->type.elements(); ++i)
      wrapped(indexAt(*indices, i), call.shape(0)[first + static_cast<size_t>(i) % width]);
}

Types gatherND(Call &call) {
  call.expectDType(1, {DType::I64, DType::I32});
  int64_t batch = call.node.intAttr("batch_dims", 0);
  call.set("batch_dims", batch);
  const auto &data = call.shape(0), &indices = call.shape(1);
  int64_t rank = static_cast<int64_t>(data.size());
  if (indices.empty() || rank == 0)
    reject("expected operands of rank 1 or more, but got ", text(call.type(0)), " and ",
           text(call.type(1)));
  if (batch < 0 || batch >= rank || batch >= static_cast<int64_t>(indices.size()))
    reject("expected batch_dims below both ranks, but got ", batch);
  if (indices.back() < 1 || indices.back() > rank - batch)
    reject("expected index tuples of 1 to ", rank - batch, " numbers, but got ",
           text(call.type(1)));
  if (!std::equal(data.begin(), data.begin() + batch, indices.begin()))
    reject("expected operands of one batch shape, but got ", text(call.type(0)), " and ",
           text(call.type(1)));
  expectTuples(call, static_cast<size_t>(batch));
  std::vector<int64_t> shape(indices.begin(), indices.end() - 1);
  shape.insert(shape.end(), data.begin() + batch + indices.back(), data.end());
  return {makeType(call.dtype(0), std::move(shape))};
}

bool evalGatherND(const Call &call, const Types &out, const std::vector<std::byte *> &data) {
  const Constant &in = *call.operand(0).constant, &indices = *call.operand(1).constant;
  size_t batch = static_cast<size_t>(call.node.intAttr("batch_dims", 0));
  size_t width = static_cast<size_t>(indices.type.shape.back());
  std::vector<int64_t> strides = stridesOf(in.type.shape);
  int64_t tuples = indices.type.elements() / static_cast<int64_t>(width);
  int64_t inner = strides[batch + width - 1], batches = 1;
  for (size_t d = 0; d < batch; ++d)
    batches *= in.type.shape[d];
  if (out[0].elements() == 0)
    return true;
  int64_t perBatch = tuples / batches, batchStride = in.type.elements() / batches;
  size_t bytes = static_cast<size_t>(inner) * byteSize(in.type.dtype);
  for (int64_t t = 0; t < tuples; ++t) {
    int64_t from = t / perBatch * batchStride;
    for (size_t w = 0; w < width; ++w)
      from += strides[batch + w] *
              wrapped(indexAt(indices, t * static_cast<int64_t>(width) + static_cast<int64_t>(w)),
                      in.type.shape[batch + w]);
    std::memcpy(data[0] + static_cast<size_t>(t) * bytes,
                in.data + static_cast<size_t>(from) * byteSize(in.type.dtype), bytes);
  }
  return true;
}

Types gatherElements(Call &call) {
  call.expectDType(1, {DType::I64, DType::I32});
  size_t axis = static_cast<size_t>(call.axis("axis", 0, call.rank(0)));
  call.expectRank(1, call.rank(0));
  for (size_t d = 0; d < call.rank(0); ++d)
    if (d != axis && call.shape(1)[d] > call.shape(0)[d])
      reject("expected indices within ", text(call.type(0)), " along axis ", d, ", but got ",
             text(call.type(1)));
  return {makeType(call.dtype(0), call.shape(1))};
}

/// As GatherND, whose index tuples are the places of the indices with one number replaced.
std::optional<std::vector<ValueId>> tuples(Builder &builder, Call &call, const Types &out) {
  int64_t axis = call.node.intAttr("axis", 0);
  std::vector<int64_t> shape = out[0].shape, column = shape;
  column.push_back(1);
  std::vector<ValueId> numbers;
  for (size_t d = 0; d < shape.size(); ++d) {
    if (static_cast<int64_t>(d) == axis) {
      ValueId index = builder.emit1("Cast", {call.node.inputs[1]}, {{"to", int64_t(7)}});
      numbers.push_back(builder.reshape(index, column));
    } else {
      std::vector<int64_t> line(column.size(), 1);
      line[d] = shape[d];
      numbers.push_back(
          builder.emit1("Expand", {builder.iota(shape[d], line), builder.ints(column)}));
    }
  }
  ValueId places = builder.emit1("Concat", numbers, {{"axis", int64_t(-1)}});
  return std::vector{builder.emit1("GatherND", {call.node.inputs[0], places})};
}

Types scatterND(Call &call) {
  call.expectDType(1, {DType::I64, DType::I32});
  call.expectSameDType(0, 2);
  std::string reduction = call.node.stringAttr("reduction", "none");
  if (reduction != "none" && reduction != "add" && reduction != "mul" && reduction != "max" &&
      reduction != "min")
    reject("expected reduction none, add, mul, max or min, but got '", reduction, "'");
  call.set("reduction", reduction);
  const auto &data = call.shape(0), &indices = call.shape(1);
  int64_t rank = static_cast<int64_t>(data.size());
  if (indices.empty() || indices.back() < 1 || indices.back() > rank)
    reject("expected index tuples of 1 to ", rank, " numbers, but got ", text(call.type(1)));
  std::vector<int64_t> updates(indices.begin(), indices.end() - 1);
  updates.insert(updates.end(), data.begin() + indices.back(), data.end());
  if (call.shape(2) != updates)
    reject("expected updates of shape ", text(updates), ", but got ", text(call.type(2)));
  expectTuples(call, 0);
  return {call.type(0)};
}

bool evalScatterND(const Call &call, const Types &out, const std::vector<std::byte *> &data) {
  const Constant &in = *call.operand(0).constant, &indices = *call.operand(1).constant,
                 &updates = *call.operand(2).constant;
  std::string mode = call.node.stringAttr("reduction", "none");
  int64_t width = indices.type.shape.back(), tuples = indices.type.elements() / width;
  std::vector<int64_t> strides = stridesOf(out[0].shape);
  int64_t inner = strides[static_cast<size_t>(width) - 1];
  std::memcpy(data[0], in.data, in.bytes());
  if (out[0].elements() == 0)
    return true;
  return withType(out[0].dtype, [&](auto zero) {
    using T = decltype(zero);
    if (std::is_same_v<T, bool> && mode != "none")
      return false;
    for (int64_t t = 0; t < tuples; ++t) {
      int64_t to = 0;
      for (int64_t w = 0; w < width; ++w)
        to += strides[static_cast<size_t>(w)] *
              wrapped(indexAt(indices, t * width + w), out[0].shape[static_cast<size_t>(w)]);
      for (int64_t i = 0; i < inner; ++i) {
        T &at = reinterpret_cast<T *>(data[0])[to + i];
        T update = updates.as<T>()[t * inner + i];
        if (mode == "none")
          at = update;
        else if constexpr (!std::is_same_v<T, bool>)
          at = mode == "add"   ? wrapping(at, update, std::plus<>())
               : mode == "mul" ? wrapping(at, update, std::multiplies<>())
               : mode == "max" ? std::max(at, update)
                               : std::min(at, update);
      }
    }
    return true;
  });
}

Types cumSum(Call &call) {
  call.expectDType(0, {DType::F32, DType::I64, DType::I32});
  call.set("axis", normalAxis(call.scalarInt(1, "axis"), call.rank(0), "axis"));
  call.set("exclusive", call.node.intAttr("exclusive", 0));
  call.set("reverse", call.node.intAttr("reverse", 0));
  return {call.type(0)};
}

bool evalCumSum(const Call &call, const Types &out, const std::vector<std::byte *> &data) {
  const Constant &in = *call.operand(0).constant;
  size_t axis = static_cast<size_t>(call.node.intAttr("axis", 0));
  bool exclusive = call.node.intAttr("exclusive", 0), reverse = call.node.intAttr("reverse", 0);
  int64_t inner = stridesOf(in.type.shape)[axis], dim = in.type.shape[axis];
  return withType(in.type.dtype, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_same_v<T, bool>) {
      return false;
    } else {
      auto *result = reinterpret_cast<T *>(data[0]);
      int64_t lines = dim ? out[0].elements() / dim : 0;
      for (int64_t line = 0; line < lines; ++line) {
        int64_t base = line / inner * inner * dim + line % inner;
        T sum = 0;
        for (int64_t step = 0; step < dim; ++step) {
          int64_t at = base + (reverse ? dim - 1 - step : step) * inner;
          T next = wrapping(sum, in.as<T>()[at], std::plus<>());
          result[at] = exclusive ? sum : next;
          sum = next;
        }
      }
      return true;
    }
  });
}
} // namespace

void addIndex(std::vector<Row> &rows) {
  rows.push_back({"", "Gather", {1, 11, 13}, 2, 2, 1, "axis ", gather, Fold::Data, evalGather});
  rows.push_back(
      {"", "GatherND", {11, 12, 13}, 2, 2, 1, "batch_dims ", gatherND, Fold::Data, evalGatherND});
  rows.push_back({"",
                  "GatherElements",
                  {11, 13},
                  2,
                  2,
                  1,
                  "axis ",
                  gatherElements,
                  Fold::Never,
                  nullptr,
                  tuples});
  rows.push_back({"",
                  "ScatterND",
                  {11, 13, 16, 18},
                  3,
                  3,
                  1,
                  "reduction ",
                  scatterND,
                  Fold::Data,
                  evalScatterND});
  rows.push_back(
      {"", "CumSum", {11, 14}, 2, 2, 1, "exclusive reverse ", cumSum, Fold::Data, evalCumSum});
}

} // namespace aimc::onnx
