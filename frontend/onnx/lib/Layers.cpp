//===- Layers.cpp - layer names ---------------------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// People know a tile by the module it came from. Exporters keep that in node metadata (dynamo), in
// the weight's name, in the bias's name where the weight was transposed into "onnx::MatMul_491",
// or in the node's name; the first source that says something wins.
//
//===----------------------------------------------------------------------===//
#include "Draft.h"
#include "Proto.h"
#include <algorithm>
#include <optional>
#include <unordered_map>

namespace aimc::onnx {

namespace {
bool allDigits(std::string_view word) {
  return !word.empty() &&
         std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// Module path of a parameter's name: "a.b.weight" -> "a.b"; "" for invented names.
std::string moduleOfParameter(const std::string &parameter) {
  if (parameter.find("::") != std::string::npos || parameter.find('/') != std::string::npos ||
      parameter.find('.') == std::string::npos)
    return "";
  size_t dot = parameter.rfind('.');
  std::string last = parameter.substr(dot + 1);
  for (std::string_view suffix : {"weight", "bias", "kernel", "gamma", "beta"})
    if (last == suffix)
      return parameter.substr(0, dot);
  return allDigits(last) ? "" : parameter;
}

/// "/model/layer.1/query/MatMul" -> "model.layer.1.query"; a flat name stays what it is.
std::string moduleOfNode(const std::string &nodeName) {
  size_t slash = nodeName.rfind('/');
  if (slash == std::string::npos || slash == 0)
    return nodeName.substr(slash == 0 ? 1 : 0);
  size_t start = nodeName.front() == '/' ? 1 : 0;
  std::string path = nodeName.substr(start, slash - start);
  std::replace(path.begin(), path.end(), '/', '.');
  return path;
}

class Namer {
public:
  explicit Namer(Draft &draft) : draft(draft) {
    for (size_t n = 0; n < draft.nodes.size(); ++n) {
      for (ValueId id : draft.nodes[n].node.outputs)
        if (id != kAbsent)
          producer[id] = n;
      for (ValueId id : draft.nodes[n].node.inputs)
        if (id != kAbsent)
          consumers[id].push_back(n);
    }
    for (const DraftNode &node : draft.nodes)
      if (auto weight = weightOf(node))
        if (std::string bias = biasName(node); !bias.empty())
          biasOwners[bias].push_back(weight->first);
  }

  std::string layer(const DraftNode &draftNode) const {
    const Node &node = draftNode.node;
    if (!draftNode.scope.empty())
      return draftNode.scope;
    if (auto weight = weightOf(draftNode)) {
      if (std::string module = moduleOfParameter(weight->second); !module.empty())
        return module;
      if (std::string bias = biasName(draftNode); !bias.empty() && ownsOneWeight(bias))
        return moduleOfParameter(bias);
    }
    if (!node.name.empty())
      if (std::string module = moduleOfNode(node.name); !module.empty())
        return module;
    for (ValueId id : node.outputs)
      if (id != kAbsent && !draft.values[static_cast<size_t>(id)].name.empty())
        return draft.values[static_cast<size_t>(id)].name;
    return node.op;
  }

private:
  /// Data and name of the parameter that makes `node` a layer.
  std::optional<std::pair<const std::byte *, std::string>> weightOf(const DraftNode &draft_) const {
    const Node &node = draft_.node;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (node.inputs[i] == kAbsent)
        continue;
      ValueId id = node.inputs[i];
      std::string name = draft_.operandNames[i];
      if (auto it = producer.find(id); it != producer.end()) {
        const DraftNode &from = draft.nodes[it->second];
        if (from.node.op != "Transpose")
          continue;
        id = from.node.inputs[0];
        name = from.operandNames[0];
      }
      const auto &constant = draft.values[static_cast<size_t>(id)].constant;
      size_t rank = constant ? constant->type.shape.size() : 0;
      bool normalises = node.op.find("Normalization") != std::string::npos && rank == 1;
      bool multiplies = node.op == "MatMul" || node.op == "Gemm" || node.op == "Conv" ||
                        (node.op == "Gather" && i == 0);
      if (constant && constant->type.dtype == DType::F32 &&
          ((multiplies && rank >= 2) || normalises))
        return std::make_pair(constant->data, name);
    }
    return std::nullopt;
  }

  /// Name of the bias operand of a product, or of the sum that follows it.
  std::string biasName(const DraftNode &draft_) const {
    auto named = [&](const DraftNode &node, size_t i) {
      ValueId id = node.node.inputs[i];
      if (id == kAbsent || !draft.values[static_cast<size_t>(id)].constant)
        return false;
      return !moduleOfParameter(node.operandNames[i]).empty();
    };
    const Node &node = draft_.node;
    if (node.op != "MatMul" && node.op != "Gemm" && node.op != "Conv")
      return "";
    if (node.inputs.size() > 2)
      return named(draft_, 2) ? draft_.operandNames[2] : "";
    auto users = consumers.find(node.outputs[0]);
    if (users == consumers.end() || users->second.size() != 1)
      return "";
    const DraftNode &user = draft.nodes[users->second[0]];
    if (user.node.op == "Add")
      for (size_t i = 0; i < 2; ++i)
        if (named(user, i))
          return user.operandNames[i];
    return "";
  }

  /// Exporters merge equal biases: a name that serves several weights names none of them.
  bool ownsOneWeight(const std::string &bias) const {
    const auto &owners = biasOwners.at(bias);
    return std::all_of(owners.begin(), owners.end(),
                       [&](const std::byte *weight) { return weight == owners.front(); });
  }

  const Draft &draft;
  std::unordered_map<ValueId, size_t> producer;
  std::unordered_map<ValueId, std::vector<size_t>> consumers;
  std::unordered_map<std::string, std::vector<const std::byte *>> biasOwners;
};

/// The items of a Python list of strings as repr() writes it.
std::vector<std::string> pythonStrings(const std::string &list) {
  std::vector<std::string> items;
  for (size_t i = 0; i < list.size(); ++i) {
    char quote = list[i];
    if (quote != '\'' && quote != '"')
      continue;
    std::string item;
    for (++i; i < list.size() && list[i] != quote; ++i) {
      if (list[i] == '\\' && i + 1 < list.size())
        ++i;
      item += list[i];
    }
    items.push_back(std::move(item));
  }
  return items;
}
} // namespace

void nameLayers(Draft &draft) {
  Namer namer(draft);
  for (DraftNode &node : draft.nodes)
    node.node.layer = namer.layer(node);
}

std::string moduleScope(const pb::NodeProto &node) {
  for (const std::string &bytes : unknownBytes(node, kNodeMetadata)) {
    pb::StringStringEntryProto entry;
    if (!entry.ParseFromString(bytes) || entry.key() != "pkg.torch.onnx.name_scopes")
      continue;
    // the last item is the node itself, the ones before it are its modules from outside in
    std::vector<std::string> scopes = pythonStrings(entry.value());
    if (scopes.size() >= 2 && scopes[scopes.size() - 2].rfind("_empty_nn_module", 0) != 0)
      return scopes[scopes.size() - 2];
  }
  return "";
}

} // namespace aimc::onnx
