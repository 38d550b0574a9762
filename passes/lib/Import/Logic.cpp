//===- Logic.cpp - comparisons, boolean operators, Where ------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Operators that produce or consume booleans, which are i1 tensors. Comparisons with NaN are
// false, as in IEEE 754 and onnxruntime.
//
//===----------------------------------------------------------------------===//
#include "Emitter.h"

namespace mlir::aimc::emit {

template <auto Formula, unsigned Types> static LogicalResult binary(NodeEmitter &e) {
  if (failed(e.expectTypes(Types)))
    return failure();
  return e.pointwiseResult([](ArrayRef<Scalar> x) { return Formula(x[0], x[1]); });
}

static constexpr auto greater = [](Scalar x, Scalar y) { return less(y, x); };
static constexpr auto greaterEqual = [](Scalar x, Scalar y) { return lessEqual(y, x); };

static LogicalResult logicalNot(NodeEmitter &e) {
  if (failed(e.expectTypes(kBool)))
    return failure();
  return e.pointwiseResult([](ArrayRef<Scalar> x) { return logicalXor(x[0], x[0].like(1)); });
}

static LogicalResult isNaN(NodeEmitter &e) {
  if (failed(e.expectTypes(kF32)))
    return failure();
  return e.pointwiseResult([](ArrayRef<Scalar> x) {
    return x[0].with(
        arith::CmpFOp::create(x[0].builder(), arith::CmpFPredicate::UNO, Value(x[0]), Value(x[0])));
  });
}

static LogicalResult where(NodeEmitter &e) {
  if (failed(e.expectTypes(kBool, 0, 1)) || failed(e.expectTypes(kAny, 1)))
    return failure();
  return e.pointwiseResult([](ArrayRef<Scalar> x) { return select(x[0], x[1], x[2]); });
}

ArrayRef<EmitterRow> logicEmitters() {
  static const EmitterRow rows[] = {
      {"", "And", 2, 2, binary<logicalAnd, kBool>},
      {"", "Equal", 2, 2, binary<equal, kAny>},
      {"", "Greater", 2, 2, binary<greater, kNumbers>},
      {"", "GreaterOrEqual", 2, 2, binary<greaterEqual, kNumbers>},
      {"", "IsNaN", 1, 1, isNaN},
      {"", "Less", 2, 2, binary<less, kNumbers>},
      {"", "LessOrEqual", 2, 2, binary<lessEqual, kNumbers>},
      {"", "Not", 1, 1, logicalNot},
      {"", "Or", 2, 2, binary<logicalOr, kBool>},
      {"", "Where", 3, 3, where},
      {"", "Xor", 2, 2, binary<logicalXor, kBool>},
  };
  return rows;
}

} // namespace mlir::aimc::emit
