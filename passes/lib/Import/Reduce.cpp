//===- Reduce.cpp - Reduce* and CumSum ------------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Sums may be reassociated; minima and maxima pass NaN on and therefore carry no relaxed flags.
//
//===----------------------------------------------------------------------===//
#include "Emitter.h"

#include <limits>

namespace mlir::aimc::emit {

static FailureOr<SmallVector<int64_t>> reducedAxes(NodeEmitter &e) {
  if (failed(e.expectTypes(kNumbers, 0, 1)))
    return failure();
  return e.axes(e.ints("axes"), e.inType(0).getRank());
}

static LogicalResult reduceSumNode(NodeEmitter &e) {
  FailureOr<SmallVector<int64_t>> axes = reducedAxes(e);
  if (failed(axes))
    return failure();
  return e.out(reduceSum(e.b, e.in(0), *axes, [](ArrayRef<Scalar> v) { return v[0]; }));
}

static LogicalResult reduceMean(NodeEmitter &e) {
  FailureOr<SmallVector<int64_t>> axes = reducedAxes(e);
  if (failed(axes))
    return failure();
  double count = 1;
  for (int64_t axis : *axes)
    count *= static_cast<double>(e.inType(0).getDimSize(axis));
  Value sum = reduceSum(e.b, e.in(0), *axes, [](ArrayRef<Scalar> v) { return v[0]; });
  return e.out(pointwise(e.b, typeOf(sum), sum, [&](ArrayRef<Scalar> v) {
    return v[0].isFloat() ? v[0] * (1.0 / count) : v[0] / v[0].like(count);
  }));
}

/// Smallest (-1) or largest (+1) number of a type.
static double extreme(Type type, int sign) {
  if (isa<FloatType>(type))
    return sign * std::numeric_limits<double>::infinity();
  if (type.isInteger(32))
    return sign > 0 ? std::numeric_limits<int32_t>::max() : std::numeric_limits<int32_t>::min();
  return sign * 0x1p63; // saturates
}

enum class Fold { Max, Min, Product };

template <Fold fold> static LogicalResult reduceFold(NodeEmitter &e) {
  FailureOr<SmallVector<int64_t>> axes = reducedAxes(e);
  if (failed(axes))
    return failure();
  Type type = e.inType(0).getElementType();
  double init = fold == Fold::Product ? 1 : extreme(type, fold == Fold::Max ? -1 : 1);
  return e.out(reduce(e.b, e.in(0), *axes, type, init, [](ArrayRef<Scalar> v) {
    switch (fold) {
    case Fold::Max:
      return maximum(v[1], v[0]);
    case Fold::Min:
      return minimum(v[1], v[0]);
    case Fold::Product:
      break;
    }
    return v[1] * v[0];
  }));
}

static LogicalResult cumSum(NodeEmitter &e) {
  if (failed(e.expectTypes(kNumbers, 0, 1)))
    return failure();
  int64_t rank = e.inType(0).getRank();
  FailureOr<int64_t> axis = e.axis(e.node.intAttr("axis", 0), rank);
  if (failed(axis))
    return failure();
  bool exclusive = e.node.intAttr("exclusive", 0) != 0, reverse = e.node.intAttr("reverse", 0) != 0;
  // out[.., i, ..] = sum over j of x[.., j, ..] where j precedes i: quadratic in the axis, but
  // parallel in i. Sequences of token positions are short.
  SmallVector<int64_t> shape(e.inType(0).getShape());
  Value x = e.in(0);
  SmallVector<int64_t> pairShape(shape);
  pairShape.push_back(shape[*axis]);
  Type element = e.inType(0).getElementType();
  Value terms = generate(
      e.b, RankedTensorType::get(pairShape, element), [&](ImplicitLocOpBuilder &b, ValueRange at) {
        SmallVector<Value> source(at.drop_back());
        Value i = at[*axis], j = at.back();
        source[*axis] = j;
        if (reverse)
          std::swap(i, j);
        auto order = exclusive ? arith::CmpIPredicate::slt : arith::CmpIPredicate::sle;
        Scalar included(b, arith::CmpIOp::create(b, order, j, i));
        Scalar value(b, tensor::ExtractOp::create(b, x, source));
        return select(included, value, value.like(0));
      });
  return e.out(reduceSum(e.b, terms, rank, [](ArrayRef<Scalar> v) { return v[0]; }));
}

ArrayRef<EmitterRow> reduceEmitters() {
  static const EmitterRow rows[] = {
      {"", "CumSum", 2, 2, cumSum},
      {"", "ReduceMax", 1, 2, reduceFold<Fold::Max>},
      {"", "ReduceMean", 1, 2, reduceMean},
      {"", "ReduceMin", 1, 2, reduceFold<Fold::Min>},
      {"", "ReduceProd", 1, 2, reduceFold<Fold::Product>},
      {"", "ReduceSum", 1, 2, reduceSumNode},
  };
  return rows;
}

} // namespace mlir::aimc::emit
