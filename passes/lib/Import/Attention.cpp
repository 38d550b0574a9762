//===- Attention.cpp - attention and rotary embedding ---------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// ai.onnx Attention as two batch products around a masked softmax, on operands [batch, heads,
// length, size]. A query whose keys are all masked gives zeros, as the standard's erratum asks,
// not the NaN of a plain softmax.
//
//===----------------------------------------------------------------------===//
#include "Emitter.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include <limits>

namespace mlir::aimc::emit {

/// [B, L, N * D] as [B, N, L, D]; rank 4 stays.
static FailureOr<Value> splitHeads(NodeEmitter &e, Value v, int64_t heads) {
  ArrayRef<int64_t> shape = shapeOf(v);
  if (shape.size() == 4)
    return v;
  if (shape.size() != 3 || heads <= 0 || shape[2] % heads != 0)
    return e.fail("expected operands [batch, length, heads * size] with head counts, or [batch, "
                  "heads, length, size], but got " +
                  text(v.getType()) + " and " + Twine(heads) + " heads");
  SmallVector<int64_t> split{shape[0], shape[1], heads, shape[2] / heads};
  return transpose(e.b, reshape(e.b, v, split), {0, 2, 1, 3});
}

/// Keys or values of past and present along the length.
static Value append(NodeEmitter &e, Value past, Value present) {
  if (!past || typeOf(past).getNumElements() == 0)
    return present;
  SmallVector<int64_t> shape(shapeOf(past)), offsets(4, 0);
  shape[2] += shapeOf(present)[2];
  Value both = empty(e.b, RankedTensorType::get(shape, typeOf(present).getElementType()));
  both = insert(e.b, past, both, offsets);
  offsets[2] = shapeOf(past)[2];
  return insert(e.b, present, both, offsets);
}

/// Grouped heads: each key head serves `times` consecutive query heads.
static Value repeatHeads(NodeEmitter &e, Value v, int64_t times) {
  if (times == 1)
    return v;
  SmallVector<int64_t> s(shapeOf(v));
  Value split = reshape(e.b, v, {s[0], s[1], 1, s[2], s[3]});
  Value repeated = broadcast(e.b, split, {s[0], s[1], times, s[2], s[3]});
  return reshape(e.b, repeated, {s[0], s[1] * times, s[2], s[3]});
}

static Value capScores(NodeEmitter &e, Value scores, float cap) {
  if (cap == 0.0f)
    return scores;
  return pointwise(e.b, typeOf(scores), scores, [&](ArrayRef<Scalar> v) {
    return call<math::TanhOp>(v[0] * (1.0 / cap)) * cap;
  });
}

/// Scores [B, N, L, T] with what must not be seen at -inf. `mask` is bool, float (added) or null;
/// `causal` hides the keys after the query, which stands after `pastLength` earlier ones.
static Value maskScores(NodeEmitter &e, Value scores, Value mask, bool causal, int64_t pastLength) {
  if (!mask && !causal)
    return scores;
  SmallVector<Value> operands{scores};
  if (mask)
    operands.push_back(mask);
  constexpr double inf = std::numeric_limits<double>::infinity();
  return pointwise(e.b, typeOf(scores), operands, [&](ArrayRef<Scalar> v) {
    ImplicitLocOpBuilder &b = v[0].builder();
    Scalar score = v[0];
    if (mask)
      score = v[1].isBool() ? select(v[1], score, score.like(-inf)) : score + v[1];
    if (!causal)
      return score;
    Value query = linalg::IndexOp::create(b, 2), key = linalg::IndexOp::create(b, 3);
    Value last = arith::AddIOp::create(b, query, indexConstant(b, pastLength));
    Scalar visible(b, arith::CmpIOp::create(b, arith::CmpIPredicate::sle, key, last));
    return select(visible, score, score.like(-inf));
  });
}

/// Softmax over the keys, zero where every score is -inf.
static Value maskedSoftmax(NodeEmitter &e, Value scores) {
  RankedTensorType type = typeOf(scores);
  AffineMap all = e.b.getMultiDimIdentityMap(4), rows = keptDims(e.b.getContext(), 4, 3);
  Value largest = reduceMaxIgnoringNaN(e.b, scores, 3);
  Value offset = pointwise(e.b, typeOf(largest), largest, [](ArrayRef<Scalar> v) {
    Scalar none = v[0].like(-std::numeric_limits<double>::infinity());
    return select(equal(v[0], none), v[0].like(0), v[0]);
  });
  Value exponentials =
      pointwiseMapped(e.b, type, {scores, offset}, {all, rows},
                      [](ArrayRef<Scalar> v) { return call<math::ExpOp>(v[0] - v[1]); });
  Value sum = reduceSum(e.b, exponentials, 3, [](ArrayRef<Scalar> v) { return v[0]; });
  Value scale = pointwise(e.b, typeOf(sum), sum, [](ArrayRef<Scalar> v) {
    return select(equal(v[0], v[0].like(0)), v[0].like(0), 1.0 / v[0]);
  });
  return pointwiseMapped(e.b, type, {exponentials, scale}, {all, rows},
                         [](ArrayRef<Scalar> v) { return v[0] * v[1]; });
}

static LogicalResult attention(NodeEmitter &e) {
  if (failed(e.expectTypes(kF32, 0, 3)) || failed(e.expectTypes(kF32 | kBool, 3, 4)) ||
      failed(e.expectTypes(kF32, 4, 6)))
    return failure();
  int64_t heads = e.node.intAttr("q_num_heads", 0), kvHeads = e.node.intAttr("kv_num_heads", 0);
  FailureOr<Value> q = splitHeads(e, e.in(0), heads), k = splitHeads(e, e.in(1), kvHeads),
                   v = splitHeads(e, e.in(2), kvHeads);
  if (failed(q) || failed(k) || failed(v))
    return failure();
  int64_t pastLength = e.has(4) ? e.inType(4).getDimSize(2) : 0;
  k = append(e, e.has(4) ? e.in(4) : Value(), *k);
  v = append(e, e.has(5) ? e.in(5) : Value(), *v);
  if ((e.wants(1) && failed(e.out(*k, 1))) || (e.wants(2) && failed(e.out(*v, 2))))
    return failure();

  ArrayRef<int64_t> qs = shapeOf(*q), ks = shapeOf(*k), vs = shapeOf(*v);
  if (qs[0] != ks[0] || ks.take_front(3) != vs.take_front(3) || qs[3] != ks[3] || ks[1] == 0 ||
      qs[1] % ks[1] != 0)
    return e.fail("expected matching queries, keys and values, but got " + text(q->getType()) +
                  ", " + text(k->getType()) + " and " + text(v->getType()));
  int64_t times = qs[1] / ks[1];
  double factor = e.node.floatAttr("scale", 1.0f);
  // Scaling the queries is cheaper than scaling the scores.
  Value scaled = pointwise(e.b, typeOf(*q), *q, [&](ArrayRef<Scalar> x) { return x[0] * factor; });
  Value keys = transpose(e.b, repeatHeads(e, *k, times), {0, 1, 3, 2});
  Value raw = batchMatmul(e.b, scaled, keys);
  Value mask = e.has(3) ? e.in(3) : Value();
  auto together = broadcastShapes(mask ? shapeOf(mask) : ArrayRef<int64_t>(), shapeOf(raw));
  if (!together || ArrayRef(*together) != shapeOf(raw))
    return e.fail("expected a mask that broadcasts to " + text(raw.getType()) + ", but got " +
                  text(e.inType(3)));
  Value capped = capScores(e, raw, e.node.floatAttr("softcap", 0.0f));
  bool causal = e.node.intAttr("is_causal", 0) != 0;
  Value masked = maskScores(e, capped, mask, causal, pastLength);
  Value probabilities = maskedSoftmax(e, masked);
  if (e.wants(3)) {
    const Value stages[] = {raw, capped, masked, probabilities};
    int64_t mode = e.node.intAttr("qk_matmul_output_mode", 0);
    if (mode < 0 || mode > 3)
      return e.fail("expected qk_matmul_output_mode 0 to 3, but got " + Twine(mode));
    if (failed(e.out(stages[mode], 3)))
      return failure();
  }
  Value y = batchMatmul(e.b, probabilities, repeatHeads(e, *v, times));
  if (e.outType().getRank() == 3)
    y = transpose(e.b, y, {0, 2, 1, 3});
  return e.out(y);
}

ArrayRef<EmitterRow> attentionEmitters() {
  static const EmitterRow rows[] = {
      {"", "Attention", 3, 6, attention},
  };
  return rows;
}

} // namespace mlir::aimc::emit
