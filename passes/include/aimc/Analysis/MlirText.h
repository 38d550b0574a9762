//===- MlirText.h - MLIR from files that nobody vouches for -----*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace mlir::aimc {

/// MLIR's parser behind a bound on how deep a text nests: the parser calls itself for each level.
/// Null after a diagnostic.
OwningOpRef<ModuleOp> parseMlirFile(llvm::StringRef path, MLIRContext *context);

} // namespace mlir::aimc
