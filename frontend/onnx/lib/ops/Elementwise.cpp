//===- Elementwise.cpp - arithmetic operators -------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Unary and binary arithmetic, and the variadic forms, which become chains of binary ones. The
// evaluators compute in the element type, as the compiled model would.
//
//===----------------------------------------------------------------------===//
#include "Broadcast.h"
#include <cmath>
#include <functional>
#include <limits>

namespace aimc::onnx {

namespace {
constexpr DType kFloat = DType::F32;

Types floatUnary(Call &call) {
  call.expectDType(0, {kFloat});
  return {call.type(0)};
}

Types numericUnary(Call &call) {
  call.expectDType(0, {DType::F32, DType::I64, DType::I32});
  return {call.type(0)};
}

Types arithmetic(Call &call) {
  call.expectDType(0, {DType::F32, DType::I64, DType::I32});
  call.expectSameDType(0, 1);
  return {makeType(call.dtype(0), broadcast(call.shape(0), call.shape(1)))};
}

Types power(Call &call) {
  call.expectDType(0, {DType::F32, DType::I64, DType::I32});
  call.expectDType(1, {DType::F32, DType::I64, DType::I32});
  return {makeType(call.dtype(0), broadcast(call.shape(0), call.shape(1)))};
}

Types modulo(Call &call) {
  int64_t fmod = call.node.intAttr("fmod", 0);
  call.set("fmod", fmod);
  if (call.dtype(0) == kFloat && !fmod)
    reject("expected fmod=1 for operands of f32");
  return arithmetic(call);
}

Types clip(Call &call) {
  call.expectDType(0, {DType::F32, DType::I64, DType::I32});
  for (size_t i = 1; i <= 2; ++i) {
    if (!call.has(i))
      continue;
    call.expectSameDType(0, i);
    if (call.type(i).elements() != 1)
      reject("expected operand ", i, " (", i == 1 ? "min" : "max", ") to be one number, but got ",
             text(call.type(i)));
  }
  return {call.type(0)};
}

Types gelu(Call &call) {
  std::string form = call.node.stringAttr("approximate", "none");
  if (form != "none" && form != "tanh")
    reject("expected approximate to be none or tanh, but got '", form, "'");
  call.set("approximate", form);
  return floatUnary(call);
}

Types variadic(Call &call) {
  Types result = numericUnary(call);
  for (size_t i = 1; i < call.size(); ++i) {
    call.expectSameDType(0, i);
    result[0] = makeType(result[0].dtype, broadcast(result[0].shape, call.shape(i)));
  }
  return result;
}

template <class F> bool unary(const Call &call, std::byte *out, F f) {
  const Constant &in = *call.operand(0).constant;
  return withType(in.type.dtype, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_same_v<T, bool>) {
      return false;
    } else {
      for (int64_t i = 0; i < in.type.elements(); ++i)
        reinterpret_cast<T *>(out)[i] = static_cast<T>(f(in.as<T>()[i]));
      return true;
    }
  });
}

template <class F> bool binary(const Call &call, const Types &out, std::byte *data, F f) {
  const Constant &a = *call.operand(0).constant, &b = *call.operand(1).constant;
  return withType(a.type.dtype, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_same_v<T, bool>)
      return false;
    else
      return mapBinary<T, T>(a, b, out[0].shape, data, f), true;
  });
}

template <class T> T floorMod(T a, T b) {
  T rest = a % b;
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

/// True where an integer division by some element of operand 1 has no result.
bool dividesBadly(const Call &call) {
  const Constant &b = *call.operand(1).constant;
  return withType(b.type.dtype, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_same_v<T, int64_t> || std::is_same_v<T, int32_t>)
      for (int64_t i = 0; i < b.type.elements(); ++i)
        if (b.as<T>()[i] == 0)
          return true;
    return false;
  });
}

bool evalDiv(const Call &call, const Types &out, const std::vector<std::byte *> &data) {
  if (dividesBadly(call))
    reject("expected a divisor other than 0");
  return binary(call, out, data[0], [](auto a, auto b) {
    using T = decltype(a);
    if constexpr (std::is_integral_v<T>)
      return b == T(-1) ? wrapping(T(0), a, std::minus<>()) : static_cast<T>(a / b);
    else
      return a / b;
  });
}

bool evalMod(const Call &call, const Types &out, const std::vector<std::byte *> &data) {
  if (dividesBadly(call))
    reject("expected a divisor other than 0");
  bool likeC = call.node.intAttr("fmod", 0) != 0;
  return binary(call, out, data[0], [&](auto a, auto b) {
    using T = decltype(a);
    if constexpr (std::is_integral_v<T>)
      return b == T(-1) ? T(0) : likeC ? static_cast<T>(a % b) : floorMod(a, b);
    else
      return std::fmod(a, b);
  });
}

template <class T> T integerPower(T base, int64_t exponent) {
  if (exponent < 0)
    return base == 1 ? T(1) : base == T(-1) ? (exponent % 2 ? T(-1) : T(1)) : T(0);
  T result = 1;
  for (; exponent; exponent >>= 1, base = wrapping(base, base, std::multiplies<>()))
    if (exponent & 1)
      result = wrapping(result, base, std::multiplies<>());
  return result;
}

bool evalPow(const Call &call, const Types &out, const std::vector<std::byte *> &data) {
  const Constant &a = *call.operand(0).constant, &b = *call.operand(1).constant;
  return withType(a.type.dtype, [&](auto zeroA) {
    return withType(b.type.dtype, [&](auto zeroB) {
      using A = decltype(zeroA);
      using B = decltype(zeroB);
      if constexpr (std::is_same_v<A, bool> || std::is_same_v<B, bool>) {
        return false;
      } else {
        const auto &shape = out[0].shape;
        walk<2>(shape,
                {broadcastStrides(a.type.shape, shape), broadcastStrides(b.type.shape, shape)},
                [&](int64_t i, const std::array<int64_t, 2> &at) {
                  A base = a.as<A>()[at[0]];
                  B exponent = b.as<B>()[at[1]];
                  A &result = reinterpret_cast<A *>(data[0])[i];
                  if constexpr (std::is_integral_v<A> && std::is_integral_v<B>)
                    result = integerPower(base, exponent);
                  else if constexpr (std::is_integral_v<A>)
                    result = saturate<A>(std::pow(double(base), double(exponent)));
                  else
                    result = std::pow(base, static_cast<float>(exponent));
                });
        return true;
      }
    });
  });
}

bool evalClip(const Call &call, const Types &, const std::vector<std::byte *> &data) {
  return unary(call, data[0], [&](auto x) {
    using T = decltype(x);
    // max last: ONNX gives max where min > max
    if (call.has(1) && x < *call.operand(1).constant->as<T>())
      x = *call.operand(1).constant->as<T>();
    if (call.has(2) && x > *call.operand(2).constant->as<T>())
      x = *call.operand(2).constant->as<T>();
    return x;
  });
}

bool evalGelu(const Call &call, const Types &, const std::vector<std::byte *> &data) {
  bool exact = call.node.stringAttr("approximate", "none") == "none";
  return unary(call, data[0], [&](auto given) {
    double x = double(given), inner = 0.7978845608028654 * (x + 0.044715 * x * x * x);
    return 0.5 * x * (1 + (exact ? std::erf(x * 0.7071067811865476) : std::tanh(inner)));
  });
}

#define BINARY_EVALUATOR(NAME, EXPRESSION)                                                         \
  bool NAME(const Call &call, const Types &out, const std::vector<std::byte *> &data) {            \
    return binary(call, out, data[0], [](auto a, auto b) { return EXPRESSION; });                  \
  }
BINARY_EVALUATOR(evalAdd, wrapping(a, b, std::plus<>()))
BINARY_EVALUATOR(evalSub, wrapping(a, b, std::minus<>()))
BINARY_EVALUATOR(evalMul, wrapping(a, b, std::multiplies<>()))
BINARY_EVALUATOR(evalMax, a != a ? a : b != b ? b : a < b ? b : a)
BINARY_EVALUATOR(evalMin, a != a ? a : b != b ? b : b < a ? b : a)
#undef BINARY_EVALUATOR

#define UNARY_EVALUATOR(NAME, EXPRESSION)                                                          \
  bool NAME(const Call &call, const Types &, const std::vector<std::byte *> &data) {               \
    return unary(call, data[0], [](auto x) { return EXPRESSION; });                                \
  }
UNARY_EVALUATOR(evalAbs, x < 0 ? wrapping(decltype(x)(0), x, std::minus<>()) : x)
UNARY_EVALUATOR(evalNeg, wrapping(decltype(x)(0), x, std::minus<>()))
UNARY_EVALUATOR(evalSign, x > 0 ? decltype(x)(1) : x < 0 ? decltype(x)(-1) : x)
UNARY_EVALUATOR(evalRelu, x < 0 ? decltype(x)(0) : x)
UNARY_EVALUATOR(evalSqrt, std::sqrt(float(x)))
UNARY_EVALUATOR(evalExp, std::exp(float(x)))
UNARY_EVALUATOR(evalLog, std::log(float(x)))
UNARY_EVALUATOR(evalErf, std::erf(float(x)))
UNARY_EVALUATOR(evalTanh, std::tanh(float(x)))
UNARY_EVALUATOR(evalSin, std::sin(float(x)))
UNARY_EVALUATOR(evalCos, std::cos(float(x)))
UNARY_EVALUATOR(evalCeil, std::ceil(float(x)))
UNARY_EVALUATOR(evalFloor, std::floor(float(x)))
UNARY_EVALUATOR(evalReciprocal, 1.0f / float(x))
UNARY_EVALUATOR(evalSigmoid, 1.0f / (1.0f + std::exp(-float(x))))
#undef UNARY_EVALUATOR

/// Max, Min, Sum and Mean of n operands as n - 1 binary nodes; of one operand as that operand.
std::optional<std::vector<ValueId>> chain(Builder &builder, Call &call, const Types &) {
  std::string_view op = call.node.op;
  bool additive = op == "Sum" || op == "Mean";
  if (!additive && call.size() == 2)
    return std::nullopt;
  ValueId result = call.node.inputs[0];
  for (size_t i = 1; i < call.size(); ++i)
    result = builder.emit1(additive ? "Add" : op, {result, call.node.inputs[i]});
  if (op == "Mean" && call.size() > 1)
    result =
        builder.emit1("Div", {result, builder.constant(scalar(static_cast<float>(call.size())))});
  return std::vector{result};
}
} // namespace

void addElementwise(std::vector<Row> &rows) {
  auto unaryRow = [&](std::string_view op, std::vector<int> versions, TypeRule types,
                      Evaluator evaluate) {
    rows.push_back({"", op, std::move(versions), 1, 1, 1, "", types, Fold::Data, evaluate});
  };
  unaryRow("Abs", {6, 13}, numericUnary, evalAbs);
  unaryRow("Neg", {6, 13}, numericUnary, evalNeg);
  unaryRow("Sign", {9, 13}, numericUnary, evalSign);
  unaryRow("Relu", {6, 13, 14}, numericUnary, evalRelu);
  unaryRow("Sqrt", {6, 13}, floatUnary, evalSqrt);
  unaryRow("Exp", {6, 13}, floatUnary, evalExp);
  unaryRow("Log", {6, 13}, floatUnary, evalLog);
  unaryRow("Erf", {9, 13}, floatUnary, evalErf);
  unaryRow("Tanh", {6, 13}, floatUnary, evalTanh);
  unaryRow("Sin", {7, 22}, floatUnary, evalSin);
  unaryRow("Cos", {7, 22}, floatUnary, evalCos);
  unaryRow("Ceil", {6, 13}, floatUnary, evalCeil);
  unaryRow("Floor", {6, 13}, floatUnary, evalFloor);
  unaryRow("Reciprocal", {6, 13}, floatUnary, evalReciprocal);
  unaryRow("Sigmoid", {6, 13}, floatUnary, evalSigmoid);
  rows.push_back({"", "Gelu", {20}, 1, 1, 1, "approximate ", gelu, Fold::Data, evalGelu});

  auto binaryRow = [&](std::string_view op, std::vector<int> versions, Evaluator evaluate) {
    rows.push_back({"", op, std::move(versions), 2, 2, 1, "", arithmetic, Fold::Data, evaluate});
  };
  binaryRow("Add", {7, 13, 14}, evalAdd);
  binaryRow("Sub", {7, 13, 14}, evalSub);
  binaryRow("Mul", {7, 13, 14}, evalMul);
  binaryRow("Div", {7, 13, 14}, evalDiv);
  rows.push_back({"", "Pow", {7, 12, 13, 15}, 2, 2, 1, "", power, Fold::Data, evalPow});
  rows.push_back({"", "Mod", {10, 13}, 2, 2, 1, "fmod ", modulo, Fold::Data, evalMod});
  rows.push_back({"", "Clip", {11, 12, 13}, 1, 3, 1, "", clip, Fold::Data, evalClip});
  rows.push_back({"", "Max", {8, 12, 13}, 1, -1, 1, "", variadic, Fold::Data, evalMax, chain});
  rows.push_back({"", "Min", {8, 12, 13}, 1, -1, 1, "", variadic, Fold::Data, evalMin, chain});
  rows.push_back({"", "Sum", {8, 13}, 1, -1, 1, "", variadic, Fold::Never, nullptr, chain});
  rows.push_back({"", "Mean", {8, 13}, 1, -1, 1, "", variadic, Fold::Never, nullptr, chain});
}

} // namespace aimc::onnx
