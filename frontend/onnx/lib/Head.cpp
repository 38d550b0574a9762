//===- Head.cpp - a classifier on top of a model --------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The classifier is written in operators that mean the same in every opset that is read. A mean
// over positions is a product of the mask, [batch, 1, length], with the hidden states.
//
//===----------------------------------------------------------------------===//
#include "ModelState.h"
#include <algorithm>
#include <set>

namespace aimc::onnx {

namespace {
class Appender {
public:
  Appender(pb::ModelProto &proto, const Classifier &head) : graph(*proto.mutable_graph()) {
    prefix = head.name;
    for (const auto &import : proto.opset_import())
      if (import.domain().empty() || import.domain() == "ai.onnx")
        opset = import.version();
    for (const auto &node : graph.node())
      taken.insert(node.output().begin(), node.output().end());
    for (const auto &tensor : graph.initializer())
      taken.insert(tensor.name());
    for (const auto &value : graph.input())
      taken.insert(value.name());
  }

  void run(const Classifier &head) {
    if (head.name.empty() || head.result.empty() || head.name == head.result)
      reject("expected distinct names for the classifier and its result, but got '", head.name,
             "' and '", head.result, "'");
    check(head);
    std::string pooled = head.output;
    if (head.pool == Classifier::Pool::First) {
      pooled = node("Gather", {head.output, integers("first", {}, {0})});
      last().add_attribute()->CopyFrom(attribute("axis", 1));
    } else if (head.pool == Classifier::Pool::Mean) {
      pooled = mean(head);
    }
    floats(".weight", {head.classes, hidden(head)}, head.weight);
    floats(".bias", {head.classes}, head.bias);
    node("Gemm", {pooled, prefix + ".weight", prefix + ".bias"}, head.result);
    last().add_attribute()->CopyFrom(attribute("transB", 1));
    addOutput(head);
  }

private:
  static int64_t hidden(const Classifier &head) {
    return head.classes > 0 ? static_cast<int64_t>(head.weight.size()) / head.classes : 0;
  }

  void check(const Classifier &head) const {
    auto named = [](const auto &list, const std::string &name) {
      return std::any_of(list.begin(), list.end(),
                         [&](const auto &value) { return value.name() == name; });
    };
    if (!named(graph.output(), head.output))
      reject("expected the classifier to read an output of the model, but there is no '",
             head.output, "'");
    if (head.pool == Classifier::Pool::Mean && !head.mask.empty() &&
        !named(graph.input(), head.mask))
      reject("expected the mask of the mean to be an input of the model, but there is no '",
             head.mask, "'");
    if (head.classes < 1 || head.bias.size() != static_cast<size_t>(head.classes) ||
        head.weight.empty() || head.weight.size() % static_cast<size_t>(head.classes) != 0)
      reject("expected weights for every class, but got ", head.weight.size(), " and ",
             head.bias.size(), " for ", head.classes, " classes");
  }

  std::string mean(const Classifier &head) {
    if (head.mask.empty()) {
      std::string mean = node("ReduceMean", {head.output});
      pb::NodeProto *reduce = &last();
      if (opset >= 18)
        reduce->add_input(integers("length_axis", {1}, {1}));
      else
        reduce->add_attribute()->CopyFrom(axesAttribute());
      reduce->add_attribute()->CopyFrom(attribute("keepdims", 0));
      return mean;
    }
    std::string weights = node("Cast", {head.mask});
    last().add_attribute()->CopyFrom(attribute("to", pb::TensorProto::FLOAT));
    std::string row = node("Reshape", {weights, integers("row", {3}, {0, 1, -1})});
    std::string sums = node("MatMul", {row, head.output});
    std::string flat = node("Reshape", {sums, integers("flat", {2}, {0, -1})});
    std::string counts = node("ReduceSum", {weights});
    pb::NodeProto *reduce = &last();
    if (opset >= 13)
      reduce->add_input(integers("length_axis", {1}, {1}));
    else
      reduce->add_attribute()->CopyFrom(axesAttribute());
    reduce->add_attribute()->CopyFrom(attribute("keepdims", 1));
    // a row without any position must not divide by zero
    floats("/one", {}, {1.0f});
    std::string divisor = node("Max", {counts, prefix + "/one"});
    return node("Div", {flat, divisor});
  }

  void addOutput(const Classifier &head) {
    const auto &outputs = graph.output();
    auto source = std::find_if(outputs.begin(), outputs.end(),
                               [&](const auto &value) { return value.name() == head.output; });
    pb::ValueInfoProto info;
    info.set_name(head.result);
    auto *type = info.mutable_type()->mutable_tensor_type();
    type->set_elem_type(pb::TensorProto::FLOAT);
    const auto &shape = source->type().tensor_type().shape();
    auto *batch = type->mutable_shape()->add_dim();
    if (shape.dim_size() > 0)
      *batch = shape.dim(0);
    type->mutable_shape()->add_dim()->set_dim_value(head.classes);
    *graph.add_output() = info;
  }

  static pb::AttributeProto attribute(const std::string &name, int64_t value) {
    pb::AttributeProto attribute;
    attribute.set_name(name);
    attribute.set_type(pb::AttributeProto::INT);
    attribute.set_i(value);
    return attribute;
  }

  static pb::AttributeProto axesAttribute() {
    pb::AttributeProto attribute;
    attribute.set_name("axes");
    attribute.set_type(pb::AttributeProto::INTS);
    attribute.add_ints(1);
    return attribute;
  }

  std::string fresh(const std::string &name) {
    if (!taken.insert(name).second)
      reject("expected a name for the classifier that is not in use, but '", name, "' is taken");
    return name;
  }

  pb::NodeProto &last() { return *graph.mutable_node(graph.node_size() - 1); }

  std::string node(const std::string &op, const std::vector<std::string> &inputs,
                   const std::string &result = "") {
    std::string name = prefix + "/" + op;
    std::string output = fresh(result.empty() ? concat(name, "_", graph.node_size()) : result);
    pb::NodeProto &added = *graph.add_node();
    added.set_op_type(op);
    added.set_name(concat(name, "_", graph.node_size()));
    for (const std::string &input : inputs)
      added.add_input(input);
    added.add_output(output);
    return output;
  }

  std::string integers(const std::string &name, const std::vector<int64_t> &shape,
                       const std::vector<int64_t> &values) {
    pb::TensorProto &tensor = *graph.add_initializer();
    tensor.set_name(fresh(prefix + "/" + name));
    tensor.set_data_type(pb::TensorProto::INT64);
    for (int64_t dim : shape)
      tensor.add_dims(dim);
    for (int64_t value : values)
      tensor.add_int64_data(value);
    return tensor.name();
  }

  void floats(const std::string &suffix, const std::vector<int64_t> &shape,
              const std::vector<float> &values) {
    pb::TensorProto &tensor = *graph.add_initializer();
    tensor.set_name(fresh(prefix + suffix));
    tensor.set_data_type(pb::TensorProto::FLOAT);
    for (int64_t dim : shape)
      tensor.add_dims(dim);
    tensor.set_raw_data(values.data(), values.size() * sizeof(float));
  }

  pb::GraphProto &graph;
  std::string prefix;
  std::set<std::string> taken;
  int64_t opset = 0;
};
} // namespace

tl::expected<void, Error> ModelFile::append(const Classifier &classifier) {
  return guarded(state->path, [&] {
    pb::ModelProto &proto = state->model.mutableProto();
    // an error must leave the model as it was
    int nodes = proto.graph().node_size(), tensors = proto.graph().initializer_size();
    try {
      Appender(proto, classifier).run(classifier);
    } catch (...) {
      auto *graph = proto.mutable_graph();
      graph->mutable_node()->DeleteSubrange(nodes, graph->node_size() - nodes);
      graph->mutable_initializer()->DeleteSubrange(tensors, graph->initializer_size() - tensors);
      throw;
    }
  });
}

} // namespace aimc::onnx
