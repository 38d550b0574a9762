//===- Scalar.h - arithmetic inside linalg bodies ---------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A scalar SSA value with operators, so that the body of a linalg.generic reads as the formula of
// the operator it implements. Floats and signed integers share the notation; i1 has only the
// logical operators.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::aimc::emit {

class Scalar {
public:
  Scalar(ImplicitLocOpBuilder &b, Value value) : b(&b), v(value) {}
  /// The constant `number` of type `type`.
  static Scalar constant(ImplicitLocOpBuilder &b, Type type, double number);

  operator Value() const { return v; }
  Type type() const { return v.getType(); }
  bool isFloat() const { return isa<FloatType>(type()); }
  bool isBool() const { return type().isInteger(1); }
  ImplicitLocOpBuilder &builder() const { return *b; }
  Scalar like(double number) const { return constant(*b, type(), number); }
  Scalar with(Value value) const { return {*b, value}; }

private:
  ImplicitLocOpBuilder *b;
  Value v;
};

Scalar operator+(Scalar x, Scalar y);
Scalar operator-(Scalar x, Scalar y);
Scalar operator*(Scalar x, Scalar y);
/// Integers truncate; a zero divisor gives some value, never a trap.
Scalar operator/(Scalar x, Scalar y);
inline Scalar operator+(Scalar x, double c) { return x + x.like(c); }
inline Scalar operator-(Scalar x, double c) { return x - x.like(c); }
inline Scalar operator*(Scalar x, double c) { return x * x.like(c); }
inline Scalar operator/(double c, Scalar x) { return x.like(c) / x; }

/// Comparisons are ordered, except that `notEqual` holds for NaN.
Scalar less(Scalar x, Scalar y);
Scalar lessEqual(Scalar x, Scalar y);
Scalar equal(Scalar x, Scalar y);
Scalar notEqual(Scalar x, Scalar y);

Scalar select(Scalar condition, Scalar x, Scalar y);
/// NaN in either operand gives NaN.
Scalar maximum(Scalar x, Scalar y);
Scalar minimum(Scalar x, Scalar y);
/// Remainder with the sign of the dividend (C) or of the divisor (Python).
Scalar remainderC(Scalar x, Scalar y);
Scalar remainderPython(Scalar x, Scalar y);
Scalar logicalAnd(Scalar x, Scalar y);
Scalar logicalOr(Scalar x, Scalar y);
Scalar logicalXor(Scalar x, Scalar y);

Scalar negate(Scalar x);
Scalar absolute(Scalar x);
Scalar sign(Scalar x);
/// A math dialect function of one float.
template <class Op> Scalar call(Scalar x) { return x.with(Op::create(x.builder(), Value(x))); }
/// The value of `x` in `type`, as ONNX Cast defines it.
Scalar convert(Scalar x, Type type);

} // namespace mlir::aimc::emit
