//===- Contrib.cpp - operators of onnxruntime's optimizer -------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Models that went through onnxruntime's transformer optimizer hold fused operators of domain
// com.microsoft. They are taken apart again into standard ones, which is what the compiler fuses
// from in its own way; a merged weight for queries, keys and values stays one matrix.
//
//===----------------------------------------------------------------------===//
#include "../OpTable.h"
#include <algorithm>
#include <cmath>
#include <limits>

namespace aimc::onnx {

namespace {
using Values = std::optional<std::vector<ValueId>>;
using Attributes = std::map<std::string, Attribute, std::less<>>;

ValueId operandOr(const Call &call, size_t i) {
  return call.has(i) ? call.node.inputs[i] : kAbsent;
}

Types floats(Call &call) {
  call.expectDType(0, {DType::F32});
  return {call.type(0)};
}

Types skipNormalization(Call &call) {
  call.expectDType(0, {DType::F32});
  call.expectSameDType(0, 1);
  if (broadcast(call.shape(0), call.shape(1)) != call.shape(0))
    reject("expected operand 1 to broadcast to ", text(call.type(0)), ", but got ",
           text(call.type(1)));
  return {call.type(0), call.type(0), call.type(0), call.type(0)};
}

Values normalizeSum(Builder &builder, Call &call, const Types &out) {
  bool simplified = call.node.op == "SkipSimplifiedLayerNormalization";
  ValueId sum = builder.emit1("Add", {call.node.inputs[0], call.node.inputs[1]});
  size_t bias = simplified ? 3 : 4;
  if (call.has(bias))
    sum = builder.emit1("Add", {sum, call.node.inputs[bias]});
  Attributes attributes{{"epsilon", call.node.floatAttr("epsilon", simplified ? 1e-6f : 1e-12f)}};
  std::vector<ValueId> operands{sum, call.node.inputs[2]};
  if (!simplified && call.has(3))
    operands.push_back(call.node.inputs[3]);
  ValueId result =
      builder.emit1(simplified ? "RMSNormalization" : "LayerNormalization", operands, attributes);
  // places 1 and 2 are statistics for training: absent, so that a use of them is reported
  std::vector<ValueId> results(out.size(), kAbsent);
  results[0] = result;
  if (results.size() > 3)
    results[3] = sum;
  return results;
}

Types simplifiedNormalization(Call &call) {
  if (call.wanted > 1)
    reject("expected 1 result, but got ", call.wanted);
  return floats(call);
}

Values toRms(Builder &builder, Call &call, const Types &) {
  Attributes attributes = call.node.attributes;
  return std::vector{builder.emit1("RMSNormalization", call.node.inputs, attributes)};
}

Types embedNormalization(Call &call) {
  call.expectDType(0, {DType::I64, DType::I32});
  call.expectRank(0, 2);
  call.expectRank(2, 2);
  if (call.has(1) != call.has(4))
    reject("expected segment_ids and segment_embedding together");
  std::vector<int64_t> shape{call.shape(0)[0], call.shape(0)[1], call.shape(2)[1]};
  TensorType embedded = makeType(DType::F32, shape);
  return {embedded, makeType(DType::I32, {shape[0]}), embedded};
}

Values embed(Builder &builder, Call &call, const Types &out) {
  const auto &in = call.node.inputs;
  Attributes rowsOf{{"axis", int64_t(0)}};
  int64_t batch = call.shape(0)[0], length = call.shape(0)[1];
  ValueId places = call.has(8) ? in[8] : builder.iota(length, {1, length});
  ValueId sum = builder.emit1("Add", {builder.emit1("Gather", {in[2], in[0]}, rowsOf),
                                      builder.emit1("Gather", {in[3], places}, rowsOf)});
  if (call.has(1))
    sum = builder.emit1("Add", {sum, builder.emit1("Gather", {in[4], in[1]}, rowsOf)});
  std::vector<ValueId> results(out.size(), kAbsent);
  results[0] = builder.emit1("LayerNormalization", {sum, in[5], in[6]},
                             {{"epsilon", call.node.floatAttr("epsilon", 1e-12f)}});
  if (results.size() > 1) {
    if (call.has(7)) {
      ValueId count = builder.emit1("ReduceSum", {in[7]},
                                    {{"axes", std::vector<int64_t>{1}}, {"keepdims", int64_t(0)}});
      results[1] = builder.emit1("Cast", {count}, {{"to", int64_t(6)}});
    } else {
      results[1] = builder.emit1(
          "Cast", {builder.emit1("Expand", {builder.ints({0}), builder.ints({batch})})},
          {{"to", int64_t(6)}});
    }
  }
  if (results.size() > 2)
    results[2] = sum;
  return results;
}

Values gelu(Builder &builder, Call &call, const Types &) {
  ValueId value = call.node.inputs[0];
  if (call.has(1))
    value = builder.emit1("Add", {value, call.node.inputs[1]});
  std::string form = call.node.op == "FastGelu" ? "tanh" : "none";
  return std::vector{builder.emit1("Gelu", {value}, {{"approximate", form}})};
}

Values quickGelu(Builder &builder, Call &call, const Types &) {
  ValueId x = call.node.inputs[0];
  ValueId scaled = builder.emit1("Mul", {x, builder.number(call.node.floatAttr("alpha", 1.702f))});
  return std::vector{builder.emit1("Mul", {x, builder.emit1("Sigmoid", {scaled})})};
}

ValueId swapLast(Builder &builder, ValueId value, size_t rank) {
  std::vector<int64_t> perm(rank);
  for (size_t i = 0; i < rank; ++i)
    perm[i] = static_cast<int64_t>(i);
  std::swap(perm[rank - 1], perm[rank - 2]);
  return builder.transpose(value, perm);
}

Types fusedMatMul(Call &call) {
  call.expectDType(0, {DType::F32});
  call.expectSameDType(0, 1);
  if (call.node.intAttr("transBatchA", 0) || call.node.intAttr("transBatchB", 0))
    reject("expected transBatchA and transBatchB of 0");
  std::vector<int64_t> a = call.shape(0), b = call.shape(1);
  if (a.size() < 2 || b.size() < 2)
    reject("expected operands of rank 2 or more, but got ", text(call.type(0)), " and ",
           text(call.type(1)));
  if (call.node.intAttr("transA", 0))
    std::swap(a[a.size() - 1], a[a.size() - 2]);
  if (call.node.intAttr("transB", 0))
    std::swap(b[b.size() - 1], b[b.size() - 2]);
  std::vector<int64_t> shape = broadcast({a.begin(), a.end() - 2}, {b.begin(), b.end() - 2});
  shape.push_back(a[a.size() - 2]);
  shape.push_back(b.back());
  return {makeType(DType::F32, std::move(shape))};
}

Values scaledProduct(Builder &builder, Call &call, const Types &) {
  ValueId a = call.node.inputs[0], b = call.node.inputs[1];
  if (call.node.intAttr("transA", 0))
    a = swapLast(builder, a, call.rank(0));
  if (call.node.intAttr("transB", 0))
    b = swapLast(builder, b, call.rank(1));
  ValueId result = builder.emit1("MatMul", {a, b});
  float alpha = call.node.floatAttr("alpha", 1.0f);
  if (alpha != 1.0f)
    result = builder.emit1("Mul", {result, builder.number(alpha)});
  return std::vector{result};
}

/// What both forms of attention have in common once queries, keys and values are there.
struct Core {
  Builder &builder;
  Call &call;
  int64_t batch, queries, keys;

  /// The mask operand as something to add to the scores, or kAbsent.
  ValueId bias(size_t mask, size_t extra) {
    ValueId result = operandOr(call, extra);
    if (!call.has(mask))
      return result;
    call.expectDType(mask, {DType::I32, DType::I64, DType::Bool});
    const std::vector<int64_t> shape = call.shape(mask);
    ValueId visible = call.node.inputs[mask];
    if (shape == std::vector{batch} && call.dtype(mask) != DType::Bool) {
      // lengths of right-padded rows
      ValueId count = builder.emit1("Cast", {visible}, {{"to", int64_t(7)}});
      visible = builder.emit1(
          "Less", {builder.iota(keys, {1, 1, 1, keys}), builder.reshape(count, {batch, 1, 1, 1})});
    } else {
      visible = builder.emit1("Cast", {visible}, {{"to", int64_t(9)}});
      if (shape == std::vector{batch, keys})
        visible = builder.reshape(visible, {batch, 1, 1, keys});
      else if (shape == std::vector{batch, queries, keys})
        visible = builder.reshape(visible, {batch, 1, queries, keys});
      else if (shape.size() != 4)
        reject("expected a mask of ", text(std::vector{batch, keys}), ", but got ",
               text(call.type(mask)));
    }
    float hidden = call.node.floatAttr("mask_filter_value", -10000.0f);
    ValueId added = builder.emit1("Where", {visible, builder.number(0.0f), builder.number(hidden)});
    return result == kAbsent ? added : builder.emit1("Add", {result, added});
  }

  ValueId attend(ValueId q, ValueId k, ValueId v, ValueId bias) {
    int64_t heads = call.node.intAttr("num_heads", 0);
    Attributes attributes{{"q_num_heads", heads},
                          {"kv_num_heads", heads},
                          {"is_causal", call.node.intAttr("unidirectional", 0)}};
    if (float scale = call.node.floatAttr("scale", 0.0f); scale != 0.0f)
      attributes["scale"] = scale;
    std::vector<ValueId> operands{q, k, v};
    if (bias != kAbsent)
      operands.push_back(bias);
    return builder.emit1("Attention", operands, attributes);
  }
};

void expectNone(const Call &call, std::initializer_list<size_t> operands) {
  for (size_t i : operands)
    if (call.has(i))
      reject("expected operand ", i, " to be omitted, but got ", text(call.type(i)));
  if (call.wanted > 1)
    reject("expected 1 result, but got ", call.wanted);
}

std::vector<int64_t> projections(const Call &call) {
  std::vector<int64_t> sizes = call.node.intsAttr("qkv_hidden_sizes");
  int64_t columns = call.shape(1)[1];
  if (sizes.empty() && columns % 3 == 0)
    sizes.assign(3, columns / 3);
  // Each alone first: sums of any three numbers need not be in range.
  bool fit = std::all_of(sizes.begin(), sizes.end(),
                         [&](int64_t size) { return size >= 0 && size <= columns; });
  if (!fit || sizes.size() != 3 || sizes[0] + sizes[1] + sizes[2] != columns)
    reject("expected three projections in ", columns, " columns, but got ", text(sizes));
  return sizes;
}

Types fusedAttention(Call &call) {
  call.expectDType(0, {DType::F32});
  call.expectRank(0, 3);
  call.expectRank(1, 2);
  expectNone(call, {4, 6});
  if (call.node.intAttr("do_rotary", 0))
    reject("expected do_rotary of 0");
  return {makeType(DType::F32, {call.shape(0)[0], call.shape(0)[1], projections(call)[2]})};
}

Values splitAttention(Builder &builder, Call &call, const Types &) {
  int64_t length = call.shape(0)[1];
  Core core{builder, call, call.shape(0)[0], length, length};
  ValueId all = builder.emit1("MatMul", {call.node.inputs[0], call.node.inputs[1]});
  if (call.has(2))
    all = builder.emit1("Add", {all, call.node.inputs[2]});
  std::vector<ValueId> parts =
      builder.emit("Split", {all, builder.ints(projections(call))}, {{"axis", int64_t(-1)}}, 3);
  return std::vector{core.attend(parts[0], parts[1], parts[2], core.bias(3, 5))};
}

Types multiHead(Call &call) {
  for (size_t i = 0; i < 3; ++i) {
    call.expectDType(i, {DType::F32});
    call.expectRank(i, 3);
  }
  expectNone(call, {6, 7, 8, 9});
  return {makeType(DType::F32, {call.shape(0)[0], call.shape(0)[1], call.shape(2)[2]})};
}

Values splitMultiHead(Builder &builder, Call &call, const Types &) {
  Core core{builder, call, call.shape(0)[0], call.shape(0)[1], call.shape(1)[1]};
  std::vector<ValueId> parts(call.node.inputs.begin(), call.node.inputs.begin() + 3);
  if (call.has(3)) {
    int64_t start = 0;
    for (size_t i = 0; i < 3; ++i) {
      int64_t end = start + call.shape(i)[2];
      parts[i] =
          builder.emit1("Add", {parts[i], builder.slice(call.node.inputs[3], 0, start, end)});
      start = end;
    }
  }
  return std::vector{core.attend(parts[0], parts[1], parts[2], core.bias(4, 5))};
}
} // namespace

void addContrib(std::vector<Row> &rows) {
  auto add = [&](std::string_view op, int least, int most, int results, std::string_view attributes,
                 TypeRule types, Rewrite rewrite) {
    rows.push_back({"com.microsoft",
                    op,
                    {1},
                    least,
                    most,
                    results,
                    attributes,
                    types,
                    Fold::Never,
                    nullptr,
                    rewrite});
  };
  add("Gelu", 1, 1, 1, "", floats, gelu);
  add("BiasGelu", 2, 2, 1, "", floats, gelu);
  add("FastGelu", 1, 2, 1, "", floats, gelu);
  add("QuickGelu", 1, 1, 1, "alpha ", floats, quickGelu);
  add("FusedMatMul", 2, 2, 1, "alpha transA transB transBatchA transBatchB ", fusedMatMul,
      scaledProduct);
  add("SkipLayerNormalization", 3, 5, 4, "epsilon ", skipNormalization, normalizeSum);
  add("SkipSimplifiedLayerNormalization", 3, 4, 4, "epsilon ", skipNormalization, normalizeSum);
  add("EmbedLayerNormalization", 7, 9, 3, "epsilon mask_index_type ", embedNormalization, embed);
  add("Attention", 2, 7, 2,
      "do_rotary mask_filter_value num_heads past_present_share_buffer qkv_hidden_sizes "
      "rotary_embedding_dim scale unidirectional ",
      fusedAttention, splitAttention);
  add("MultiHeadAttention", 3, 10, 4, "mask_filter_value num_heads scale unidirectional ",
      multiHead, splitMultiHead);
  // onnxruntime writes this one into the default domain
  rows.push_back({"",
                  "SimplifiedLayerNormalization",
                  {1},
                  2,
                  2,
                  2,
                  "axis epsilon stash_type ",
                  simplifiedNormalization,
                  Fold::Never,
                  nullptr,
                  toRms});
}

} // namespace aimc::onnx
