//===- Elementwise.cpp - arithmetic operators -----------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Each operator becomes one linalg.generic whose body is its formula; broadcasting is folded into
// the indexing maps. Pow with a small constant exponent becomes products or a square root.
//
//===----------------------------------------------------------------------===//
#include "Emitter.h"

#include <cmath>
#include <numbers>

namespace mlir::aimc::emit {

template <auto Formula, unsigned Types = kF32> static LogicalResult unary(NodeEmitter &e) {
  if (failed(e.expectTypes(Types)))
    return failure();
  return e.pointwiseResult([](ArrayRef<Scalar> x) { return Formula(x[0]); });
}

template <auto Formula> static LogicalResult binary(NodeEmitter &e) {
  if (failed(e.expectTypes(kNumbers)))
    return failure();
  return e.pointwiseResult([](ArrayRef<Scalar> x) { return Formula(x[0], x[1]); });
}

static constexpr auto add = [](Scalar x, Scalar y) { return x + y; };
static constexpr auto subtract = [](Scalar x, Scalar y) { return x - y; };
static constexpr auto multiply = [](Scalar x, Scalar y) { return x * y; };
static constexpr auto divide = [](Scalar x, Scalar y) { return x / y; };
static constexpr auto larger = [](Scalar x, Scalar y) { return maximum(x, y); };
static constexpr auto smaller = [](Scalar x, Scalar y) { return minimum(x, y); };

static constexpr auto reciprocal = [](Scalar x) { return 1.0 / x; };
static constexpr auto relu = [](Scalar x) { return maximum(x, x.like(0)); };
static Scalar sigmoid(Scalar x) { return 1.0 / (call<math::ExpOp>(negate(x)) + 1.0); }
static Scalar geluErf(Scalar x) {
  return x * 0.5 * (call<math::ErfOp>(x * (1.0 / std::numbers::sqrt2)) + 1.0);
}

static Scalar geluTanh(Scalar x) {
  const double scale = std::sqrt(2.0 / std::numbers::pi);
  Scalar inner = (x + x * x * x * 0.044715) * scale;
  return x * 0.5 * (call<math::TanhOp>(inner) + 1.0);
}

static LogicalResult gelu(NodeEmitter &e) {
  std::string approximate = e.node.stringAttr("approximate", "none");
  if (approximate == "tanh")
    return unary<geluTanh>(e);
  if (approximate != "none")
    return e.fail("expected approximate 'none' or 'tanh', but got '" + approximate + "'");
  return unary<geluErf>(e);
}

static Scalar floatPower(Scalar base, Scalar exponent) {
  return base.with(math::PowFOp::create(base.builder(), Value(base), Value(exponent)));
}

static LogicalResult pow(NodeEmitter &e) {
  if (failed(e.expectTypes(kNumbers)))
    return failure();
  std::optional<double> exponent = e.number(1);
  bool isFloat = isa<FloatType>(e.inType(0).getElementType());
  if (exponent && (*exponent == 2.0 || *exponent == 3.0 || (isFloat && *exponent == 0.5)))
    return e.pointwiseResult(e.in(0), [&](ArrayRef<Scalar> x) {
      if (*exponent == 0.5)
        return call<math::SqrtOp>(x[0]);
      return *exponent == 2.0 ? x[0] * x[0] : x[0] * x[0] * x[0];
    });
  return e.pointwiseResult([](ArrayRef<Scalar> x) {
    Scalar base = x[0], power = x[1];
    if (base.isFloat())
      return floatPower(base, convert(power, base.type()));
    // As in onnxruntime; exact for results below 2^53.
    Type wide = base.builder().getF64Type();
    return convert(floatPower(convert(base, wide), convert(power, wide)), base.type());
  });
}

static LogicalResult mod(NodeEmitter &e) {
  if (failed(e.expectTypes(kNumbers)))
    return failure();
  bool likeC = e.node.intAttr("fmod", 0) != 0;
  return e.pointwiseResult([&](ArrayRef<Scalar> x) {
    return likeC ? remainderC(x[0], x[1]) : remainderPython(x[0], x[1]);
  });
}

static LogicalResult clip(NodeEmitter &e) {
  if (failed(e.expectTypes(kNumbers)))
    return failure();
  SmallVector<Value> operands{e.in(0)};
  bool hasMin = e.has(1), hasMax = e.has(2);
  if (hasMin)
    operands.push_back(e.in(1));
  if (hasMax)
    operands.push_back(e.in(2));
  return e.pointwiseResult(operands, [&](ArrayRef<Scalar> x) {
    Scalar result = x[0];
    if (hasMin)
      result = maximum(result, x[1]);
    if (hasMax)
      result = minimum(result, x.back());
    return result;
  });
}

static LogicalResult cast(NodeEmitter &e) {
  Type type = e.outType().getElementType();
  if (e.inType(0).getElementType() == type)
    return e.out(e.in(0));
  return e.out(castElements(e.b, e.in(0), type));
}

ArrayRef<EmitterRow> elementwiseEmitters() {
  static const EmitterRow rows[] = {
      {"", "Abs", 1, 1, unary<absolute, kNumbers>},
      {"", "Add", 2, 2, binary<add>},
      {"", "Cast", 1, 1, cast},
      {"", "Ceil", 1, 1, unary<call<math::CeilOp>>},
      {"", "Clip", 1, 3, clip},
      {"", "Cos", 1, 1, unary<call<math::CosOp>>},
      {"", "Div", 2, 2, binary<divide>},
      {"", "Erf", 1, 1, unary<call<math::ErfOp>>},
      {"", "Exp", 1, 1, unary<call<math::ExpOp>>},
      {"", "Floor", 1, 1, unary<call<math::FloorOp>>},
      {"", "Gelu", 1, 1, gelu},
      {"", "Log", 1, 1, unary<call<math::LogOp>>},
      {"", "Max", 2, 2, binary<larger>},
      {"", "Min", 2, 2, binary<smaller>},
      {"", "Mod", 2, 2, mod},
      {"", "Mul", 2, 2, binary<multiply>},
      {"", "Neg", 1, 1, unary<negate, kNumbers>},
      {"", "Pow", 2, 2, pow},
      {"", "Reciprocal", 1, 1, unary<reciprocal>},
      {"", "Relu", 1, 1, unary<relu, kNumbers>},
      {"", "Sigmoid", 1, 1, unary<sigmoid>},
      {"", "Sign", 1, 1, unary<sign, kNumbers>},
      {"", "Sin", 1, 1, unary<call<math::SinOp>>},
      {"", "Sqrt", 1, 1, unary<call<math::SqrtOp>>},
      {"", "Sub", 2, 2, binary<subtract>},
      {"", "Tanh", 1, 1, unary<call<math::TanhOp>>},
  };
  return rows;
}

} // namespace mlir::aimc::emit
