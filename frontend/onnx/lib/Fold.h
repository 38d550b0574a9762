//===- Fold.h - large constants, once somebody needs them -------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// What follows from constants alone becomes a constant: small things while the file is read
// (Walker::fold), large ones when the whole graph is known.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Draft.h"
#include "OpTable.h"
#include <functional>

namespace aimc::onnx {

/// Whether a trainer that changes parameters changes one of `results`.
bool dependsOnParameter(const std::vector<const Value *> &operands, const Types &results);

struct LateFoldOptions {
  bool keepParameters = false; ///< as in LoadOptions
  /// Gives up the bytes of a constant of the file, which nothing reads any more.
  std::function<void(const Constant &)> release;
};

/// Folds what nodes that run, and `outputs`, read of values that follow from constants alone. Nodes
/// stay in the draft; their results are constants where they are folded.
void foldLate(Draft &draft, const std::vector<ValueId> &outputs, const LateFoldOptions &options);

} // namespace aimc::onnx
