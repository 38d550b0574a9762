//===- ModelFile.h - a model that is read, tuned and written ----*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// What a trainer needs of an ONNX file: what its inputs look like, typed graphs for any sizes, and
// the same file again with new weights. A classifier can be appended before the first graph is
// made; from then on it is a part of the model like any other.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/onnx/Graph.h"
#include <span>

namespace aimc::onnx {

/// One dimension of an input: a size, or the text that the file has in its place.
struct InputDim {
  int64_t size = -1;  ///< -1: not fixed
  std::string symbol; ///< "batch", "2*seq", or "NAME:AXIS" where the file says nothing
};

struct InputInfo {
  std::string name;
  DType dtype = DType::F32;
  std::vector<InputDim> dims;
};

/// New elements of initializers, by name, in the file's order and shape.
using TunedWeights = std::map<std::string, std::span<const float>, std::less<>>;

/// A linear classifier over one output of the model. Its nodes and initializers are named
/// `name`.weight, `name`.bias and so on, and its result is the graph output `result`.
struct Classifier {
  enum class Pool { None, Mean, First };
  std::string name = "classifier";
  std::string result = "logits";
  std::string output; ///< [batch, hidden] for Pool::None, [batch, length, hidden] otherwise
  Pool pool = Pool::Mean;
  std::string mask;          ///< input [batch, length]: what counts for the mean; "" for everything
  int64_t classes = 0;       ///< rows of the weight
  std::vector<float> weight; ///< [classes, hidden]
  std::vector<float> bias;   ///< [classes]
};

class ModelFile {
public:
  static tl::expected<ModelFile, Error> open(const std::string &path);
  ModelFile(ModelFile &&) noexcept;
  ModelFile &operator=(ModelFile &&) noexcept;
  ~ModelFile();

  /// Run-time inputs; initializers that old files list as inputs are not among them.
  tl::expected<std::vector<InputInfo>, Error> inputs() const;
  std::vector<std::string> outputNames() const;
  /// Paths of the files beside the model that hold initializers of it.
  std::vector<std::string> externalFiles() const;

  /// The typed graph for the sizes in `options`. Its constants stay valid without this object.
  tl::expected<Graph, Error> graph(const LoadOptions &options) const;

  /// Add a classifier. Existing outputs stay.
  tl::expected<void, Error> append(const Classifier &classifier);

  /// Write the model with `weights` in place of the initializers of these names. Everything else
  /// stays: nodes, names, opsets, metadata, element types, and which tensors lie in which external
  /// file at which offset. External files are written beside `path` under its name. Everything
  /// appears at once or not at all; `path` may be the file that was read.
  tl::expected<void, Error> write(const std::string &path, const TunedWeights &weights) const;

private:
  friend tl::expected<Graph, Error> load(const std::string &path, const LoadOptions &options);
  struct State;
  explicit ModelFile(std::unique_ptr<State> state);
  std::unique_ptr<State> state;
};

} // namespace aimc::onnx
