//===- MatMul.cpp - matrix products -----------------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// MatMul and Gemm: what ends up on tiles. They are never folded, since a weight is never copied;
// vectors become matrices so that consumers see ranks of 2 and more.
//
//===----------------------------------------------------------------------===//
#include "../OpTable.h"

namespace aimc::onnx {

namespace {
Types matMul(Call &call) {
  call.expectDType(0, {DType::F32, DType::I64, DType::I32});
  call.expectSameDType(0, 1);
  std::vector<int64_t> a = call.shape(0), b = call.shape(1);
  if (a.empty() || b.empty())
    reject("expected operands of rank 1 or more, but got ", text(call.type(0)), " and ",
           text(call.type(1)));
  bool vectorA = a.size() == 1, vectorB = b.size() == 1;
  if (vectorA)
    a.insert(a.begin(), 1);
  if (vectorB)
    b.push_back(1);
  if (a.back() != b[b.size() - 2])
    reject("expected operands with one inner size, but got ", text(call.type(0)), " and ",
           text(call.type(1)));
  std::vector<int64_t> shape = broadcast({a.begin(), a.end() - 2}, {b.begin(), b.end() - 2});
  if (!vectorA)
    shape.push_back(a[a.size() - 2]);
  if (!vectorB)
    shape.push_back(b.back());
  return {makeType(call.dtype(0), std::move(shape))};
}

std::optional<std::vector<ValueId>> vectorsToMatrices(Builder &builder, Call &call, const Types &) {
  ValueId a = call.node.inputs[0], b = call.node.inputs[1];
  bool vectorA = call.rank(0) == 1, vectorB = call.rank(1) == 1;
  if (!vectorA && !vectorB)
    return std::nullopt;
  using Ints = std::vector<int64_t>;
  if (vectorA)
    a = builder.emit1("Unsqueeze", {a}, {{"axes", Ints{0}}});
  if (vectorB)
    b = builder.emit1("Unsqueeze", {b}, {{"axes", Ints{1}}});
  ValueId result = builder.emit1("MatMul", {a, b});
  if (vectorB)
    result = builder.emit1("Squeeze", {result}, {{"axes", Ints{-1}}});
  if (vectorA)
    result = builder.emit1("Squeeze", {result}, {{"axes", Ints{vectorB ? -1 : -2}}});
  return std::vector{result};
}

Types gemm(Call &call) {
  call.expectDType(0, {DType::F32});
  call.expectSameDType(0, 1);
  call.expectRank(0, 2);
  call.expectRank(1, 2);
  call.set("alpha", call.node.floatAttr("alpha", 1.0f));
  call.set("beta", call.node.floatAttr("beta", 1.0f));
  size_t transA = call.node.intAttr("transA", 0) != 0, transB = call.node.intAttr("transB", 0) != 0;
  call.set("transA", static_cast<int64_t>(transA));
  call.set("transB", static_cast<int64_t>(transB));
  if (call.shape(0)[1 - transA] != call.shape(1)[transB])
    reject("expected operands with one inner size, but got ", text(call.type(0)), " and ",
           text(call.type(1)), " for transA=", transA, " and transB=", transB);
  std::vector<int64_t> shape{call.shape(0)[transA], call.shape(1)[1 - transB]};
  if (call.has(2)) {
    call.expectSameDType(0, 2);
    if (broadcast(shape, call.shape(2)) != shape)
      reject("expected operand 2 to broadcast to ", text(shape), ", but got ", text(call.type(2)));
  }
  return {makeType(call.dtype(0), std::move(shape))};
}
} // namespace

void addMatMul(std::vector<Row> &rows) {
  rows.push_back(
      {"", "MatMul", {9, 13}, 2, 2, 1, "", matMul, Fold::Never, nullptr, vectorsToMatrices});
  rows.push_back({"", "Gemm", {11, 13}, 2, 3, 1, "alpha beta transA transB ", gemm});
}

} // namespace aimc::onnx
