//===- Attributes.cpp - attributes and order of nodes -----------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Files may list nodes in any order and old ones leave attribute types unset; both are settled
// here.
//
//===----------------------------------------------------------------------===//
#include "Attributes.h"
#include <functional>
#include <queue>
#include <unordered_map>
#include <unordered_set>

namespace aimc::onnx {

pb::AttributeProto::AttributeType typeOf(const pb::AttributeProto &attribute) {
  using A = pb::AttributeProto;
  if (attribute.has_type() && attribute.type() != A::UNDEFINED)
    return attribute.type();
  return attribute.has_t()              ? A::TENSOR
         : attribute.has_g()            ? A::GRAPH
         : attribute.has_s()            ? A::STRING
         : attribute.has_f()            ? A::FLOAT
         : attribute.has_i()            ? A::INT
         : attribute.floats_size() > 0  ? A::FLOATS
         : attribute.ints_size() > 0    ? A::INTS
         : attribute.strings_size() > 0 ? A::STRINGS
                                        : A::UNDEFINED;
}

Attribute readAttribute(const pb::AttributeProto &attribute, Model &model) {
  using A = pb::AttributeProto;
  switch (typeOf(attribute)) {
  case A::FLOAT:
    return attribute.f();
  case A::INT:
    return int64_t(attribute.i());
  case A::STRING:
    return attribute.s();
  case A::TENSOR:
    return *model.tensor(attribute.t(), concat("attribute '", attribute.name(), "'"));
  case A::FLOATS:
    return std::vector<float>(attribute.floats().begin(), attribute.floats().end());
  case A::INTS:
    return std::vector<int64_t>(attribute.ints().begin(), attribute.ints().end());
  case A::STRINGS:
    return std::vector<std::string>(attribute.strings().begin(), attribute.strings().end());
  default:
    reject("expected attribute '", attribute.name(),
           "' to be a number, a string, a tensor or a list");
  }
}

std::string describe(const pb::NodeProto &node, const std::string &prefix) {
  std::string op = node.domain().empty() ? node.op_type() : node.domain() + "." + node.op_type();
  if (!node.name().empty())
    return concat("node '", prefix, node.name(), "' (", op, ")");
  return concat("node for '", prefix, node.output_size() ? node.output(0) : "", "' (", op, ")");
}

namespace {
/// Every name that `node` reads, including those that its subgraphs take from outside.
void namesRead(const pb::NodeProto &node, std::unordered_set<std::string> &names) {
  names.insert(node.input().begin(), node.input().end());
  for (const pb::AttributeProto &attribute : node.attribute()) {
    for (const pb::NodeProto &inner : attribute.g().node())
      namesRead(inner, names);
    for (const auto &output : attribute.g().output())
      names.insert(output.name());
  }
}
} // namespace

std::vector<const pb::NodeProto *> ordered(const NodeList &nodes) {
  std::unordered_map<std::string, int> producer;
  for (int n = 0; n < nodes.size(); ++n)
    for (const std::string &output : nodes[n].output())
      if (!output.empty() && !producer.emplace(output, n).second)
        reject(describe(nodes[n], ""), ": expected a new name for its result, but '", output,
               "' has a producer already");
  std::vector<std::vector<int>> users(static_cast<size_t>(nodes.size()));
  std::vector<int> open(users.size(), 0);
  for (int n = 0; n < nodes.size(); ++n) {
    std::unordered_set<std::string> names;
    namesRead(nodes[n], names);
    for (const std::string &name : names)
      if (auto it = producer.find(name); it != producer.end()) {
        users[static_cast<size_t>(it->second)].push_back(n);
        ++open[static_cast<size_t>(n)];
      }
  }
  std::priority_queue<int, std::vector<int>, std::greater<>> ready;
  for (int n = 0; n < nodes.size(); ++n)
    if (open[static_cast<size_t>(n)] == 0)
      ready.push(n);
  std::vector<const pb::NodeProto *> order;
  while (!ready.empty()) {
    int n = ready.top();
    ready.pop();
    order.push_back(&nodes[n]);
    for (int user : users[static_cast<size_t>(n)])
      if (--open[static_cast<size_t>(user)] == 0)
        ready.push(user);
  }
  for (int n = 0; n < nodes.size(); ++n)
    if (open[static_cast<size_t>(n)] > 0)
      reject(describe(nodes[n], ""), ": expected a graph without cycles");
  return order;
}

} // namespace aimc::onnx
