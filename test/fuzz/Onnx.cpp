//===- Onnx.cpp - ONNX models ---------------------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Fuzz.h"

#include "aimc/onnx/ModelFile.h"

using namespace aimc::onnx;
using namespace aimc::fuzz;

namespace {
constexpr int64_t kSize = 2; ///< of every dimension that the model leaves open

/// Later stages index by what the graph says of itself.
void check(const Graph &graph) {
  const auto known = [&](ValueId id) {
    return id >= 0 && static_cast<size_t>(id) < graph.values.size();
  };
  for (const Value &value : graph.values)
    if (value.constant) {
      require(value.constant->type == value.type, "expected constants of their value's type");
      size_t sum = 0; // reads every byte, which the sanitizer watches
      for (size_t i = 0; i < value.constant->bytes(); ++i)
        sum += static_cast<size_t>(value.constant->data[i]);
      require(sum < SIZE_MAX, "expected bytes");
    }
  for (const Node &node : graph.nodes) {
    require(!node.layer.empty(), "expected a layer for every node");
    for (ValueId id : node.inputs)
      require(id == kAbsent || known(id), "expected known inputs");
    for (ValueId id : node.outputs)
      require(id == kAbsent || known(id), "expected known outputs");
  }
  for (ValueId id : graph.inputs)
    require(known(id), "expected known inputs of the graph");
  for (ValueId id : graph.outputs)
    require(known(id), "expected known outputs of the graph");
  require(graph.outputs.size() == graph.outputNames.size(), "expected a name for every output");
  for (const std::string &note : graph.notes)
    requireLine(note);
  dump(graph);
}
} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static MemoryFile memory("model");
  auto model = ModelFile::open(memory.hold(textOf(data, size)));
  if (!model) {
    requireLine(model.error().message);
    return 0;
  }
  model->outputNames();
  const auto inputs = model->inputs();
  if (!inputs) {
    requireLine(inputs.error().message);
    return 0;
  }
  LoadOptions options;
  for (const InputInfo &input : *inputs)
    for (const InputDim &dim : input.dims)
      if (!dim.symbol.empty())
        options.dims[dim.symbol] = kSize;
  for (bool keepParameters : {false, true}) {
    options.keepParameters = keepParameters;
    if (const auto graph = model->graph(options))
      check(*graph);
    else
      requireLine(graph.error().message);
  }
  return 0;
}
