//===- NodeRun.h - one node while it runs -----------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Operands, attributes and results of one node. A fault is thrown as `Rejected` and becomes an
// error value in Executor::run, so that an operator reads as its formula alone.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/torch/Execute.h"

#include <sstream>
#include <stdexcept>
#include <unordered_map>

namespace aimc::train {

struct Rejected : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <class... Parts> [[noreturn]] void reject(const Parts &...parts) {
  std::ostringstream os;
  (os << ... << parts);
  throw Rejected(os.str());
}

struct NodeRun {
  const onnx::Graph &graph;
  const onnx::Node &node;
  std::vector<at::Tensor> inputs; ///< undefined where omitted
  std::vector<at::Tensor> outputs;
  LinearLayer *layer = nullptr;     ///< of this site
  const LinearSite *site = nullptr; ///< null where the node is none
  at::Tensor weight;                ///< of the site, as the file stores it

  bool has(size_t i) const { return i < inputs.size() && inputs[i].defined(); }
  const at::Tensor &in(size_t i) const { return inputs[i]; }
  bool wants(size_t i) const { return i < node.outputs.size() && node.outputs[i] != onnx::kAbsent; }
  const onnx::TensorType &type(size_t i = 0) const { return graph.value(node.outputs[i]).type; }
  const std::vector<int64_t> &shape(size_t i = 0) const { return type(i).shape; }
  /// Give result `i`, which is reshaped and converted to the graph's type.
  void out(const at::Tensor &value, size_t i = 0);
  int64_t axis(const char *key, int64_t fallback, int64_t rank) const;
  bool floats(size_t i) const;
};

/// x times the site's weight through its layer, or plainly; x is [.., rows].
at::Tensor linear(NodeRun &run, const at::Tensor &x);

using Operator = void (*)(NodeRun &);
using Table = std::unordered_map<std::string, Operator>;

// The families.
void addElementwise(Table &table);
void addLogic(Table &table);
void addShape(Table &table);
void addLayout(Table &table);
void addIndex(Table &table);
void addReduce(Table &table);
void addNorm(Table &table);
void addMatMul(Table &table);
void addConv(Table &table);
void addAttention(Table &table);

} // namespace aimc::train
