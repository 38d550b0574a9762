//===- Executor.cpp - an ONNX graph on LibTorch -------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Values are released after their last use: what autograd needs of them it holds itself.
//
//===----------------------------------------------------------------------===//
#include "NodeRun.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>

namespace aimc::train {

namespace {
const Table &table() {
  static const Table all = [] {
    Table table;
    addElementwise(table);
    addLogic(table);
    addShape(table);
    addLayout(table);
    addIndex(table);
    addReduce(table);
    addNorm(table);
    addMatMul(table);
    addConv(table);
    addAttention(table);
    return table;
  }();
  return all;
}

std::string describe(const onnx::Graph &graph, const onnx::Node &node) {
  std::string name = node.name.empty() ? "of layer '" + node.layer + "'" : "'" + node.name + "'";
  return graph.file + ": node " + name + " (" + node.op + ")";
}

std::string firstLine(const std::string &text) { return text.substr(0, text.find('\n')); }

bool isParameter(const onnx::Value &value) {
  return value.constant && !value.initializer.empty() && value.type.dtype == onnx::DType::F32 &&
         !value.type.shape.empty();
}

std::string text(c10::IntArrayRef shape) {
  std::ostringstream os;
  os << shape;
  return os.str();
}
} // namespace

at::ScalarType scalarType(onnx::DType dtype) {
  switch (dtype) {
  case onnx::DType::F32:
    return at::kFloat;
  case onnx::DType::I64:
    return at::kLong;
  case onnx::DType::I32:
    return at::kInt;
  case onnx::DType::Bool:
    break;
  }
  return at::kBool;
}

at::Tensor tensorOf(const onnx::Constant &constant) {
  // LibTorch has no tensors of constant memory; nothing here writes to it
  auto *data = const_cast<std::byte *>(constant.data);
  return at::from_blob(
      data, constant.type.shape, [owner = constant.owner](void *) {},
      at::TensorOptions(scalarType(constant.type.dtype)));
}

void NodeRun::out(const at::Tensor &value, size_t i) {
  at::ScalarType dtype = scalarType(type(i).dtype);
  at::Tensor result = value.scalar_type() == dtype ? value : value.to(dtype);
  if (result.sizes() != c10::IntArrayRef(shape(i))) {
    if (result.numel() != type(i).elements())
      reject("expected a result of shape ", text(shape(i)), ", but got ", text(result.sizes()));
    result = result.reshape(shape(i));
  }
  outputs[i] = result;
}

int64_t NodeRun::axis(const char *key, int64_t fallback, int64_t rank) const {
  int64_t axis = node.intAttr(key, fallback);
  if (axis < -rank || axis >= rank)
    reject("expected ", key, " in [", -rank, ", ", rank, "), but got ", axis);
  return axis < 0 ? axis + rank : axis;
}

bool NodeRun::floats(size_t i) const { return in(i).is_floating_point(); }

std::set<std::string> executableOperators() {
  std::set<std::string> names;
  for (const auto &row : table())
    names.insert(row.first);
  return names;
}

Result<Executor> Executor::create(std::shared_ptr<const onnx::Graph> graph) {
  for (const onnx::Node &node : graph->nodes)
    if (!node.domain.empty() || !table().count(node.op))
      return tl::unexpected(Error{describe(*graph, node) +
                                  ": expected an operator that can be trained, but got " +
                                  (node.domain.empty() ? "" : node.domain + ".") + node.op});
  Executor executor;
  executor.state = std::move(graph);
  const onnx::Graph &g = *executor.state;
  executor.constants.resize(g.values.size());
  for (size_t i = 0; i < g.values.size(); ++i)
    if (g.values[i].constant)
      executor.constants[i] = tensorOf(*g.values[i].constant);
  std::vector<bool> needed(g.values.size(), false);
  for (onnx::ValueId id : g.outputs)
    needed[static_cast<size_t>(id)] = true;
  executor.released.resize(g.nodes.size());
  for (size_t n = g.nodes.size(); n-- > 0;)
    for (onnx::ValueId id : g.nodes[n].inputs)
      if (id != onnx::kAbsent && !needed[static_cast<size_t>(id)]) {
        needed[static_cast<size_t>(id)] = true;
        executor.released[n].push_back(id);
      }
  executor.findSites();
  return executor;
}

/// As the importer does: a constant matrix on the right, read through a Transpose where there is
/// one, or the filters of a convolution.
void Executor::findSites() {
  std::map<onnx::ValueId, const onnx::Node *> producers;
  for (size_t n = 0; n < state->nodes.size(); ++n) {
    const onnx::Node &node = state->nodes[n];
    for (onnx::ValueId id : node.outputs)
      producers[id] = &node;
    bool conv = node.op == "Conv" && node.intAttr("group", 1) == 1;
    if (node.op != "MatMul" && node.op != "Gemm" && !conv)
      continue;
    LinearSite site{n, node.layer, "", conv || node.intAttr("transB", 0) != 0, 0, 0};
    onnx::ValueId stored = node.inputs[1];
    auto source = producers.find(stored);
    if (!conv && source != producers.end() && source->second->op == "Transpose" &&
        source->second->intsAttr("perm") == std::vector<int64_t>{1, 0}) {
      stored = source->second->inputs[0];
      site.transposed = !site.transposed;
    }
    const onnx::Value &weight = state->value(stored);
    const auto &shape = weight.type.shape;
    if (!weight.constant || weight.type.dtype != onnx::DType::F32 ||
        (conv ? shape.empty() : shape.size() != 2))
      continue;
    int64_t other = shape[0] ? weight.type.elements() / shape[0] : 0;
    site.rows = site.transposed ? other : shape[0];
    site.cols = site.transposed ? shape[0] : other;
    site.initializer = weight.initializer;
    linear.push_back(std::move(site));
  }
}

Parameters Executor::parameters() const {
  Parameters found;
  for (size_t i = 0; i < state->values.size(); ++i)
    if (isParameter(state->values[i]))
      found.emplace(state->values[i].initializer, constants[i]);
  return found;
}

Result<std::vector<at::Tensor>> Executor::run(const std::vector<at::Tensor> &inputs,
                                              const Parameters &parameters, const Layers &layers,
                                              const Observer &observer) const {
  const onnx::Graph &g = *state;
  if (inputs.size() != g.inputs.size())
    return tl::unexpected(Error{g.file + ": expected " + std::to_string(g.inputs.size()) +
                                " inputs, but got " + std::to_string(inputs.size())});
  std::vector<at::Tensor> values(g.values.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    const onnx::Value &input = g.value(g.inputs[i]);
    if (inputs[i].sizes() != c10::IntArrayRef(input.type.shape) ||
        inputs[i].scalar_type() != scalarType(input.type.dtype))
      return tl::unexpected(Error{g.file + ": expected input '" + input.name + "' of " +
                                  std::string(name(input.type.dtype)) + text(input.type.shape) +
                                  ", but got " + c10::toString(inputs[i].scalar_type()) +
                                  text(inputs[i].sizes())});
    values[static_cast<size_t>(g.inputs[i])] = inputs[i];
  }
  auto valueOf = [&](onnx::ValueId id) -> at::Tensor {
    if (id == onnx::kAbsent)
      return {};
    auto at = static_cast<size_t>(id);
    if (values[at].defined())
      return values[at];
    if (isParameter(g.values[at]))
      if (auto found = parameters.find(g.values[at].initializer); found != parameters.end())
        return values[at] = found->second.reshape(g.values[at].type.shape);
    return constants[at];
  };
  auto site = linear.begin();
  for (size_t n = 0; n < g.nodes.size(); ++n) {
    const onnx::Node &node = g.nodes[n];
    try {
      NodeRun run{g, node, {}, std::vector<at::Tensor>(node.outputs.size()), {}, {}, {}};
      for (onnx::ValueId id : node.inputs)
        run.inputs.push_back(valueOf(id));
      if (site != linear.end() && site->node == n) {
        run.site = &*site++;
        if (auto layer = layers.find(n); layer != layers.end()) {
          run.layer = layer->second.get();
          auto parameter = parameters.find(run.site->initializer);
          if (parameter != parameters.end()) {
            run.weight = parameter->second;
          } else { // the matrix itself; through a Transpose this undoes it
            bool swapped =
                node.op == "MatMul"
                    ? run.site->transposed
                    : run.site->transposed != (node.op == "Conv" || node.intAttr("transB", 0) != 0);
            run.weight = swapped ? run.inputs[1].t() : run.inputs[1];
          }
          int64_t first = run.site->transposed ? run.site->cols : run.site->rows;
          run.weight = run.weight.reshape({first, -1});
        }
      }
      table().at(node.op)(run);
      for (size_t i = 0; i < node.outputs.size(); ++i)
        if (node.outputs[i] != onnx::kAbsent) {
          if (!run.outputs[i].defined())
            reject("expected output ", i, " to be unused");
          values[static_cast<size_t>(node.outputs[i])] = run.outputs[i];
        }
      if (observer)
        observer(node, run.inputs, run.outputs);
    } catch (const c10::Error &error) {
      return tl::unexpected(
          Error{describe(g, node) + ": " + firstLine(error.what_without_backtrace())});
    } catch (const std::exception &error) {
      return tl::unexpected(Error{describe(g, node) + ": " + firstLine(error.what())});
    }
    for (int id : released[n])
      values[static_cast<size_t>(id)].reset();
  }
  std::vector<at::Tensor> outputs;
  for (onnx::ValueId id : g.outputs)
    outputs.push_back(valueOf(id));
  return outputs;
}

} // namespace aimc::train
