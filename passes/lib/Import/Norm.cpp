//===- Norm.cpp - normalisations and softmax ------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// LayerNormalization is two reductions (the mean, then the variance about it, which keeps accuracy
// where the mean is large) and one computation a row and one an element.
//
//===----------------------------------------------------------------------===//
#include "Emitter.h"

namespace mlir::aimc::emit {

namespace {
/// A tensor seen as rows of the dimensions from `axis` on.
struct Rows {
  SmallVector<int64_t> axes;
  int64_t length = 1;
  AffineMap all, outer;
};
} // namespace

static Rows rowsOf(NodeEmitter &e, Value x, int64_t axis) {
  Rows rows;
  ArrayRef<int64_t> shape = shapeOf(x);
  int64_t rank = static_cast<int64_t>(shape.size());
  for (int64_t d = axis; d < rank; ++d) {
    rows.axes.push_back(d);
    rows.length *= shape[d];
  }
  rows.all = e.b.getMultiDimIdentityMap(rank);
  rows.outer = keptDims(e.b.getContext(), rank, rows.axes);
  return rows;
}

/// Whether scale and bias of shape `part` broadcast to `whole` without enlarging it.
static bool fits(Value part, Value whole) {
  auto together = broadcastShapes(shapeOf(part), shapeOf(whole));
  return together && ArrayRef(*together) == shapeOf(whole);
}

/// 1 / sqrt(sum / length + epsilon), one a row.
static Value inverseDeviation(NodeEmitter &e, Value sum, const Rows &rows, float epsilon) {
  return pointwise(e.b, typeOf(sum), sum, [&](ArrayRef<Scalar> v) {
    return 1.0 / call<math::SqrtOp>(v[0] * (1.0 / static_cast<double>(rows.length)) + epsilon);
  });
}

/// Indexing map of a parameter that broadcasts to `x` from the right.
static AffineMap parameterMap(NodeEmitter &e, Value parameter, Value x) {
  ArrayRef<int64_t> from = shapeOf(parameter), to = shapeOf(x);
  SmallVector<AffineExpr> results;
  size_t lead = to.size() - from.size();
  for (size_t i = 0; i < from.size(); ++i)
    results.push_back(from[i] == 1 && to[lead + i] != 1 ? e.b.getAffineConstantExpr(0)
                                                        : e.b.getAffineDimExpr(lead + i));
  return AffineMap::get(to.size(), 0, results, e.b.getContext());
}

/// Normalised x times scale plus bias; the latter two may be null. `mean` null means RMS.
static Value normalise(NodeEmitter &e, Value x, const Rows &rows, Value mean, Value inverse,
                       Value scale, Value bias) {
  SmallVector<Value> operands{x, inverse};
  SmallVector<AffineMap> maps{rows.all, rows.outer};
  auto append = [&](Value v, AffineMap map) {
    operands.push_back(v);
    maps.push_back(map);
  };
  if (mean)
    append(mean, rows.outer);
  if (scale)
    append(scale, parameterMap(e, scale, x));
  if (bias)
    append(bias, parameterMap(e, bias, x));
  return pointwiseMapped(e.b, typeOf(x), operands, maps, [&](ArrayRef<Scalar> v) {
    size_t next = 2;
    Scalar result = mean ? v[0] - v[next++] : v[0];
    result = result * v[1];
    if (scale)
      result = result * v[next++];
    if (bias)
      result = result + v[next++];
    return result;
  });
}

/// LayerNormalization, or RMSNormalization where not `centred`.
template <bool centred> static LogicalResult normalisation(NodeEmitter &e) {
  if (failed(e.expectTypes(kF32)))
    return failure();
  FailureOr<int64_t> axis = e.axis(e.node.intAttr("axis", -1), e.inType(0).getRank());
  if (failed(axis))
    return failure();
  Value x = e.in(0), scale = e.in(1), bias = e.has(2) ? e.in(2) : Value();
  for (Value parameter : {scale, bias})
    if (parameter && !fits(parameter, x))
      return e.fail("expected scale and bias that broadcast to " + text(e.inType(0)) +
                    ", but got " + text(parameter.getType()));
  Rows rows = rowsOf(e, x, *axis);
  Value mean, squares;
  if (centred) {
    Value sum = reduceSum(e.b, x, rows.axes, [](ArrayRef<Scalar> v) { return v[0]; });
    mean = pointwise(e.b, typeOf(sum), sum, [&](ArrayRef<Scalar> v) {
      return v[0] * (1.0 / static_cast<double>(rows.length));
    });
    squares = reduceSum(e.b, {x, mean}, rows.axes, [](ArrayRef<Scalar> v) {
      Scalar distance = v[0] - v[1];
      return distance * distance;
    });
  } else {
    squares = reduceSum(e.b, x, rows.axes, [](ArrayRef<Scalar> v) { return v[0] * v[0]; });
  }
  Value inverse = inverseDeviation(e, squares, rows, e.node.floatAttr("epsilon", 1e-5f));
  if (e.wants(1) && failed(e.out(mean, 1)))
    return failure();
  if (e.wants(2) && failed(e.out(inverse, 2)))
    return failure();
  return e.out(normalise(e, x, rows, mean, inverse, scale, bias));
}

template <bool logarithm> static LogicalResult softmaxNode(NodeEmitter &e) {
  if (failed(e.expectTypes(kF32)))
    return failure();
  FailureOr<int64_t> axis = e.axis(e.node.intAttr("axis", -1), e.inType(0).getRank());
  if (failed(axis))
    return failure();
  return e.out(softmax(e.b, e.in(0), *axis, logarithm));
}

ArrayRef<EmitterRow> normEmitters() {
  static const EmitterRow rows[] = {
      {"", "LayerNormalization", 2, 3, normalisation<true>},
      {"", "LogSoftmax", 1, 1, softmaxNode<true>},
      {"", "RMSNormalization", 2, 2, normalisation<false>},
      {"", "Softmax", 1, 1, softmaxNode<false>},
  };
  return rows;
}

} // namespace mlir::aimc::emit
