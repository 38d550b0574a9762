//===- Elementwise.cpp - arithmetic operators -----------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Formulas per element; broadcasting is LibTorch's, which is the same.
//
//===----------------------------------------------------------------------===//
#include "../NodeRun.h"

#include <ATen/ATen.h>

namespace aimc::train {

namespace {
#define UNARY(op, expression)                                                                      \
  table[op] = [](NodeRun &run) {                                                                   \
    const at::Tensor &x = run.in(0);                                                               \
    run.out(expression);                                                                           \
  }
#define BINARY(op, expression)                                                                     \
  table[op] = [](NodeRun &run) {                                                                   \
    const at::Tensor &x = run.in(0), &y = run.in(1);                                               \
    run.out(expression);                                                                           \
  }

at::Tensor quotient(const at::Tensor &x, const at::Tensor &y) {
  return x.is_floating_point() ? at::div(x, y) : at::div(x, y, "trunc");
}

void pow(NodeRun &run) {
  const at::Tensor &x = run.in(0), &y = run.in(1);
  if (!run.floats(0)) // as in onnxruntime; exact below 2^53
    return run.out(at::pow(x.to(at::kDouble), y.to(at::kDouble)).to(x.scalar_type()));
  bool fixed = y.numel() == 1 && !y.requires_grad();
  // a number lets squares and roots have their own derivatives
  at::Tensor power = fixed ? at::pow(x, y.item()) : at::pow(x, y.to(x.scalar_type()));
  run.out(power.expand(run.shape()));
}

void mod(NodeRun &run) {
  bool likeC = run.node.intAttr("fmod", 0) != 0;
  run.out(likeC ? at::fmod(run.in(0), run.in(1)) : at::remainder(run.in(0), run.in(1)));
}

void clip(NodeRun &run) {
  std::optional<at::Tensor> low, high;
  if (run.has(1))
    low = run.in(1);
  if (run.has(2))
    high = run.in(2);
  run.out(low || high ? at::clamp(run.in(0), low, high) : run.in(0));
}

/// Norms arrive as roots of sums of squares. As that of torch.linalg.norm the gradient of one at
/// zero is zero, where a root's own would make NaN of it.
at::Tensor root(const at::Tensor &x) {
  if (!x.requires_grad())
    return x.sqrt();
  const at::Tensor zero = x.eq(0);
  return x.masked_fill(zero, 1).sqrt().masked_fill(zero, 0);
}

/// The larger of both. Where they are equal each has half of the gradient, as in torch.maximum, but
/// a bound that is a constant takes none, as in torch.clamp, which exporters write as Max.
at::Tensor atLeast(const at::Tensor &x, const at::Tensor &y) {
  if (x.requires_grad() == y.requires_grad())
    return at::maximum(x, y);
  return x.requires_grad() ? at::clamp_min(x, y) : at::clamp_min(y, x);
}
at::Tensor atMost(const at::Tensor &x, const at::Tensor &y) {
  if (x.requires_grad() == y.requires_grad())
    return at::minimum(x, y);
  return x.requires_grad() ? at::clamp_max(x, y) : at::clamp_max(y, x);
}

void gelu(NodeRun &run) {
  std::string approximate = run.node.stringAttr("approximate", "none");
  if (approximate != "none" && approximate != "tanh")
    reject("expected approximate 'none' or 'tanh', but got '", approximate, "'");
  run.out(at::gelu(run.in(0), approximate));
}
} // namespace

void addElementwise(Table &table) {
  UNARY("Abs", x.abs());
  UNARY("Cast", x); // out() converts
  UNARY("Ceil", x.ceil());
  UNARY("Cos", x.cos());
  UNARY("Erf", x.erf());
  UNARY("Exp", x.exp());
  UNARY("Floor", x.floor());
  UNARY("Log", x.log());
  UNARY("Neg", x.neg());
  UNARY("Reciprocal", x.reciprocal());
  UNARY("Relu", x.relu());
  UNARY("Sigmoid", x.sigmoid());
  UNARY("Sign", x.sign());
  UNARY("Sin", x.sin());
  UNARY("Sqrt", root(x));
  UNARY("Tanh", x.tanh());
  BINARY("Add", at::add(x, y));
  BINARY("Div", quotient(x, y));
  BINARY("Max", atLeast(x, y));
  BINARY("Min", atMost(x, y));
  BINARY("Mul", at::mul(x, y));
  BINARY("Sub", at::sub(x, y));
  table["Clip"] = clip;
  table["Gelu"] = gelu;
  table["Mod"] = mod;
  table["Pow"] = pow;
}

} // namespace aimc::train
