//===- NotFinite.h - where numbers stop being finite ------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// An infinity is not a fault by itself: masks are made of it, and a softmax takes it away again. At
// fault is the node that makes NaN of numbers, or an infinity of finite ones, if what it makes
// reaches the output. python/aimc/torch/finite.py says the same of modules.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/torch/Execute.h"

namespace aimc::train {

/// Watches a run as its Observer and follows what is not finite from node to node.
class NotFinite {
public:
  void see(const onnx::Node &node, const std::vector<at::Tensor> &inputs,
           const std::vector<at::Tensor> &outputs);
  /// "layer 'encoder.0' (Softmax)": where the value `id` stopped being finite; "" where it did not.
  std::string originOf(onnx::ValueId id) const;
  /// The first fault of a run that came to no end.
  std::string first() const;

private:
  struct Origin {
    const onnx::Node *node = nullptr;
    bool given = false; ///< an infinity of a constant or an input, which may be a mask
    bool pole = false;  ///< a logarithm of zero, which may be one too
  };
  std::map<onnx::ValueId, Origin> origins; ///< of values that are not finite
  Origin fault;
};

} // namespace aimc::train
