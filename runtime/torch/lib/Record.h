//===- Record.h - how an operator enters the autograd graph ----*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A node of the graph with saved inputs and a rule, made the way torch makes the nodes of its own
// operators. torch::autograd::Function would do but refuses to run under torch.func transforms.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Torch.h"

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace aimc::ops {

using ::torch::autograd::variable_list;

/// Gradients of the inputs from those of the outputs (undefined where nothing arrived) and the
/// saved tensors.
using Rule = std::function<variable_list(const variable_list &grads, const variable_list &saved)>;

class OpNode : public ::torch::autograd::TraceableFunction {
public:
  OpNode(std::string opName, Rule gradient)
      : opName(std::move(opName)), rule(std::move(gradient)) {}

  variable_list apply(variable_list &&grads) override {
    variable_list tensors;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      TORCH_CHECK(!released, "expected one backward pass through ", opName,
                  ", but its saved tensors are gone; pass retain_graph=True");
      for (const auto &variable : saved)
        tensors.push_back(variable.unpack());
    }
    for (const auto &grad : grads)
      if (grad.defined())
        return rule(grads, tensors);
    return variable_list(next_edges().size());
  }
  std::string name() const override { return opName; }
  void release_variables() override {
    std::lock_guard<std::mutex> lock(mutex_);
    released = true;
    for (auto &variable : saved)
      variable.reset_data();
  }

  std::string opName;
  Rule rule;
  std::vector<::torch::autograd::SavedVariable> saved;
  bool released = false;
};

/// The node of an operator whose differentiable inputs are `inputs` (undefined ones have no
/// gradient), or null where no gradient is wanted. The rule returns one tensor per input.
inline c10::intrusive_ptr<OpNode> record(const char *name, const variable_list &inputs,
                                         const variable_list &saved, Rule rule) {
  if (!at::GradMode::is_enabled())
    return {};
  bool wanted = false;
  for (const auto &input : inputs)
    wanted = wanted || (input.defined() && input.requires_grad());
  if (!wanted)
    return {};
  auto node = c10::make_intrusive<OpNode>(name, std::move(rule));
  node->set_next_edges(::torch::autograd::collect_next_edges(inputs));
  for (const auto &tensor : saved)
    node->saved.emplace_back(tensor, false);
  return node;
}

inline void attach(const c10::intrusive_ptr<OpNode> &node, const at::Tensor &output) {
  if (node)
    ::torch::autograd::set_history(output, c10::intrusive_ptr<::torch::autograd::Node>(node));
}

inline at::Tensor orUndefined(const std::optional<at::Tensor> &tensor) {
  return tensor ? *tensor : at::Tensor();
}
inline std::optional<at::Tensor> orNone(const at::Tensor &tensor) {
  return tensor.defined() ? std::optional<at::Tensor>(tensor) : std::nullopt;
}
inline bool wants(const at::Tensor &tensor) { return tensor.defined() && tensor.requires_grad(); }

} // namespace aimc::ops
