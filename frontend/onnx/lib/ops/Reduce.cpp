//===- Reduce.cpp - reductions over axes ------------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Axes arrive as an attribute or as an operand, depending on the version and on how the model was
// converted; both are taken at any version. Norms are rewritten over ReduceSum.
//
//===----------------------------------------------------------------------===//
#include "Broadcast.h"
#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>

namespace aimc::onnx {

namespace {
Types reduced(Call &call, DType dtype) {
  std::optional<std::vector<int64_t>> given = call.intsFrom("axes", 1);
  std::vector<int64_t> axes = normalAxes(given.value_or(std::vector<int64_t>()), call.rank(0));
  if (axes.empty() && !call.node.intAttr("noop_with_empty_axes", 0)) {
    axes.resize(call.rank(0));
    std::iota(axes.begin(), axes.end(), 0);
  }
  int64_t keep = call.node.intAttr("keepdims", 1) != 0;
  std::vector<int64_t> shape;
  for (size_t d = 0; d < call.rank(0); ++d) {
    if (!std::binary_search(axes.begin(), axes.end(), static_cast<int64_t>(d)))
      shape.push_back(call.shape(0)[d]);
    else if (keep)
      shape.push_back(1);
  }
  call.node.attributes.erase("noop_with_empty_axes");
  call.set("axes", std::move(axes));
  call.set("keepdims", keep);
  return {makeType(dtype, std::move(shape))};
}

Types numbers(Call &call) {
  call.expectDType(0, {DType::F32, DType::I64, DType::I32});
  return reduced(call, call.dtype(0));
}

Types floats(Call &call) {
  call.expectDType(0, {DType::F32});
  return reduced(call, call.dtype(0));
}

Types numbersOrBool(Call &call) {
  if (call.dtype(0) == DType::Bool && call.version() >= 20)
    return reduced(call, DType::Bool);
  return numbers(call);
}

/// Folds every element into its place of the output, which starts as `initial`. Floats are summed
/// up as `Wide`.
template <class Wide = float, class Initial, class F>
bool accumulate(const Call &call, const Types &out, std::byte *data, Initial initial, F f) {
  const Constant &in = *call.operand(0).constant;
  std::vector<int64_t> axes = call.node.intsAttr("axes"), kept = in.type.shape;
  for (int64_t axis : axes)
    kept[static_cast<size_t>(axis)] = 1;
  return withType(in.type.dtype, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_same_v<T, bool>) {
      return false;
    } else {
      using Sum = std::conditional_t<std::is_same_v<T, float>, Wide, T>;
      std::vector<Sum> result(static_cast<size_t>(out[0].elements()), Sum(initial(zero)));
      walk<1>(in.type.shape, {broadcastStrides(kept, in.type.shape)},
              [&](int64_t i, const std::array<int64_t, 1> &at) {
                Sum &sum = result[static_cast<size_t>(at[0])];
                sum = f(sum, Sum(in.as<T>()[i]));
              });
      std::transform(result.begin(), result.end(), reinterpret_cast<T *>(data),
                     [](Sum sum) { return static_cast<T>(sum); });
      return true;
    }
  });
}

template <class T> T plus(T a, T b) { return wrapping(a, b, std::plus<>()); }
template <class T> T times(T a, T b) { return wrapping(a, b, std::multiplies<>()); }

bool evalSum(const Call &call, const Types &out, const std::vector<std::byte *> &data) {
  return accumulate<double>(
      call, out, data[0], [](auto zero) { return zero; },
      [](auto a, auto b) { return plus(a, b); });
}

bool evalProd(const Call &call, const Types &out, const std::vector<std::byte *> &data) {
  return accumulate(
      call, out, data[0], [](auto zero) { return decltype(zero)(1); },
      [](auto a, auto b) { return times(a, b); });
}

bool evalMax(const Call &call, const Types &out, const std::vector<std::byte *> &data) {
  return accumulate(
      call, out, data[0],
      [](auto zero) {
        using Limits = std::numeric_limits<decltype(zero)>;
        return Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
      },
      [](auto a, auto b) { return b > a || b != b ? b : a; });
}

bool evalMin(const Call &call, const Types &out, const std::vector<std::byte *> &data) {
  return accumulate(
      call, out, data[0],
      [](auto zero) {
        using Limits = std::numeric_limits<decltype(zero)>;
        return Limits::has_infinity ? Limits::infinity() : Limits::max();
      },
      [](auto a, auto b) { return b < a || b != b ? b : a; });
}

bool evalMean(const Call &call, const Types &out, const std::vector<std::byte *> &data) {
  if (out[0].elements() == 0 || call.type(0).elements() == 0 || !evalSum(call, out, data))
    return false;
  int64_t count = call.type(0).elements() / out[0].elements();
  return withType(out[0].dtype, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_same_v<T, bool>) {
      return false;
    } else {
      for (int64_t i = 0; i < out[0].elements(); ++i)
        reinterpret_cast<T *>(data[0])[i] /= static_cast<T>(count);
      return true;
    }
  });
}

using Values = std::optional<std::vector<ValueId>>;

/// Over no axes these reductions are their operand.
Values dropEmpty(Builder &, Call &call, const Types &) {
  if (!call.node.intsAttr("axes").empty())
    return std::nullopt;
  return std::vector{call.node.inputs[0]};
}

/// ReduceMax and ReduceMin of truth values go through i32.
Values throughInts(Builder &builder, Call &call, const Types &out) {
  if (call.dtype(0) != DType::Bool)
    return dropEmpty(builder, call, out);
  ValueId ints = builder.emit1("Cast", {call.node.inputs[0]}, {{"to", int64_t(6)}});
  auto attributes = call.node.attributes;
  attributes["noop_with_empty_axes"] = int64_t(1);
  return std::vector{builder.emit1("Cast", {builder.emit1(call.node.op, {ints}, attributes)},
                                   {{"to", int64_t(9)}})};
}

ValueId sumOf(Builder &builder, Call &call, ValueId value) {
  auto attributes = call.node.attributes;
  attributes["noop_with_empty_axes"] = int64_t(1);
  return builder.emit1("ReduceSum", {value}, attributes);
}

Values norm1(Builder &builder, Call &call, const Types &) {
  return std::vector{sumOf(builder, call, builder.emit1("Abs", {call.node.inputs[0]}))};
}

Values sumOfSquares(Builder &builder, Call &call, const Types &) {
  ValueId in = call.node.inputs[0];
  return std::vector{sumOf(builder, call, builder.emit1("Mul", {in, in}))};
}

Values norm2(Builder &builder, Call &call, const Types &out) {
  return std::vector{builder.emit1("Sqrt", {(*sumOfSquares(builder, call, out))[0]})};
}

Values logOfSum(Builder &builder, Call &call, const Types &) {
  return std::vector{builder.emit1("Log", {sumOf(builder, call, call.node.inputs[0])})};
}
/// The largest element is taken out first: exp() then neither overflows nor loses everything.
Values logOfSumOfExponentials(Builder &builder, Call &call, const Types &out) {
  auto attributes = call.node.attributes;
  attributes["keepdims"] = int64_t(1);
  attributes["noop_with_empty_axes"] = int64_t(1);
  ValueId in = call.node.inputs[0];
  ValueId largest = builder.emit1("ReduceMax", {in}, attributes);
  ValueId infinite = builder.emit1("IsInf", {largest});
  ValueId offset = builder.emit1("Where", {infinite, builder.number(0.0f), largest});
  ValueId sum = builder.emit1(
      "ReduceSum", {builder.emit1("Exp", {builder.emit1("Sub", {in, offset})})}, attributes);
  ValueId result = builder.emit1("Add", {builder.emit1("Log", {sum}), offset});
  return std::vector{builder.reshape(result, out[0].shape)};
}
} // namespace

void addReduce(std::vector<Row> &rows) {
  constexpr std::string_view attributes = "axes keepdims noop_with_empty_axes ";
  auto add = [&](std::string_view op, std::vector<int> versions, TypeRule types, Evaluator evaluate,
                 Rewrite rewrite) {
    rows.push_back({"", op, std::move(versions), 1, 2, 1, attributes, types,
                    evaluate ? Fold::Data : Fold::Never, evaluate, rewrite});
  };
  add("ReduceSum", {11, 13}, numbers, evalSum, dropEmpty);
  add("ReduceMean", {11, 13, 18}, numbers, evalMean, dropEmpty);
  add("ReduceProd", {11, 13, 18}, numbers, evalProd, dropEmpty);
  add("ReduceMax", {11, 12, 13, 18, 20}, numbersOrBool, evalMax, throughInts);
  add("ReduceMin", {11, 12, 13, 18, 20}, numbersOrBool, evalMin, throughInts);
  add("ReduceL1", {11, 13, 18}, numbers, nullptr, norm1);
  add("ReduceL2", {11, 13, 18}, floats, nullptr, norm2);
  add("ReduceSumSquare", {11, 13, 18}, numbers, nullptr, sumOfSquares);
  add("ReduceLogSumExp", {11, 13, 18}, floats, nullptr, logOfSumOfExponentials);
  add("ReduceLogSum", {11, 13, 18}, floats, nullptr, logOfSum);
}

} // namespace aimc::onnx
