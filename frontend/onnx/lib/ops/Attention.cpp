//===- Attention.cpp - attention and rotary embedding -----------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Attention keeps its identity; the count of valid keys that version 24 added becomes a mask.
// RotaryEmbedding becomes slices and products.
//
//===----------------------------------------------------------------------===//
#include "../OpTable.h"
#include <algorithm>
#include <cmath>
#include <limits>

namespace aimc::onnx {

namespace {
struct Heads {
  int64_t batch, heads, length, size;
};

/// Operand `i` as heads: [batch, heads, length, size] or [batch, length, heads * size].
Heads headsOf(const Call &call, size_t i, std::string_view countKey) {
  call.expectDType(i, {DType::F32});
  const auto &shape = call.shape(i);
  if (shape.size() == 4)
    return {shape[0], shape[1], shape[2], shape[3]};
  if (shape.size() != 3)
    reject("expected operand ", i, " of rank 3 or 4, but got ", text(call.type(i)));
  int64_t heads = call.node.intAttr(countKey, 0);
  if (heads < 1 || shape[2] % heads != 0)
    reject("expected ", countKey, " that divides ", shape[2], ", but got ", heads);
  return {shape[0], heads, shape[1], shape[2] / heads};
}

/// A mask over fewer keys hides the rest of them: how many those are.
int64_t hiddenKeys(const Call &call, int64_t keys) {
  if (!call.has(3) || call.rank(3) == 0 || call.shape(3).back() <= 1)
    return 0;
  return std::max<int64_t>(keys - call.shape(3).back(), 0);
}

Types attention(Call &call) {
  Heads q = headsOf(call, 0, "q_num_heads"), k = headsOf(call, 1, "kv_num_heads"),
        v = headsOf(call, 2, "kv_num_heads");
  if (call.rank(0) != call.rank(1) || call.rank(1) != call.rank(2) || q.batch != k.batch ||
      k.batch != v.batch || k.heads != v.heads || k.length != v.length || q.size != k.size ||
      k.heads == 0 || q.heads % k.heads != 0)
    reject("expected queries, keys and values that fit, but got ", text(call.type(0)), ", ",
           text(call.type(1)), " and ", text(call.type(2)));
  if (call.has(4) != call.has(5))
    reject("expected past_key and past_value together");
  int64_t past = 0;
  if (call.has(4)) {
    call.expectRank(4, 4);
    past = call.shape(4)[2];
    TensorType key{DType::F32, {k.batch, k.heads, past, k.size}},
        value{DType::F32, {v.batch, v.heads, past, v.size}};
    if (call.type(4) != key || call.type(5) != value)
      reject("expected past keys and values of ", text(key), " and ", text(value), ", but got ",
             text(call.type(4)), " and ", text(call.type(5)));
  }
  TensorType scores = makeType(DType::F32, {q.batch, q.heads, q.length, past + k.length});
  if (call.has(3)) {
    call.expectDType(3, {DType::F32, DType::Bool});
    std::vector<int64_t> mask = call.shape(3);
    if (hiddenKeys(call, past + k.length) > 0)
      mask.back() = past + k.length;
    if (broadcast(mask, scores.shape) != scores.shape)
      reject("expected operand 3 to broadcast to ", text(scores.shape), ", but got ",
             text(call.type(3)));
  }
  if (call.has(6)) {
    call.expectDType(6, {DType::I64});
    if (call.shape(6) != std::vector{q.batch} || call.has(4))
      reject("expected operand 6 of i64[", q.batch, "] and no past, but got ", text(call.type(6)));
  }
  int64_t mode = call.node.intAttr("qk_matmul_output_mode", 0);
  if (mode < 0 || mode > 3)
    reject("expected qk_matmul_output_mode 0 to 3, but got ", mode);
  call.set("qk_matmul_output_mode", mode);
  call.set("q_num_heads", q.heads);
  call.set("kv_num_heads", k.heads);
  call.set("is_causal", static_cast<int64_t>(call.node.intAttr("is_causal", 0) != 0));
  call.set("softcap", call.node.floatAttr("softcap", 0.0f));
  call.set("scale",
           call.node.floatAttr("scale", static_cast<float>(1.0 / std::sqrt(double(q.size)))));
  call.node.attributes.erase("softmax_precision");
  std::vector<int64_t> result = call.rank(0) == 4
                                    ? std::vector{q.batch, q.heads, q.length, v.size}
                                    : std::vector{q.batch, q.length, q.heads * v.size};
  return {makeType(DType::F32, std::move(result)),
          makeType(DType::F32, {k.batch, k.heads, past + k.length, k.size}),
          makeType(DType::F32, {v.batch, v.heads, past + v.length, v.size}), scores};
}

/// Short masks are made whole, and keys from nonpad_kv_seqlen[batch] on are hidden by the mask.
std::optional<std::vector<ValueId>> completeMask(Builder &builder, Call &call, const Types &out) {
  int64_t keys = call.shape(1)[call.rank(1) - 2] + (call.has(4) ? call.shape(4)[2] : 0);
  int64_t hidden = hiddenKeys(call, keys);
  if (hidden == 0 && !call.has(6))
    return std::nullopt;
  ValueId minusInfinity = builder.number(-std::numeric_limits<float>::infinity());
  std::vector<ValueId> operands = call.node.inputs;
  operands.resize(std::min<size_t>(operands.size(), 6));
  if (hidden) {
    std::vector<int64_t> shape = call.shape(3);
    shape.back() = hidden;
    ValueId filler = minusInfinity;
    if (call.dtype(3) == DType::Bool)
      filler = builder.emit1("Cast", {builder.ints({0})}, {{"to", int64_t(9)}});
    filler = builder.emit1("Expand", {filler, builder.ints(shape)});
    operands[3] = builder.emit1("Concat", {operands[3], filler}, {{"axis", int64_t(-1)}});
  }
  if (call.has(6)) {
    if (call.node.intAttr("is_causal", 0))
      reject("expected is_causal or nonpad_kv_seqlen, but got both");
    ValueId count = builder.reshape(call.node.inputs[6], {call.shape(6)[0], 1, 1, 1});
    ValueId valid = builder.emit1("Less", {builder.iota(keys, {1, 1, 1, keys}), count});
    if (!call.has(3))
      operands[3] = valid;
    else if (call.dtype(3) == DType::Bool)
      operands[3] = builder.emit1("And", {valid, operands[3]});
    else
      operands[3] = builder.emit1("Where", {valid, operands[3], minusInfinity});
  }
  return builder.emit("Attention", operands, call.node.attributes, out.size());
}

Types rotaryEmbedding(Call &call) {
  Heads x = headsOf(call, 0, "num_heads");
  int64_t rotated = call.node.intAttr("rotary_embedding_dim", 0);
  if (rotated == 0)
    rotated = x.size;
  if (rotated < 0 || rotated > x.size || rotated % 2 != 0)
    reject("expected an even rotary_embedding_dim up to ", x.size, ", but got ", rotated);
  call.set("rotary_embedding_dim", rotated);
  call.set("num_heads", x.heads);
  call.expectDType(1, {DType::F32});
  bool gathered = call.has(3);
  call.expectRank(1, gathered ? 2 : 3);
  if (call.type(1) != call.type(2) || call.shape(1).back() != rotated / 2)
    reject("expected caches whose rows hold ", rotated / 2, " numbers, but got ",
           text(call.type(1)), " and ", text(call.type(2)));
  std::vector<int64_t> places{x.batch, x.length};
  if (gathered) {
    call.expectDType(3, {DType::I64, DType::I32});
    if (broadcast(call.shape(3), places) != places)
      reject("expected position_ids of ", text(places), ", but got ", text(call.type(3)));
  } else if ((call.shape(1)[0] != x.batch && call.shape(1)[0] != 1) ||
             call.shape(1)[1] != x.length) { // exporters share the caches of all sequences
    reject("expected caches for ", text(places), ", but got ", text(call.type(1)));
  }
  return {call.type(0)};
}

std::optional<std::vector<ValueId>> rotate(Builder &builder, Call &call, const Types &out) {
  Heads x = headsOf(call, 0, "num_heads");
  int64_t rotated = call.node.intAttr("rotary_embedding_dim", 0), half = rotated / 2;
  bool flat = call.rank(0) == 3, pairs = call.node.intAttr("interleaved", 0) != 0;
  ValueId value = call.node.inputs[0];
  if (flat)
    value = builder.reshape(value, {x.batch, x.length, x.heads, x.size});
  auto cache = [&](size_t i) {
    ValueId rows = call.node.inputs[i];
    if (call.has(3))
      rows = builder.emit1("Gather", {rows, call.node.inputs[3]}, {{"axis", int64_t(0)}});
    std::vector<int64_t> axes{flat ? int64_t(2) : int64_t(1)};
    return builder.emit1("Unsqueeze", {rows}, {{"axes", axes}});
  };
  ValueId cosine = cache(1), sine = cache(2);
  ValueId first = pairs ? builder.slice(value, 3, 0, rotated, 2) : builder.slice(value, 3, 0, half);
  ValueId second =
      pairs ? builder.slice(value, 3, 1, rotated, 2) : builder.slice(value, 3, half, rotated);
  auto times = [&](ValueId a, ValueId b) { return builder.emit1("Mul", {a, b}); };
  ValueId real = builder.emit1("Sub", {times(cosine, first), times(sine, second)});
  ValueId imaginary = builder.emit1("Add", {times(sine, first), times(cosine, second)});
  ValueId turned;
  if (pairs) {
    std::vector<int64_t> last{-1};
    real = builder.emit1("Unsqueeze", {real}, {{"axes", last}});
    imaginary = builder.emit1("Unsqueeze", {imaginary}, {{"axes", last}});
    turned = builder.emit1("Concat", {real, imaginary}, {{"axis", int64_t(-1)}});
    std::vector<int64_t> shape = flat ? std::vector{x.batch, x.length, x.heads, rotated}
                                      : std::vector{x.batch, x.heads, x.length, rotated};
    turned = builder.reshape(turned, shape);
  } else {
    turned = builder.emit1("Concat", {real, imaginary}, {{"axis", int64_t(-1)}});
  }
  if (rotated < x.size)
    turned = builder.emit1("Concat", {turned, builder.slice(value, 3, rotated, x.size)},
                           {{"axis", int64_t(-1)}});
  return std::vector{flat ? builder.reshape(turned, out[0].shape) : turned};
}
} // namespace

void addAttention(std::vector<Row> &rows) {
  rows.push_back({"",
                  "Attention",
                  {23, 24},
                  3,
                  7,
                  4,
                  "is_causal kv_num_heads q_num_heads qk_matmul_output_mode scale softcap "
                  "softmax_precision ",
                  attention,
                  Fold::Never,
                  nullptr,
                  completeMask});
  rows.push_back({"",
                  "RotaryEmbedding",
                  {23},
                  3,
                  4,
                  1,
                  "interleaved num_heads rotary_embedding_dim ",
                  rotaryEmbedding,
                  Fold::Never,
                  nullptr,
                  rotate});
}

} // namespace aimc::onnx
