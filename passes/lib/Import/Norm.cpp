//===- Norm.cpp - normalisations and softmax ------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// LayerNormalization is two reductions (the mean, then the variance about it, which keeps accuracy
// where the mean is large) and one computation a row and one an element. The fused operators of
// onnxruntime add their operands first.
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

namespace {
struct Normalised {
  Value y, mean, inverse;
};
} // namespace

static Normalised layerNorm(NodeEmitter &e, Value x, int64_t axis, Value scale, Value bias,
                            float epsilon) {
  Rows rows = rowsOf(e, x, axis);
  Value sum = reduceSum(e.b, x, rows.axes, [](ArrayRef<Scalar> v) { return v[0]; });
  Value mean = pointwise(e.b, typeOf(sum), sum, [&](ArrayRef<Scalar> v) {
    return v[0] * (1.0 / static_cast<double>(rows.length));
  });
  Value squares = reduceSum(e.b, {x, mean}, rows.axes, [](ArrayRef<Scalar> v) {
    Scalar centred = v[0] - v[1];
    return centred * centred;
  });
  Value inverse = inverseDeviation(e, squares, rows, epsilon);
  return {normalise(e, x, rows, mean, inverse, scale, bias), mean, inverse};
}

static Normalised rmsNorm(NodeEmitter &e, Value x, int64_t axis, Value scale, Value bias,
                          float epsilon) {
  Rows rows = rowsOf(e, x, axis);
  Value squares = reduceSum(e.b, x, rows.axes, [](ArrayRef<Scalar> v) { return v[0] * v[0]; });
  Value inverse = inverseDeviation(e, squares, rows, epsilon);
  return {normalise(e, x, rows, {}, inverse, scale, bias), {}, inverse};
}

static LogicalResult finish(NodeEmitter &e, const Normalised &result, unsigned meanOutput,
                            unsigned inverseOutput) {
  if (failed(e.out(result.y)))
    return failure();
  if (e.wants(meanOutput) && result.mean && failed(e.out(result.mean, meanOutput)))
    return failure();
  if (e.wants(inverseOutput) && result.inverse && failed(e.out(result.inverse, inverseOutput)))
    return failure();
  return success();
}

/// LayerNormalization, RMSNormalization and onnxruntime's SimplifiedLayerNormalization.
template <bool centred> static LogicalResult normalisation(NodeEmitter &e) {
  if (failed(e.expectTypes(kF32)))
    return failure();
  int64_t rank = e.inType(0).getRank();
  FailureOr<int64_t> axis = e.axis(e.node.intAttr("axis", -1), rank);
  if (failed(axis))
    return failure();
  Value x = e.in(0), scale = e.in(1), bias = e.has(2) ? e.in(2) : Value();
  for (Value parameter : {scale, bias})
    if (parameter && !fits(parameter, x))
      return e.fail("expected scale and bias that broadcast to " + text(e.inType(0)) +
                    ", but got " + text(parameter.getType()));
  float epsilon = e.node.floatAttr("epsilon", 1e-5f);
  if (centred)
    return finish(e, layerNorm(e, x, *axis, scale, bias, epsilon), 1, 2);
  return finish(e, rmsNorm(e, x, *axis, scale, bias, epsilon), ~0u, 1);
}

/// com.microsoft Skip(Simplified)LayerNormalization: normalises input + skip + bias, which is
/// result 3 where wanted.
template <bool centred> static LogicalResult skipNormalisation(NodeEmitter &e) {
  if (failed(e.expectTypes(kF32)))
    return failure();
  // Operands: input, skip, gamma, [beta,] [bias].
  unsigned biasAt = centred ? 4 : 3;
  SmallVector<Value> terms{e.in(0), e.in(1)};
  if (e.has(biasAt))
    terms.push_back(e.in(biasAt));
  Value gamma = e.in(2), beta = centred && e.has(3) ? e.in(3) : Value();
  for (Value operand : {terms[1], terms.back(), gamma, beta})
    if (operand && !fits(operand, terms[0]))
      return e.fail("expected operands that broadcast to " + text(e.inType(0)) + ", but got " +
                    text(operand.getType()));
  Value x = pointwise(e.b, e.inType(0), terms, [](ArrayRef<Scalar> v) {
    Scalar sum = v[0] + v[1];
    return v.size() > 2 ? sum + v[2] : sum;
  });
  int64_t axis = e.inType(0).getRank() - 1;
  float epsilon = e.node.floatAttr("epsilon", 1e-12f);
  Normalised result = centred ? layerNorm(e, x, axis, gamma, beta, epsilon)
                              : rmsNorm(e, x, axis, gamma, {}, epsilon);
  if (e.wants(3) && failed(e.out(x, 3)))
    return failure();
  return finish(e, result, 1, 2);
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
      {"", "SimplifiedLayerNormalization", 2, 2, normalisation<false>},
      {"", "Softmax", 1, 1, softmaxNode<false>},
      {kMicrosoft, "SkipLayerNormalization", 3, 5, skipNormalisation<true>},
      {kMicrosoft, "SkipSimplifiedLayerNormalization", 3, 4, skipNormalisation<false>},
  };
  return rows;
}

} // namespace mlir::aimc::emit
