//===- NotFinite.cpp - where numbers stop being finite --------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "NotFinite.h"

#include <ATen/ATen.h>

namespace aimc::train {

namespace {
struct Kind {
  bool nan = false, infinite = false;
};

Kind kindOf(const at::Tensor &t) {
  if (!t.defined() || !t.is_floating_point() || t.isfinite().all().item<bool>())
    return {};
  return {t.isnan().any().item<bool>(), t.isinf().any().item<bool>()};
}

std::string shown(const onnx::Node &node) { return "layer '" + node.layer + "' (" + node.op + ")"; }
} // namespace

void NotFinite::see(const onnx::Node &node, const std::vector<at::Tensor> &inputs,
                    const std::vector<at::Tensor> &outputs) {
  std::vector<Kind> made;
  Kind in, out;
  for (const at::Tensor &output : outputs) {
    made.push_back(kindOf(output));
    out.nan |= made.back().nan;
    out.infinite |= made.back().infinite;
  }
  if (!out.nan && !out.infinite)
    return;
  Origin nan, infinity, given; // what came with operands
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Kind kind = kindOf(inputs[i]);
    in.nan |= kind.nan;
    in.infinite |= kind.infinite;
    auto known = origins.find(node.inputs[i]);
    if (known == origins.end())
      continue;
    const Origin &origin = known->second;
    Origin &of = origin.given ? given : kind.nan ? nan : infinity;
    if (!of.node)
      of = origin;
  }
  const bool softmax = node.op == "Softmax" || node.op == "LogSoftmax";
  const bool product = node.op == "MatMul" || node.op == "Gemm" || node.op == "Conv";
  Origin origin{&node, false, node.op == "Log"};
  if (in.nan) {
    if (nan.node)
      origin = nan;
  } else if (out.nan) { // of an infinity that was a fault, or this node's own
    if (infinity.node && !(softmax && infinity.pole))
      origin = infinity;
  } else if (in.infinite) { // passed on; a product has no use for one
    origin.given = !product;
    if (infinity.node)
      origin = infinity;
    else if (given.node && !product)
      origin = given;
  }
  if (!origin.given && !fault.node)
    fault = origin;
  for (size_t i = 0; i < outputs.size(); ++i)
    if (made[i].nan || made[i].infinite)
      origins[node.outputs[i]] = origin;
}

std::string NotFinite::originOf(onnx::ValueId id) const {
  auto known = origins.find(id);
  return known == origins.end() ? "" : shown(*known->second.node);
}

std::string NotFinite::first() const { return fault.node ? shown(*fault.node) : ""; }

} // namespace aimc::train
