//===- Norm.cpp - normalisations and softmax --------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// LibTorch's fused operators where scale and bias have the normalised shape, formulas otherwise.
//
//===----------------------------------------------------------------------===//
#include "../NodeRun.h"

#include <ATen/ATen.h>

namespace aimc::train {

namespace {
void layerNorm(NodeRun &run) {
  const at::Tensor &x = run.in(0), &scale = run.in(1);
  int64_t axis = run.axis("axis", -1, x.dim());
  auto shape = x.sizes().slice(static_cast<size_t>(axis));
  double epsilon = run.node.floatAttr("epsilon", 1e-5f);
  bool whole = scale.sizes() == shape && (!run.has(2) || run.in(2).sizes() == shape);
  std::optional<at::Tensor> weight, bias;
  if (whole) {
    weight = scale;
    if (run.has(2))
      bias = run.in(2);
  }
  auto [y, mean, inverse] = at::native_layer_norm(x, shape, weight, bias, epsilon);
  if (!whole) {
    y = y * scale;
    if (run.has(2))
      y = y + run.in(2);
  }
  run.out(y);
  if (run.wants(1))
    run.out(mean, 1);
  if (run.wants(2))
    run.out(inverse, 2);
}

void rmsNorm(NodeRun &run) {
  const at::Tensor &x = run.in(0);
  std::vector<int64_t> axes;
  for (int64_t d = run.axis("axis", -1, x.dim()); d < x.dim(); ++d)
    axes.push_back(d);
  double epsilon = run.node.floatAttr("epsilon", 1e-5f);
  run.out(x * (x.square().mean(axes, true) + epsilon).rsqrt() * run.in(1));
}
} // namespace

void addNorm(Table &table) {
  table["LayerNormalization"] = layerNorm;
  table["RMSNormalization"] = rmsNorm;
  table["Softmax"] = [](NodeRun &run) {
    run.out(at::softmax(run.in(0), run.axis("axis", -1, run.in(0).dim())));
  };
  table["LogSoftmax"] = [](NodeRun &run) {
    run.out(at::log_softmax(run.in(0), run.axis("axis", -1, run.in(0).dim())));
  };
}

} // namespace aimc::train
