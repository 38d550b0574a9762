//===- Attention.cpp - attention -------------------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// ai.onnx Attention. A query whose keys are all masked gives zeros, as the standard's erratum asks,
// and no gradient, not the NaN of a plain softmax.
//
//===----------------------------------------------------------------------===//
#include "../NodeRun.h"

#include <ATen/ATen.h>
#include <limits>

namespace aimc::train {

namespace {
/// [B, L, N * D] as [B, N, L, D]; rank 4 stays.
at::Tensor splitHeads(const at::Tensor &x, int64_t heads) {
  if (x.dim() == 4)
    return x;
  if (x.dim() != 3 || heads <= 0 || x.size(2) % heads != 0)
    reject("expected operands [batch, length, heads * size] with head counts, or [batch, heads, "
           "length, size]");
  return x.reshape({x.size(0), x.size(1), heads, x.size(2) / heads}).transpose(1, 2);
}

at::Tensor append(const NodeRun &run, size_t past, const at::Tensor &present) {
  if (!run.has(past) || run.in(past).numel() == 0)
    return present;
  return at::cat({run.in(past), present}, 2);
}

/// Scores with what must not be seen at -inf.
at::Tensor masked(const NodeRun &run, at::Tensor scores, int64_t past) {
  constexpr double inf = std::numeric_limits<double>::infinity();
  if (run.has(3)) {
    const at::Tensor &mask = run.in(3);
    scores = mask.scalar_type() == at::kBool ? scores.masked_fill(mask.logical_not(), -inf)
                                             : scores + mask;
  }
  if (run.node.intAttr("is_causal", 0)) {
    at::Tensor hidden = at::ones({scores.size(2), scores.size(3)}, at::kBool).triu(past + 1);
    scores = scores.masked_fill(hidden, -inf);
  }
  return scores;
}

at::Tensor maskedSoftmax(const at::Tensor &scores) {
  at::Tensor none = scores.eq(-std::numeric_limits<double>::infinity()).all(-1, true);
  return at::softmax(scores.masked_fill(none, 0), -1).masked_fill(none, 0);
}

void attention(NodeRun &run) {
  int64_t kvHeads = run.node.intAttr("kv_num_heads", 0);
  at::Tensor q = splitHeads(run.in(0), run.node.intAttr("q_num_heads", 0));
  at::Tensor k = append(run, 4, splitHeads(run.in(1), kvHeads));
  at::Tensor v = append(run, 5, splitHeads(run.in(2), kvHeads));
  int64_t past = run.has(4) ? run.in(4).size(2) : 0;
  if (run.wants(1))
    run.out(k, 1);
  if (run.wants(2))
    run.out(v, 2);
  if (k.size(1) == 0 || q.size(1) % k.size(1) != 0)
    reject("expected a multiple of ", k.size(1), " query heads, but got ", q.size(1));
  int64_t times = q.size(1) / k.size(1);
  if (times > 1) { // each key head serves consecutive query heads
    k = k.repeat_interleave(times, 1);
    v = v.repeat_interleave(times, 1);
  }
  at::Tensor raw = at::matmul(q * run.node.floatAttr("scale", 1.0f), k.transpose(-2, -1));
  float cap = run.node.floatAttr("softcap", 0.0f);
  at::Tensor capped = cap != 0.0f ? at::tanh(raw / cap) * cap : raw;
  at::Tensor hidden = masked(run, capped, past), probabilities = maskedSoftmax(hidden);
  if (run.wants(3)) {
    const at::Tensor stages[] = {raw, capped, hidden, probabilities};
    run.out(stages[std::clamp<int64_t>(run.node.intAttr("qk_matmul_output_mode", 0), 0, 3)], 3);
  }
  at::Tensor y = at::matmul(probabilities, v);
  run.out(run.shape().size() == 3 ? y.transpose(1, 2) : y);
}
} // namespace

void addAttention(Table &table) { table["Attention"] = attention; }

} // namespace aimc::train
