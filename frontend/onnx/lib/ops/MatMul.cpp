//===- MatMul.cpp - matrix products -----------------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// MatMul and Gemm: what ends up on tiles. Vectors become matrices so that consumers see ranks of 2
// and more. Products of two constants (merged adapters) are computed here, with sums in double.
//
//===----------------------------------------------------------------------===//
#include "Broadcast.h"

namespace aimc::onnx {

namespace {
/// Products beyond this stay nodes; a hostile file could ask for any number.
constexpr int64_t kMaxMultiplications = int64_t(1) << 37;

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

/// One matrix, its element (i, j) at data[i * row + j * column].
template <class T> struct Matrix {
  const T *data;
  int64_t row, column;
};

/// Calls `store(i, line)` for each row of a (m x k) times b (k x n).
template <class T, class Sum, class F>
void multiply(Matrix<T> a, Matrix<T> b, int64_t m, int64_t k, int64_t n, std::vector<Sum> &line,
              F store) {
  for (int64_t i = 0; i < m; ++i) {
    std::fill(line.begin(), line.end(), Sum(0));
    for (int64_t l = 0; l < k; ++l) {
      const Sum factor = Sum(a.data[i * a.row + l * a.column]);
      const T *with = b.data + l * b.row;
      for (int64_t j = 0; j < n; ++j)
        line[static_cast<size_t>(j)] += factor * Sum(with[j * b.column]);
    }
    store(i, line);
  }
}

bool tooMuch(const Types &out, int64_t k) {
  return k > 0 && out[0].elements() > kMaxMultiplications / k;
}

/// Integers wrap, as compiled code's do.
template <class T> struct SumType { using type = std::make_unsigned_t<T>; };
template <> struct SumType<float> { using type = double; };
template <class T> using SumOf = typename SumType<T>::type;

bool evalMatMul(const Call &call, const Types &out, const std::vector<std::byte *> &data) {
  const Constant &a = *call.operand(0).constant, &b = *call.operand(1).constant;
  const auto &shape = out[0].shape;
  size_t rank = shape.size();
  int64_t m = shape[rank - 2], n = shape[rank - 1], k = a.type.shape.back();
  if (tooMuch(out, k))
    return false;
  return withType(out[0].dtype, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_same_v<T, bool>) {
      return false;
    } else {
      std::vector<int64_t> batch(shape.begin(), shape.end() - 2);
      auto strides = [&](const Constant &operand) {
        std::vector<int64_t> all = broadcastStrides(operand.type.shape, shape);
        return std::vector<int64_t>(all.begin(), all.end() - 2);
      };
      std::vector<SumOf<T>> line(static_cast<size_t>(n));
      walk<2>(batch, {strides(a), strides(b)},
              [&](int64_t at, const std::array<int64_t, 2> &offset) {
                auto *result = reinterpret_cast<T *>(data[0]) + at * m * n;
                multiply<T>({a.as<T>() + offset[0], k, 1}, {b.as<T>() + offset[1], n, 1}, m, k, n,
                            line, [&](int64_t i, const auto &row) {
                              std::transform(row.begin(), row.end(), result + i * n,
                                             [](auto sum) { return static_cast<T>(sum); });
                            });
              });
      return true;
    }
  });
}

bool evalGemm(const Call &call, const Types &out, const std::vector<std::byte *> &data) {
  const Constant &a = *call.operand(0).constant, &b = *call.operand(1).constant;
  bool transA = call.node.intAttr("transA", 0) != 0, transB = call.node.intAttr("transB", 0) != 0;
  double alpha = double(call.node.floatAttr("alpha", 1)),
         beta = double(call.node.floatAttr("beta", 1));
  int64_t m = out[0].shape[0], n = out[0].shape[1], k = a.type.shape[transA ? 0 : 1];
  if (tooMuch(out, k))
    return false;
  std::vector<int64_t> added{0, 0};
  const float *c = nullptr;
  if (call.has(2)) {
    c = call.operand(2).constant->as<float>();
    added = broadcastStrides(call.shape(2), out[0].shape);
  }
  auto *result = reinterpret_cast<float *>(data[0]);
  std::vector<double> line(static_cast<size_t>(n));
  multiply<float>({a.as<float>(), transA ? 1 : k, transA ? m : 1},
                  {b.as<float>(), transB ? 1 : n, transB ? k : 1}, m, k, n, line,
                  [&](int64_t i, const std::vector<double> &row) {
                    for (int64_t j = 0; j < n; ++j) {
                      double sum = alpha * row[static_cast<size_t>(j)];
                      if (c)
                        sum += beta * double(c[i * added[0] + j * added[1]]);
                      result[i * n + j] = static_cast<float>(sum);
                    }
                  });
  return true;
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
      {"", "MatMul", {9, 13}, 2, 2, 1, "", matMul, Fold::Data, evalMatMul, vectorsToMatrices});
  rows.push_back(
      {"", "Gemm", {11, 13}, 2, 3, 1, "alpha beta transA transB ", gemm, Fold::Data, evalGemm});
}

} // namespace aimc::onnx
