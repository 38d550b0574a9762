//===- OpTable.cpp - what the reader knows of each operator -----*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Look-up of rows and the checks that every type rule shares.
//
//===----------------------------------------------------------------------===//
#include "OpTable.h"
#include <algorithm>
#include <numeric>
#include <unordered_map>

namespace aimc::onnx {

const Value &Call::operand(size_t i) const {
  if (!has(i))
    reject("expected operand ", i, ", but it is omitted");
  return *operands[i];
}

const Constant &Call::known(size_t i, std::string_view what) const {
  const Value &value = operand(i);
  if (!value.constant)
    reject("expected operand ", i, " (", what, ") to be known at compile time, but '", value.name,
           "' depends on data");
  return *value.constant;
}

std::vector<int64_t> Call::ints(size_t i, std::string_view what) const {
  const Constant &constant = known(i, what);
  if (constant.type.shape.size() > 1)
    reject("expected operand ", i, " (", what, ") of rank 0 or 1, but got ", text(constant.type));
  int64_t count = constant.type.elements();
  if (count > static_cast<int64_t>(kMaxRank) * 64)
    reject("expected operand ", i, " (", what, ") to be short, but got ", text(constant.type));
  if (constant.type.dtype == DType::I64)
    return {constant.as<int64_t>(), constant.as<int64_t>() + count};
  if (constant.type.dtype == DType::I32)
    return {constant.as<int32_t>(), constant.as<int32_t>() + count};
  reject("expected operand ", i, " (", what, ") of i64 or i32, but got ", text(constant.type));
}

int64_t Call::scalarInt(size_t i, std::string_view what) const {
  std::vector<int64_t> list = ints(i, what);
  if (list.size() != 1)
    reject("expected operand ", i, " (", what, ") to be one number, but got ", list.size());
  return list[0];
}

std::optional<std::vector<int64_t>> Call::intsFrom(std::string_view key, size_t i) const {
  if (has(i))
    return ints(i, key);
  auto it = node.attributes.find(key);
  if (it == node.attributes.end())
    return std::nullopt;
  return node.intsAttr(key);
}

void Call::expectDType(size_t i, std::initializer_list<DType> allowed) const {
  DType got = dtype(i);
  if (std::find(allowed.begin(), allowed.end(), got) != allowed.end())
    return;
  std::string list;
  for (DType dtype : allowed)
    list += (list.empty() ? "" : " or ") + std::string(name(dtype));
  reject("expected operand ", i, " of ", list, ", but got ", text(type(i)));
}

void Call::expectRank(size_t i, size_t expected) const {
  if (rank(i) != expected)
    reject("expected operand ", i, " of rank ", expected, ", but got ", text(type(i)));
}

void Call::expectSameDType(size_t a, size_t b) const {
  if (dtype(a) != dtype(b))
    reject("expected operands ", a, " and ", b, " of one element type, but got ", text(type(a)),
           " and ", text(type(b)));
}

void Call::set(std::string_view key, Attribute value) {
  node.attributes.insert_or_assign(std::string(key), std::move(value));
}

int64_t Call::axis(std::string_view key, int64_t fallback, size_t rank) {
  int64_t result = normalAxis(node.intAttr(key, fallback), rank, key);
  set(key, result);
  return result;
}

int64_t normalAxis(int64_t axis, size_t rank, std::string_view what) {
  int64_t limit = static_cast<int64_t>(rank);
  if (axis < -limit || axis >= limit)
    reject("expected ", what, " in [", -limit, ", ", limit, "), but got ", axis);
  return axis < 0 ? axis + limit : axis;
}

std::vector<int64_t> normalAxes(std::vector<int64_t> axes, size_t rank) {
  for (int64_t &axis : axes)
    axis = normalAxis(axis, rank, "axes");
  std::sort(axes.begin(), axes.end());
  if (std::adjacent_find(axes.begin(), axes.end()) != axes.end())
    reject("expected distinct axes, but got ", text(axes));
  return axes;
}

std::vector<int64_t> broadcast(const std::vector<int64_t> &a, const std::vector<int64_t> &b) {
  std::vector<int64_t> result(std::max(a.size(), b.size()));
  for (size_t i = 0; i < result.size(); ++i) {
    int64_t left = i < a.size() ? a[a.size() - 1 - i] : 1;
    int64_t right = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (left != right && left != 1 && right != 1)
      reject("expected shapes that broadcast, but got ", text(a), " and ", text(b));
    result[result.size() - 1 - i] = left == 1 ? right : left;
  }
  return result;
}

ValueId Builder::ints(const std::vector<int64_t> &list) {
  OwnedConstant owned = allocate({DType::I64, {static_cast<int64_t>(list.size())}});
  std::copy(list.begin(), list.end(), owned.as<int64_t>());
  return constant(owned.constant);
}

ValueId Builder::iota(int64_t count, std::vector<int64_t> shape) {
  OwnedConstant owned = allocate({DType::I64, std::move(shape)});
  std::iota(owned.as<int64_t>(), owned.as<int64_t>() + count, int64_t(0));
  return constant(owned.constant);
}

ValueId Builder::reshape(ValueId value, const std::vector<int64_t> &shape) {
  return emit1("Reshape", {value, ints(shape)}, {{"allowzero", int64_t(1)}});
}

ValueId Builder::transpose(ValueId value, std::vector<int64_t> perm) {
  return emit1("Transpose", {value}, {{"perm", std::move(perm)}});
}

ValueId Builder::slice(ValueId value, int64_t axis, int64_t start, int64_t end, int64_t step) {
  return emit1("Slice", {value, ints({start}), ints({end}), ints({axis}), ints({step})});
}

const std::vector<Row> &allRows() {
  static const std::vector<Row> rows = [] {
    std::vector<Row> all;
    for (auto add : {addElementwise, addLogic, addShape, addRearrange, addIndex, addReduce,
                     addMatMul, addNN, addActivation, addAttention, addContrib})
      add(all);
    return all;
  }();
  return rows;
}

Match lookUp(std::string_view domain, std::string_view op, int opset) {
  using Index = std::unordered_map<std::string, std::vector<const Row *>>;
  static const Index index = [] {
    Index result;
    for (const Row &row : allRows())
      result[std::string(row.domain) + ':' + std::string(row.op)].push_back(&row);
    return result;
  }();
  auto it = index.find(std::string(domain) + ':' + std::string(op));
  if (it == index.end())
    reject("this operator is not supported");
  Match best{nullptr, 0};
  int lowest = INT32_MAX;
  for (const Row *row : it->second) {
    for (int version : row->versions) {
      lowest = std::min(lowest, version);
      if (version <= opset && version > best.sinceVersion)
        best = {row, version};
    }
  }
  if (!best.row)
    reject("expected opset ", lowest, " or later for this operator, but the model has ", opset);
  return best;
}

} // namespace aimc::onnx
