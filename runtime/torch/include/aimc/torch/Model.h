//===- Model.h - an ONNX model whose weights are trained --------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The weights of a file as tensors, and executors for each batch size, which share them. A matrix
// that the file holds several times (exporters store a shared weight once for each use, and a tied
// one also transposed) is one weight.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/onnx/ModelFile.h"
#include "aimc/torch/Execute.h"

namespace aimc::train {

/// Examples on axis 0 of every array.
struct Dataset {
  std::string name; ///< for messages
  std::map<std::string, at::Tensor> inputs;
  at::Tensor labels; ///< undefined where the loss needs none
  int64_t size = 0;
};

/// A type as NumPy calls it, for messages.
const char *numpyName(at::ScalarType type);

struct Weight {
  std::vector<std::string> names;  ///< initializers that hold it; the first is its name
  std::vector<bool> transposed;    ///< by name: whether it holds the transpose
  std::vector<std::string> layers; ///< that use it
  at::Tensor tensor;               ///< a leaf, shaped as the first initializer
  bool trained = true;
};

class Model {
public:
  static Result<Model> open(const std::string &path);

  onnx::ModelFile &file() { return model; }
  const std::string &pathOf() const { return path; }

  /// Bind the model's dimensions to what `data` holds, for batches of `batch`; find the weights.
  Result<> prepare(const Dataset &data, int64_t batch, bool untie);

  /// Batch size that the file fixes, or 0.
  int64_t fixedBatch() const { return staticBatch; }
  /// Whether `data` fits the dimensions that were bound.
  Result<> accepts(const Dataset &data) const;

  const Executor &firstExecutor() const { return executors.at(bound); }
  /// The executor for batches of this size.
  Result<const Executor *> executor(int64_t batch);
  /// `data`'s examples `indices` as operands of an executor.
  std::vector<at::Tensor> operands(const Dataset &data, const at::Tensor &indices) const;

  std::vector<Weight> &weights() { return all; }
  const std::vector<Weight> &weights() const { return all; }
  /// The weights under the names of the file.
  Parameters parameters() const;

  /// Only weights whose name or layer matches one of `patterns` are trained, less those that match
  /// `frozen`. Patterns are those of a shell; one that matches nothing is an error.
  Result<> select(const std::vector<std::string> &patterns, const std::vector<std::string> &frozen);

  /// Position of the output called `name`; where that is "", of the one output that looks like a
  /// result: called "logits", or the only one.
  Result<size_t> output(const std::string &name) const;
  std::string outputNameOf(size_t i) const { return model.outputNames()[i]; }
  /// Shape of output `i` for one executor's batch.
  std::vector<int64_t> outputShape(size_t i) const;

  /// Write the file with the weights as they are.
  Result<> write(const std::string &path) const;

private:
  explicit Model(onnx::ModelFile file, std::string path)
      : model(std::move(file)), path(std::move(path)) {}
  void findWeights(const Executor &executor, bool untie);

  onnx::ModelFile model;
  std::string path;
  std::vector<onnx::InputInfo> inputs;
  std::map<std::string, int64_t, std::less<>> dims; ///< without the batch
  std::set<std::string> batchSymbols;
  int64_t staticBatch = 0, bound = 0;
  std::map<int64_t, Executor> executors;
  std::vector<Weight> all;
};

} // namespace aimc::train
