//===- Model.cpp - an ONNX model whose weights are trained ----------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Typed graphs have fixed shapes, so that a batch of another size needs a graph of its own. Reading
// one is quick: the file stays parsed, and only weights are large, which are shared.
//
//===----------------------------------------------------------------------===//
#include "aimc/torch/Model.h"

#include <ATen/ATen.h>
#include <algorithm>
#include <fnmatch.h>
#include <sstream>

namespace aimc::train {

namespace {
template <class... Parts> tl::unexpected<Error> fail(const Parts &...parts) {
  std::ostringstream os;
  (os << ... << parts);
  return tl::unexpected(Error{os.str()});
}

/// A name that can be bound; expressions are computed from those.
bool isName(const std::string &symbol) {
  return symbol.find_first_of("+-*/() ") == std::string::npos;
}

bool matches(const std::string &pattern, const Weight &weight) {
  auto match = [&](const std::string &name) {
    return ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
  };
  return std::any_of(weight.names.begin(), weight.names.end(), match) ||
         std::any_of(weight.layers.begin(), weight.layers.end(), match);
}

/// Whether two matrices are one weight: matrices of one number throughout say nothing.
bool isFilled(const at::Tensor &matrix) {
  return matrix.eq(matrix.reshape({-1})[0]).all().item<bool>();
}
} // namespace

const char *numpyName(at::ScalarType type) {
  switch (type) {
  case at::kFloat:
    return "float32";
  case at::kDouble:
    return "float64";
  case at::kLong:
    return "int64";
  case at::kInt:
    return "int32";
  case at::kBool:
    return "bool";
  default:
    return c10::toString(type);
  }
}

Result<Model> Model::open(const std::string &path) {
  auto file = onnx::ModelFile::open(path);
  if (!file)
    return tl::unexpected(file.error());
  Model model(std::move(*file), path);
  auto inputs = model.model.inputs();
  if (!inputs)
    return tl::unexpected(inputs.error());
  if (inputs->empty())
    return fail(path, ": expected a model with inputs");
  model.inputs = std::move(*inputs);
  if (!model.inputs[0].dims.empty())
    model.staticBatch = std::max<int64_t>(0, model.inputs[0].dims[0].size);
  return model;
}

Result<> Model::accepts(const Dataset &data) const {
  for (const onnx::InputInfo &input : inputs) {
    auto found = data.inputs.find(input.name);
    if (found == data.inputs.end())
      return fail(data.name, ": expected an array for the model's input '", input.name, "'");
    const at::Tensor &array = found->second;
    if (array.dim() != static_cast<int64_t>(input.dims.size()))
      return fail(data.name, ": '", input.name, "': expected ", input.dims.size(),
                  " dimensions, but got ", array.dim());
    if (array.scalar_type() != scalarType(input.dtype))
      return fail(data.name, ": '", input.name, "': expected elements of ",
                  numpyName(scalarType(input.dtype)), ", but got ", numpyName(array.scalar_type()));
    if (array.size(0) != data.size)
      return fail(data.name, ": '", input.name, "': expected ", data.size, " examples, but got ",
                  array.size(0));
    for (size_t d = 1; d < input.dims.size(); ++d) {
      const onnx::InputDim &dim = input.dims[d];
      int64_t size = array.size(static_cast<int64_t>(d)), wanted = dim.size;
      if (auto known = dims.find(dim.symbol); wanted < 0 && known != dims.end())
        wanted = known->second;
      if (wanted >= 0 && size != wanted)
        return fail(data.name, ": '", input.name, "': expected ", wanted, " on axis ", d,
                    dim.symbol.empty() ? "" : " ('" + dim.symbol + "')", ", but got ", size);
    }
  }
  return {};
}

Result<> Model::prepare(const Dataset &data, int64_t batch, bool untie) {
  for (const onnx::InputInfo &input : inputs) {
    if (input.dims.empty())
      return fail(path, ": expected input '", input.name, "' to have a batch dimension");
    if (input.dims[0].size < 0)
      batchSymbols.insert(input.dims[0].symbol);
  }
  for (const onnx::InputInfo &input : inputs) {
    auto found = data.inputs.find(input.name);
    if (found == data.inputs.end())
      continue; // accepts() says so
    for (size_t d = 1; d < input.dims.size() && static_cast<int64_t>(d) < found->second.dim(); ++d)
      if (input.dims[d].size < 0 && isName(input.dims[d].symbol) &&
          !batchSymbols.count(input.dims[d].symbol))
        dims.emplace(input.dims[d].symbol, found->second.size(static_cast<int64_t>(d)));
  }
  if (auto fits = accepts(data); !fits)
    return fits;
  bound = staticBatch ? staticBatch : batch;
  auto first = executor(bound);
  if (!first)
    return tl::unexpected(first.error());
  findWeights(**first, untie);
  return {};
}

Result<const Executor *> Model::executor(int64_t batch) {
  if (auto known = executors.find(batch); known != executors.end())
    return &known->second;
  onnx::LoadOptions options;
  options.keepParameters = true;
  options.dims = dims;
  for (const std::string &symbol : batchSymbols)
    if (isName(symbol))
      options.dims[symbol] = batch;
  auto graph = model.graph(options);
  if (!graph)
    return tl::unexpected(graph.error());
  auto made = Executor::create(std::make_shared<const onnx::Graph>(std::move(*graph)));
  if (!made)
    return tl::unexpected(made.error());
  return &executors.emplace(batch, std::move(*made)).first->second;
}

void Model::findWeights(const Executor &executor, bool untie) {
  std::map<std::string, std::set<std::string>> layers;
  const onnx::Graph &graph = executor.graph();
  for (const onnx::Node &node : graph.nodes)
    for (onnx::ValueId id : node.inputs)
      if (id != onnx::kAbsent && !graph.value(id).initializer.empty())
        layers[graph.value(id).initializer].insert(node.layer);
  for (const LinearSite &site : executor.sites()) // through a Transpose
    layers[site.initializer].insert(site.layer);
  // in the order in which the graph uses them, which does not depend on their names
  std::vector<std::pair<std::string, at::Tensor>> found;
  Parameters parameters = executor.parameters();
  for (const onnx::Value &value : graph.values)
    if (auto it = parameters.find(value.initializer); it != parameters.end()) {
      found.emplace_back(it->first, it->second);
      parameters.erase(it);
    }
  std::map<std::pair<int64_t, double>, std::vector<size_t>> candidates;
  for (auto &[name, stored] : found) {
    bool matrix = stored.dim() >= 2 && stored.numel() > 1 && !isFilled(stored);
    bool tied = false;
    // what is equal in any order has the same largest magnitude
    std::pair<int64_t, double> key{stored.numel(), 0};
    if (matrix)
      key.second = static_cast<double>(stored.to(at::kDouble).abs().max().item<double>());
    if (matrix && !untie)
      for (size_t other : candidates[key]) {
        Weight &weight = all[other];
        bool same = stored.sizes() == weight.tensor.sizes() && at::equal(stored, weight.tensor);
        bool turned = !same && stored.dim() == 2 && weight.tensor.dim() == 2 &&
                      stored.size(0) == weight.tensor.size(1) &&
                      at::equal(stored.t(), weight.tensor);
        if (!same && !turned)
          continue;
        weight.names.push_back(name);
        weight.transposed.push_back(turned);
        weight.layers.insert(weight.layers.end(), layers[name].begin(), layers[name].end());
        tied = true;
        break;
      }
    if (tied)
      continue;
    if (matrix)
      candidates[key].push_back(all.size());
    all.push_back({{name}, {false}, {layers[name].begin(), layers[name].end()}, stored.clone()});
  }
  for (Weight &weight : all)
    weight.tensor.set_requires_grad(true);
}

Parameters Model::parameters() const {
  Parameters parameters;
  for (const Weight &weight : all)
    for (size_t i = 0; i < weight.names.size(); ++i)
      parameters[weight.names[i]] = weight.transposed[i] ? weight.tensor.t() : weight.tensor;
  return parameters;
}

std::vector<at::Tensor> Model::operands(const Dataset &data, const at::Tensor &indices) const {
  std::vector<at::Tensor> operands;
  for (const onnx::InputInfo &input : inputs)
    operands.push_back(data.inputs.at(input.name).index_select(0, indices));
  return operands;
}

Result<> Model::select(const std::vector<std::string> &patterns,
                       const std::vector<std::string> &frozen) {
  for (const auto *list : {&patterns, &frozen})
    for (const std::string &pattern : *list)
      if (std::none_of(all.begin(), all.end(),
                       [&](const Weight &weight) { return matches(pattern, weight); }))
        return fail(path, ": expected a pattern that names a weight or a layer, but '", pattern,
                    "' matches none");
  auto any = [](const std::vector<std::string> &list, const Weight &weight) {
    return std::any_of(list.begin(), list.end(),
                       [&](const std::string &pattern) { return matches(pattern, weight); });
  };
  bool some = false;
  for (Weight &weight : all) {
    weight.trained = (patterns.empty() || any(patterns, weight)) && !any(frozen, weight);
    weight.tensor.set_requires_grad(weight.trained);
    some |= weight.trained;
  }
  return some ? Result<>() : fail(path, ": expected at least one weight to train");
}

Result<size_t> Model::output(const std::string &name) const {
  std::vector<std::string> names = model.outputNames();
  std::string wanted = name, list;
  if (name.empty())
    wanted = names.size() == 1 ? names[0] : "logits";
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] == wanted)
      return i;
    list += (i ? ", '" : "'") + names[i] + "'";
  }
  return fail(path, ": expected an output to train among ", list, ", but ",
              name.empty() ? "none is chosen and none is called 'logits'" : "got '" + name + "'");
}

std::vector<int64_t> Model::outputShape(size_t i) const {
  const onnx::Graph &graph = executors.at(bound).graph();
  return graph.value(graph.outputs[i]).type.shape;
}

Result<> Model::write(const std::string &to) const {
  std::vector<at::Tensor> kept;
  onnx::TunedWeights tuned;
  for (const Weight &weight : all) {
    if (!weight.trained)
      continue;
    for (size_t i = 0; i < weight.names.size(); ++i) {
      at::Tensor values = weight.tensor.detach();
      kept.push_back((weight.transposed[i] ? values.t() : values).contiguous());
      tuned[weight.names[i]] = {kept.back().const_data_ptr<float>(),
                                static_cast<size_t>(kept.back().numel())};
    }
  }
  return model.write(to, tuned);
}

} // namespace aimc::train
