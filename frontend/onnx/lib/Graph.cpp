//===- Graph.cpp - typed ONNX graph -----------------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Accessors of the typed graph and its text form for people who debug a model.
//
//===----------------------------------------------------------------------===//
#include "aimc/onnx/Graph.h"
#include "Support.h"
#include <algorithm>
#include <sstream>

namespace aimc::onnx {

size_t byteSize(DType dtype) {
  switch (dtype) {
  case DType::F32:
  case DType::I32:
    return 4;
  case DType::I64:
    return 8;
  case DType::Bool:
    return 1;
  }
  return 0;
}

std::string_view name(DType dtype) {
  switch (dtype) {
  case DType::F32:
    return "f32";
  case DType::I64:
    return "i64";
  case DType::I32:
    return "i32";
  case DType::Bool:
    return "bool";
  }
  return "";
}

int64_t TensorType::elements() const {
  int64_t count = 1;
  for (int64_t dim : shape)
    count *= dim;
  return count;
}

size_t Constant::bytes() const {
  return static_cast<size_t>(type.elements()) * byteSize(type.dtype);
}

namespace {
template <class T> const T *find(const Node &node, std::string_view key) {
  auto it = node.attributes.find(key);
  return it == node.attributes.end() ? nullptr : std::get_if<T>(&it->second);
}

struct AttributeText {
  std::ostringstream &os;
  void operator()(int64_t v) { os << v; }
  void operator()(float v) { os << v; }
  void operator()(const std::string &v) { os << '"' << v << '"'; }
  void operator()(const Constant &v) { os << "constant " << text(v.type); }
  template <class T> void operator()(const std::vector<T> &v) {
    os << '[';
    for (size_t i = 0; i < v.size(); ++i) {
      os << (i ? ", " : "");
      (*this)(v[i]);
    }
    os << ']';
  }
};

template <class T> void literal(std::ostringstream &os, const Constant &constant) {
  for (int64_t i = 0; i < constant.type.elements(); ++i)
    os << (i ? ", " : "") << constant.as<T>()[i];
}

void literal(std::ostringstream &os, const Constant &constant) {
  switch (constant.type.dtype) {
  case DType::F32:
    return literal<float>(os, constant);
  case DType::I64:
    return literal<int64_t>(os, constant);
  case DType::I32:
    return literal<int32_t>(os, constant);
  case DType::Bool:
    return literal<bool>(os, constant);
  }
}

std::string operandText(const Graph &graph, ValueId id) {
  if (id == kAbsent)
    return "_";
  const Value &value = graph.value(id);
  std::ostringstream os;
  os << '%' << id << ':' << text(value.type);
  if (value.constant && value.type.elements() <= 8) {
    os << '{';
    literal(os, *value.constant);
    os << '}';
  } else if (value.constant) {
    os << "{" << value.name << '}';
  }
  return os.str();
}
} // namespace

int64_t Node::intAttr(std::string_view key, int64_t fallback) const {
  const auto *value = find<int64_t>(*this, key);
  return value ? *value : fallback;
}

float Node::floatAttr(std::string_view key, float fallback) const {
  const auto *value = find<float>(*this, key);
  return value ? *value : fallback;
}

std::string Node::stringAttr(std::string_view key, std::string_view fallback) const {
  const auto *value = find<std::string>(*this, key);
  return value ? *value : std::string(fallback);
}

std::vector<int64_t> Node::intsAttr(std::string_view key) const {
  const auto *value = find<std::vector<int64_t>>(*this, key);
  return value ? *value : std::vector<int64_t>();
}

std::string dump(const Graph &graph) {
  std::ostringstream os;
  os << "graph \"" << graph.file << "\" from \"" << graph.producer << "\"\n";
  for (ValueId id : graph.inputs)
    os << "input  " << operandText(graph, id) << " \"" << graph.value(id).name << "\"\n";
  for (const Node &node : graph.nodes) {
    for (size_t i = 0; i < node.outputs.size(); ++i)
      os << (i ? ", " : "") << operandText(graph, node.outputs[i]);
    os << " = " << (node.domain.empty() ? "" : node.domain + ".") << node.op << '.'
       << node.sinceVersion << '(';
    for (size_t i = 0; i < node.inputs.size(); ++i)
      os << (i ? ", " : "") << operandText(graph, node.inputs[i]);
    os << ')';
    for (const auto &[key, value] : node.attributes) {
      os << ' ' << key << '=';
      std::visit(AttributeText{os}, value);
    }
    os << "  // " << node.layer << '\n';
  }
  for (size_t i = 0; i < graph.outputs.size(); ++i)
    os << "output " << operandText(graph, graph.outputs[i]) << " \"" << graph.outputNames[i]
       << "\"\n";
  for (const std::string &note : graph.notes)
    os << "note   " << note << '\n';
  return os.str();
}

ValueId inputBehind(const Graph &graph, ValueId id,
                    const std::function<const Node *(ValueId)> &producer) {
  while (const Node *node = producer(id)) {
    bool reshapes = node->op == "Reshape" || node->op == "Flatten" || node->op == "Squeeze" ||
                    node->op == "Unsqueeze";
    bool widens = node->op == "Cast" && graph.value(id).type.dtype == DType::I64 &&
                  graph.value(node->inputs[0]).type.dtype == DType::I32;
    if (!node->domain.empty() || (!reshapes && !widens))
      return kAbsent;
    id = node->inputs[0];
  }
  return graph.value(id).constant ? kAbsent : id;
}

} // namespace aimc::onnx
