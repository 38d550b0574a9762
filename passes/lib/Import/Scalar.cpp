//===- Scalar.cpp - arithmetic inside linalg bodies -----------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Chooses the arith or math operation by element type. Float products and sums may be contracted
// to fused multiply-adds; nothing else is relaxed, so NaN and infinities keep their meaning.
//
//===----------------------------------------------------------------------===//
#include "Scalar.h"

#include <limits>

namespace mlir::aimc::emit {

static constexpr auto kContract = arith::FastMathFlags::contract;

Scalar Scalar::constant(ImplicitLocOpBuilder &b, Type type, double number) {
  if (isa<FloatType>(type))
    return {b, arith::ConstantOp::create(b, b.getFloatAttr(type, number))};
  // The largest i64 is not a double: saturate.
  int64_t integer =
      number >= 0x1p63 ? std::numeric_limits<int64_t>::max() : static_cast<int64_t>(number);
  return {b, arith::ConstantOp::create(b, b.getIntegerAttr(type, integer))};
}

template <class FloatOp, class IntOp> static Scalar contracted(Scalar x, Scalar y) {
  ImplicitLocOpBuilder &b = x.builder();
  if (x.isFloat())
    return {b, FloatOp::create(b, Value(x), Value(y), kContract)};
  return {b, IntOp::create(b, Value(x), Value(y))};
}

Scalar operator+(Scalar x, Scalar y) { return contracted<arith::AddFOp, arith::AddIOp>(x, y); }
Scalar operator-(Scalar x, Scalar y) { return contracted<arith::SubFOp, arith::SubIOp>(x, y); }
Scalar operator*(Scalar x, Scalar y) { return contracted<arith::MulFOp, arith::MulIOp>(x, y); }

/// Divisors 0 and -1 would trap (the latter for the smallest integer); they are replaced by 1.
static Scalar safeDivisor(Scalar y) {
  Scalar trapping = logicalOr(equal(y, y.like(0)), equal(y, y.like(-1)));
  return select(trapping, y.like(1), y);
}

Scalar operator/(Scalar x, Scalar y) {
  ImplicitLocOpBuilder &b = x.builder();
  if (x.isFloat())
    return {b, arith::DivFOp::create(b, Value(x), Value(y))};
  Scalar quotient(b, arith::DivSIOp::create(b, Value(x), Value(safeDivisor(y))));
  return select(equal(y, y.like(-1)), negate(x), quotient);
}

static Scalar compare(Scalar x, Scalar y, arith::CmpFPredicate onFloats,
                      arith::CmpIPredicate onIntegers) {
  ImplicitLocOpBuilder &b = x.builder();
  if (x.isFloat())
    return {b, arith::CmpFOp::create(b, onFloats, Value(x), Value(y))};
  return {b, arith::CmpIOp::create(b, onIntegers, Value(x), Value(y))};
}

Scalar less(Scalar x, Scalar y) {
  return compare(x, y, arith::CmpFPredicate::OLT, arith::CmpIPredicate::slt);
}
Scalar lessEqual(Scalar x, Scalar y) {
  return compare(x, y, arith::CmpFPredicate::OLE, arith::CmpIPredicate::sle);
}
Scalar equal(Scalar x, Scalar y) {
  return compare(x, y, arith::CmpFPredicate::OEQ, arith::CmpIPredicate::eq);
}
Scalar notEqual(Scalar x, Scalar y) {
  return compare(x, y, arith::CmpFPredicate::UNE, arith::CmpIPredicate::ne);
}

Scalar select(Scalar condition, Scalar x, Scalar y) {
  return x.with(arith::SelectOp::create(x.builder(), Value(condition), Value(x), Value(y)));
}

template <class FloatOp, class IntOp> static Scalar exact(Scalar x, Scalar y) {
  ImplicitLocOpBuilder &b = x.builder();
  if (x.isFloat())
    return {b, FloatOp::create(b, Value(x), Value(y))};
  return {b, IntOp::create(b, Value(x), Value(y))};
}

Scalar maximum(Scalar x, Scalar y) {
  return x.isBool() ? logicalOr(x, y) : exact<arith::MaximumFOp, arith::MaxSIOp>(x, y);
}
Scalar minimum(Scalar x, Scalar y) {
  return x.isBool() ? logicalAnd(x, y) : exact<arith::MinimumFOp, arith::MinSIOp>(x, y);
}

Scalar remainderC(Scalar x, Scalar y) {
  ImplicitLocOpBuilder &b = x.builder();
  if (x.isFloat())
    return {b, arith::RemFOp::create(b, Value(x), Value(y))};
  Scalar remainder(b, arith::RemSIOp::create(b, Value(x), Value(safeDivisor(y))));
  return remainder;
}

Scalar remainderPython(Scalar x, Scalar y) {
  Scalar remainder = remainderC(x, y);
  Scalar zero = x.like(0);
  Scalar otherSign = logicalXor(less(remainder, zero), less(y, zero));
  return select(logicalAnd(otherSign, notEqual(remainder, zero)), remainder + y, remainder);
}

Scalar logicalAnd(Scalar x, Scalar y) {
  return x.with(arith::AndIOp::create(x.builder(), Value(x), Value(y)));
}
Scalar logicalOr(Scalar x, Scalar y) {
  return x.with(arith::OrIOp::create(x.builder(), Value(x), Value(y)));
}
Scalar logicalXor(Scalar x, Scalar y) {
  return x.with(arith::XOrIOp::create(x.builder(), Value(x), Value(y)));
}

Scalar negate(Scalar x) {
  if (x.isFloat())
    return x.with(arith::NegFOp::create(x.builder(), Value(x)));
  return x.like(0) - x;
}

Scalar absolute(Scalar x) { return x.isFloat() ? call<math::AbsFOp>(x) : call<math::AbsIOp>(x); }

Scalar sign(Scalar x) {
  Scalar zero = x.like(0);
  // A NaN is neither below nor above zero; adding it to the selected zero keeps it a NaN.
  Scalar other = x.isFloat() ? x : zero;
  return select(less(zero, x), x.like(1), select(less(x, zero), x.like(-1), other));
}

Scalar convert(Scalar x, Type type) {
  ImplicitLocOpBuilder &b = x.builder();
  if (x.type() == type)
    return x;
  if (type.isInteger(1))
    return notEqual(x, x.like(0));
  if (isa<FloatType>(type)) {
    if (x.isFloat() && type.getIntOrFloatBitWidth() > x.type().getIntOrFloatBitWidth())
      return {b, arith::ExtFOp::create(b, type, Value(x))};
    if (x.isFloat())
      return {b, arith::TruncFOp::create(b, type, Value(x))};
    if (x.isBool())
      return {b, arith::UIToFPOp::create(b, type, Value(x))};
    return {b, arith::SIToFPOp::create(b, type, Value(x))};
  }
  if (x.isFloat())
    return {b, arith::FPToSIOp::create(b, type, Value(x))};
  if (x.isBool())
    return {b, arith::ExtUIOp::create(b, type, Value(x))};
  if (x.type().getIntOrFloatBitWidth() < type.getIntOrFloatBitWidth())
    return {b, arith::ExtSIOp::create(b, type, Value(x))};
  return {b, arith::TruncIOp::create(b, type, Value(x))};
}

} // namespace mlir::aimc::emit
