//===- MatMul.cpp - MatMul, Gemm ------------------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A product with a constant matrix becomes a rank-2 linalg.matmul, the operation that maps to
// analog tiles; a weight stored transposed is read through the indexing map and stays as stored.
// Other products collapse their leading dimensions to one batch dimension.
//
//===----------------------------------------------------------------------===//
#include "Emitter.h"

namespace mlir::aimc::emit {

static int64_t elements(ArrayRef<int64_t> sizes) {
  int64_t count = 1;
  for (int64_t size : sizes)
    count *= size;
  return count;
}

/// `lhs` times a constant matrix; the leading dimensions of `lhs` become rows.
static Value linear(NodeEmitter &e, Value lhs, const NodeEmitter::Weight &weight) {
  ArrayRef<int64_t> shape = shapeOf(lhs);
  Value rows = reshape(e.b, lhs, {elements(shape.drop_back()), shape.back()});
  return matmul(e.b, rows, weight.stored, false, weight.transposed);
}

static LogicalResult matmulNode(NodeEmitter &e) {
  if (failed(e.expectTypes(kNumbers)))
    return failure();
  ArrayRef<int64_t> left = e.inType(0).getShape(), right = e.inType(1).getShape();
  if (left.size() < 2 || right.size() < 2)
    return e.fail("expected operands of rank 2 or more, but got " + text(e.inType(0)) + " and " +
                  text(e.inType(1)));
  if (left.back() != right[right.size() - 2])
    return e.fail("expected equal inner dimensions, but got " + Twine(left.back()) + " and " +
                  Twine(right[right.size() - 2]));
  if (!broadcastShapes(left.drop_back(2), right.drop_back(2)))
    return e.fail("expected leading dimensions that broadcast, but got " + text(e.inType(0)) +
                  " and " + text(e.inType(1)));
  if (std::optional<NodeEmitter::Weight> weight = e.weight(1))
    return e.out(linear(e, e.in(0), *weight));
  return e.out(batchMatmul(e.b, e.in(0), e.in(1)));
}

/// alpha * product + beta * C, skipping what is absent or one.
static LogicalResult finishGemm(NodeEmitter &e, Value product) {
  float alpha = e.node.floatAttr("alpha", 1.0f), beta = e.node.floatAttr("beta", 1.0f);
  bool addsC = e.has(2) && beta != 0.0f;
  if (!addsC && alpha == 1.0f)
    return e.out(product);
  SmallVector<Value> operands{product};
  if (addsC)
    operands.push_back(e.in(2));
  return e.pointwiseResult(operands, [&](ArrayRef<Scalar> x) {
    Scalar result = alpha == 1.0f ? x[0] : x[0] * alpha;
    if (!addsC)
      return result;
    return result + (beta == 1.0f ? x[1] : x[1] * beta);
  });
}

static LogicalResult gemm(NodeEmitter &e) {
  if (failed(e.expectTypes(kNumbers)))
    return failure();
  bool transA = e.node.intAttr("transA", 0) != 0, transB = e.node.intAttr("transB", 0) != 0;
  ArrayRef<int64_t> a = e.inType(0).getShape(), b = e.inType(1).getShape();
  if (a.size() != 2 || b.size() != 2)
    return e.fail("expected operands of rank 2, but got " + text(e.inType(0)) + " and " +
                  text(e.inType(1)));
  if (a[transA ? 0 : 1] != b[transB ? 1 : 0])
    return e.fail("expected equal inner dimensions, but got " + Twine(a[transA ? 0 : 1]) + " and " +
                  Twine(b[transB ? 1 : 0]));
  NodeEmitter::Weight rhs{e.in(1), transB};
  if (std::optional<NodeEmitter::Weight> weight = e.weight(1))
    rhs = {weight->stored, weight->transposed != transB};
  return finishGemm(e, matmul(e.b, e.in(0), rhs.stored, transA, rhs.transposed));
}

ArrayRef<EmitterRow> matmulEmitters() {
  static const EmitterRow rows[] = {
      {"", "Gemm", 2, 3, gemm},
      {"", "MatMul", 2, 2, matmulNode},
  };
  return rows;
}

} // namespace mlir::aimc::emit
