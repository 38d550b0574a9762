//===- Draft.h - a graph while it is being built ----------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Nodes with what is known about their origin until layer names are settled.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Support.h"
#include <deque>

namespace aimc::onnx {

struct Row;

struct DraftNode {
  Node node;
  const Row *row = nullptr;              ///< of the operator table
  std::string scope;                     ///< module path from metadata, or ""
  std::vector<std::string> operandNames; ///< names of the inputs as the file spells them there
};

struct Draft {
  std::deque<Value> values; ///< a deque: references stay valid while it grows
  std::vector<DraftNode> nodes;
};

/// Give every node its layer name (see the README for the order of sources).
void nameLayers(Draft &draft);

} // namespace aimc::onnx
