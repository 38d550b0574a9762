//===- Mapping.h - a tiled module as JSON -----------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Targets, weights and blocks in the words of docs/Contracts.md section 4. Packages and noise specs
// both hold what is said here, so that a model is trained on the tiles that it runs on.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/Description/TensorTable.h"
#include "aimc/IR/AIMC.h"
#include "mlir/IR/BuiltinOps.h"

namespace mlir::aimc {

struct Mapping {
  llvm::json::Object targets;
  llvm::json::Array weights;
  llvm::DenseMap<StringAttr, int64_t> weightIndex; ///< positions in `weights`
  TensorTable tensors;                             ///< scales, activities, values
};

/// `withValues`: the weights' elements are among the tensors, and finite.
llvm::Expected<Mapping> describeMapping(ModuleOp tiled, bool withValues);

/// The target as a manifest describes it: one JSON object on one line.
std::string targetText(TargetOp target);

/// The name of the layer that a location carries; "" where it carries none.
llvm::StringRef layerOf(Location location);

} // namespace mlir::aimc
