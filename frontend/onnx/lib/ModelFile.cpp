//===- ModelFile.cpp - a model that is read, tuned and written --*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The reading half: what the file says of its inputs, and graphs made of it.
//
//===----------------------------------------------------------------------===//
#include "ModelState.h"
#include "Walker.h"

namespace aimc::onnx {

ModelFile::ModelFile(std::unique_ptr<State> state) : state(std::move(state)) {}
ModelFile::ModelFile(ModelFile &&) noexcept = default;
ModelFile &ModelFile::operator=(ModelFile &&) noexcept = default;
ModelFile::~ModelFile() = default;

tl::expected<ModelFile, Error> ModelFile::open(const std::string &path) {
  return guarded(path, [&] { return ModelFile(std::make_unique<State>(path)); });
}

Graph ModelFile::State::graph(const LoadOptions &options, bool readOnce) const {
  for (const auto &[name, size] : options.dims)
    if (size < 0 || size > kMaxElements)
      reject("expected a size for dimension '", name, "', but got ", size);
  Graph graph = Walker(model, options, readOnce).run();
  graph.file = path;
  return graph;
}

tl::expected<Graph, Error> ModelFile::graph(const LoadOptions &options) const {
  return guarded(state->path, [&] { return state->graph(options, false); });
}

std::vector<std::string> ModelFile::externalFiles() const {
  std::set<std::string> paths;
  const size_t slash = state->path.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : state->path.substr(0, slash + 1);
  for (const pb::TensorProto &tensor : state->model.proto().graph().initializer())
    for (const auto &entry : tensor.external_data())
      if (entry.key() == "location")
        paths.insert(folder + entry.value());
  return {paths.begin(), paths.end()};
}

tl::expected<std::vector<InputInfo>, Error> ModelFile::inputs() const {
  return guarded(state->path, [&] {
    const pb::GraphProto &graph = state->model.proto().graph();
    std::set<std::string> initializers;
    for (const pb::TensorProto &tensor : graph.initializer())
      initializers.insert(tensor.name());
    std::vector<InputInfo> inputs;
    for (const pb::ValueInfoProto &value : graph.input()) {
      if (initializers.count(value.name()))
        continue;
      InputInfo info;
      info.name = value.name();
      if (!value.type().has_tensor_type() || !value.type().tensor_type().has_shape())
        reject("expected input '", info.name, "' to be a tensor of known rank");
      info.dtype = state->model.elementType(value.type().tensor_type().elem_type());
      for (const auto &dim : value.type().tensor_type().shape().dim()) {
        InputDim read;
        if (dim.has_dim_value() && dim.dim_value() >= 0)
          read.size = dim.dim_value();
        else if (dim.has_dim_param() && !dim.dim_param().empty())
          read.symbol = dim.dim_param();
        else
          read.symbol = concat(info.name, ':', info.dims.size());
        info.dims.push_back(std::move(read));
      }
      inputs.push_back(std::move(info));
    }
    return inputs;
  });
}

std::vector<std::string> ModelFile::outputNames() const {
  std::vector<std::string> names;
  for (const auto &output : state->model.proto().graph().output())
    names.push_back(output.name());
  return names;
}

} // namespace aimc::onnx
