//===- Optimizer.cpp - AdamW, SGD and their schedules ---------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// AdamW: Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019, in the order of
// operations of torch.optim.AdamW. SGD with momentum and weight decay as torch.optim.SGD.
//
//===----------------------------------------------------------------------===//
#include "aimc/torch/Optimizer.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <cmath>
#include <numbers>

namespace aimc::train {

double Schedule::factor(int64_t step) const {
  if (step < warmup)
    return static_cast<double>(step) / static_cast<double>(std::max<int64_t>(1, warmup));
  if (kind == Kind::Constant)
    return 1;
  double rest = static_cast<double>(std::max<int64_t>(1, steps - warmup));
  double done = std::min(1.0, static_cast<double>(step - warmup) / rest);
  return kind == Kind::Linear ? 1 - done : 0.5 * (1 + std::cos(std::numbers::pi * done));
}

Optimizer::Optimizer(OptimizerOptions options,
                     std::vector<std::pair<std::string, at::Tensor>> parameters)
    : options(options) {
  for (auto &[name, parameter] : parameters) {
    Slot slot{name, parameter, {}, {}};
    at::Tensor values = parameter.detach();
    if (options.kind == OptimizerOptions::Kind::AdamW || options.momentum != 0)
      slot.first = at::zeros_like(values);
    if (options.kind == OptimizerOptions::Kind::AdamW)
      slot.second = at::zeros_like(values);
    slots.push_back(std::move(slot));
  }
}

void Optimizer::clearGradients() {
  for (Slot &slot : slots)
    slot.parameter.mutable_grad().reset();
}

double Optimizer::clip(double limit) {
  c10::NoGradGuard guard;
  std::vector<at::Tensor> norms;
  for (const Slot &slot : slots)
    if (slot.parameter.grad().defined())
      norms.push_back(slot.parameter.grad().norm());
  if (norms.empty())
    return 0;
  at::Tensor total = at::stack(norms).norm();
  if (limit > 0) {
    at::Tensor scale = (limit / (total + 1e-6)).clamp_max(1.0);
    for (Slot &slot : slots)
      if (slot.parameter.grad().defined())
        slot.parameter.mutable_grad().mul_(scale);
  }
  return total.item<double>();
}

void Optimizer::step(double factor) {
  c10::NoGradGuard guard;
  double rate = options.rate * factor, decay = options.weightDecay;
  ++updates;
  double correction1 = 1 - std::pow(options.beta1, static_cast<double>(updates));
  double correction2 = 1 - std::pow(options.beta2, static_cast<double>(updates));
  for (Slot &slot : slots) {
    const at::Tensor &gradient = slot.parameter.grad();
    if (!gradient.defined())
      continue;
    at::Tensor &weight = slot.parameter;
    if (options.kind == OptimizerOptions::Kind::AdamW) {
      weight.mul_(1 - rate * decay);
      slot.first.lerp_(gradient, 1 - options.beta1);
      slot.second.mul_(options.beta2).addcmul_(gradient, gradient, 1 - options.beta2);
      at::Tensor divisor = slot.second.sqrt().div_(std::sqrt(correction2)).add_(options.epsilon);
      weight.addcdiv_(slot.first, divisor, -rate / correction1);
      continue;
    }
    at::Tensor direction = decay != 0 ? gradient.add(weight, decay) : gradient;
    if (options.momentum != 0) // from zero, the first update is the gradient, as in torch
      direction = slot.first.mul_(options.momentum).add_(direction);
    weight.add_(direction, -rate);
  }
}

std::map<std::string, at::Tensor> Optimizer::state() const {
  std::map<std::string, at::Tensor> state;
  for (const Slot &slot : slots) {
    if (slot.first.defined())
      state["first/" + slot.name] = slot.first;
    if (slot.second.defined())
      state["second/" + slot.name] = slot.second;
  }
  return state;
}

} // namespace aimc::train
