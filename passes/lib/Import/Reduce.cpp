//===- Reduce.cpp - Reduce* and CumSum ------------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Reductions over constant axes, given as input or, in older versions, as attribute. Sums may be
// reassociated; minima and maxima pass NaN on and therefore carry no relaxed flags.
//
//===----------------------------------------------------------------------===//
#include "Emitter.h"

#include <limits>

namespace mlir::aimc::emit {

/// Sorted axes; nullopt where noop_with_empty_axes asks for a copy.
static FailureOr<std::optional<SmallVector<int64_t>>> reducedAxes(NodeEmitter &e) {
  int64_t rank = e.inType(0).getRank();
  FailureOr<SmallVector<int64_t>> listed = e.intsFrom(1, "axes");
  if (failed(listed))
    return failure();
  if (listed->empty()) {
    if (e.node.intAttr("noop_with_empty_axes", 0) != 0)
      return std::optional<SmallVector<int64_t>>();
    listed = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  }
  FailureOr<SmallVector<int64_t>> positive = e.axes(*listed, rank);
  if (failed(positive))
    return failure();
  llvm::sort(*positive);
  return std::optional(*positive);
}

enum class Kind { Sum, Mean, SumSquare, L1, L2, LogSum };

static Scalar termOf(Kind kind, Scalar x) {
  if (kind == Kind::SumSquare || kind == Kind::L2)
    return x * x;
  return kind == Kind::L1 ? absolute(x) : x;
}

template <Kind kind> static LogicalResult reduceSums(NodeEmitter &e) {
  if (failed(e.expectTypes(kind == Kind::LogSum ? kF32 : kNumbers, 0, 1)))
    return failure();
  auto axes = reducedAxes(e);
  if (failed(axes))
    return failure();
  Value x = e.in(0), sum;
  int64_t count = 1;
  if (!*axes) {
    sum = pointwise(e.b, e.inType(0), x, [](ArrayRef<Scalar> v) { return termOf(kind, v[0]); });
  } else {
    for (int64_t axis : **axes)
      count *= shapeOf(x)[axis];
    sum = reduceSum(e.b, x, **axes, [](ArrayRef<Scalar> v) { return termOf(kind, v[0]); });
  }
  if (kind == Kind::Sum || kind == Kind::SumSquare || kind == Kind::L1)
    return e.out(sum);
  return e.out(pointwise(e.b, typeOf(sum), sum, [&](ArrayRef<Scalar> v) {
    Scalar s = v[0];
    switch (kind) {
    case Kind::Mean:
      return s.isFloat() ? s * (1.0 / static_cast<double>(count))
                         : s / s.like(static_cast<double>(count));
    case Kind::L2: {
      Type wide = s.isFloat() ? s.type() : s.builder().getF64Type();
      return convert(call<math::SqrtOp>(convert(s, wide)), s.type());
    }
    default:
      return call<math::LogOp>(s);
    }
  }));
}

static LogicalResult reduceLogSumExp(NodeEmitter &e) {
  if (failed(e.expectTypes(kF32, 0, 1)))
    return failure();
  auto axes = reducedAxes(e);
  if (failed(axes))
    return failure();
  if (!*axes)
    return e.out(e.in(0));
  Value x = e.in(0);
  Value largest = reduceMaxIgnoringNaN(e.b, x, **axes);
  // An infinite maximum would turn x - max into NaN; zero is as good an offset then.
  Value offset = pointwise(e.b, typeOf(largest), largest, [](ArrayRef<Scalar> v) {
    Scalar inf = v[0].like(std::numeric_limits<double>::infinity());
    return select(less(absolute(v[0]), inf), v[0], v[0].like(0));
  });
  Value sum = reduceSum(e.b, {x, offset}, **axes,
                        [](ArrayRef<Scalar> v) { return call<math::ExpOp>(v[0] - v[1]); });
  return e.out(pointwise(e.b, typeOf(sum), {sum, offset},
                         [](ArrayRef<Scalar> v) { return call<math::LogOp>(v[0]) + v[1]; }));
}

/// Smallest (-1) or largest (+1) number of a type.
static double extreme(Type type, int sign) {
  if (isa<FloatType>(type))
    return sign * std::numeric_limits<double>::infinity();
  if (type.isInteger(1))
    return sign > 0 ? 1 : 0;
  if (type.isInteger(32))
    return sign > 0 ? std::numeric_limits<int32_t>::max() : std::numeric_limits<int32_t>::min();
  return sign * 0x1p63; // saturates
}

enum class Fold { Max, Min, Product };

template <Fold fold> static LogicalResult reduceFold(NodeEmitter &e) {
  if (failed(e.expectTypes(fold == Fold::Product ? kNumbers : kAny, 0, 1)))
    return failure();
  auto axes = reducedAxes(e);
  if (failed(axes))
    return failure();
  if (!*axes)
    return e.out(e.in(0));
  Type type = e.inType(0).getElementType();
  double init = fold == Fold::Product ? 1 : extreme(type, fold == Fold::Max ? -1 : 1);
  return e.out(reduce(e.b, e.in(0), **axes, type, init, [](ArrayRef<Scalar> v) {
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
  FailureOr<SmallVector<int64_t>> listed = e.ints(1, "axis");
  if (failed(listed))
    return failure();
  if (listed->size() != 1)
    return e.fail("expected one axis, but got " + Twine(listed->size()));
  int64_t rank = e.inType(0).getRank();
  FailureOr<int64_t> axis = e.axis(listed->front(), rank);
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
      {"", "ReduceL1", 1, 2, reduceSums<Kind::L1>},
      {"", "ReduceL2", 1, 2, reduceSums<Kind::L2>},
      {"", "ReduceLogSum", 1, 2, reduceSums<Kind::LogSum>},
      {"", "ReduceLogSumExp", 1, 2, reduceLogSumExp},
      {"", "ReduceMax", 1, 2, reduceFold<Fold::Max>},
      {"", "ReduceMean", 1, 2, reduceSums<Kind::Mean>},
      {"", "ReduceMin", 1, 2, reduceFold<Fold::Min>},
      {"", "ReduceProd", 1, 2, reduceFold<Fold::Product>},
      {"", "ReduceSum", 1, 2, reduceSums<Kind::Sum>},
      {"", "ReduceSumSquare", 1, 2, reduceSums<Kind::SumSquare>},
  };
  return rows;
}

} // namespace mlir::aimc::emit
