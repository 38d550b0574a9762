//===- Execute.h - an ONNX graph on LibTorch --------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Runs a typed graph on tensors of LibTorch, with autograd from the outputs to the parameters,
// which are the initializers of the file by name. A product with a constant matrix is a site: it
// is plain by default and becomes analog by giving it a layer.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/onnx/Graph.h"

#include <ATen/core/Tensor.h>
#include <functional>
#include <set>

namespace aimc::train {

/// Trained tensors by initializer name, as the file shapes them. Shared by all executors of a
/// model.
using Parameters = std::map<std::string, at::Tensor, std::less<>>;

/// What is wrong, as one line.
using onnx::Error;
template <class T = void> using Result = tl::expected<T, Error>;

/// LibTorch's name of an element type.
at::ScalarType scalarType(onnx::DType dtype);

/// One product with a constant matrix. A weight that is used several times has several sites.
struct LinearSite {
  size_t node = 0;         ///< position in the graph
  std::string layer;       ///< "encoder.layer.0.attention.self.query"
  std::string initializer; ///< "" for a matrix that is no initializer
  bool transposed = false; ///< the file stores [cols, rows]
  int64_t rows = 0, cols = 0;
};

/// What computes a site's product.
class LinearLayer {
public:
  virtual ~LinearLayer() = default;
  /// [n, cols] from `x` [n, rows] and `weight` as the file stores it.
  virtual at::Tensor forward(const at::Tensor &x, const at::Tensor &weight) = 0;
};

/// Layers by position of their node; sites without one are plain products.
using Layers = std::map<size_t, std::shared_ptr<LinearLayer>>;

/// Sees the operands and results of each node as it has run.
using Observer = std::function<void(const onnx::Node &, const std::vector<at::Tensor> &inputs,
                                    const std::vector<at::Tensor> &outputs)>;

class Executor {
public:
  /// Checks that every operator is known. The graph should be read with keepParameters.
  static Result<Executor> create(std::shared_ptr<const onnx::Graph> graph);

  const onnx::Graph &graph() const { return *state; }
  const std::vector<LinearSite> &sites() const { return linear; }
  /// Float initializers of rank 1 and more that the graph uses, with their values in the file.
  Parameters parameters() const;

  /// The graph's outputs from its inputs, in the graph's order. Parameters that `parameters` does
  /// not hold have the file's values. Faults inside LibTorch come back as errors naming the node.
  Result<std::vector<at::Tensor>> run(const std::vector<at::Tensor> &inputs,
                                      const Parameters &parameters, const Layers &layers = {},
                                      const Observer &observer = {}) const;

private:
  void findSites();
  std::shared_ptr<const onnx::Graph> state;
  std::vector<LinearSite> linear;
  std::vector<at::Tensor> constants;      ///< by value; undefined for others
  std::vector<std::vector<int>> released; ///< by node: values that nothing uses after it
};

/// The operators that an executor runs, for documentation and tests.
std::set<std::string> executableOperators();

/// A tensor over `constant`'s bytes, which live as long as the tensor.
at::Tensor tensorOf(const onnx::Constant &constant);

} // namespace aimc::train
