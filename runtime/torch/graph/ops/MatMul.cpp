//===- MatMul.cpp - MatMul and Gemm ---------------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A product with a constant matrix goes through its site's layer where one is given.
//
//===----------------------------------------------------------------------===//
#include "../NodeRun.h"

#include <ATen/ATen.h>

namespace aimc::train {

at::Tensor linear(NodeRun &run, const at::Tensor &x) {
  std::vector<int64_t> shape(x.sizes().begin(), x.sizes().end());
  shape.back() = run.site->cols;
  return run.layer->forward(x.reshape({-1, run.site->rows}), run.weight).reshape(shape);
}

namespace {
void matmul(NodeRun &run) {
  run.out(run.layer ? linear(run, run.in(0)) : at::matmul(run.in(0), run.in(1)));
}

void gemm(NodeRun &run) {
  at::Tensor a = run.node.intAttr("transA", 0) ? run.in(0).t() : run.in(0);
  at::Tensor b = run.node.intAttr("transB", 0) ? run.in(1).t() : run.in(1);
  at::Tensor y = run.layer ? linear(run, a) : at::matmul(a, b);
  float alpha = run.node.floatAttr("alpha", 1.0f), beta = run.node.floatAttr("beta", 1.0f);
  if (alpha != 1.0f)
    y = y * alpha;
  if (run.has(2) && beta != 0.0f)
    y = y + (beta == 1.0f ? run.in(2) : run.in(2) * beta);
  run.out(y);
}
} // namespace

void addMatMul(Table &table) {
  table["Gemm"] = gemm;
  table["MatMul"] = matmul;
}

} // namespace aimc::train
