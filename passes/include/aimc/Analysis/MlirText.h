//===- MlirText.h - MLIR from files that nobody vouches for -----*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <optional>
#include <string>

namespace mlir::aimc {

/// What is wrong with a text that nests so deep that MLIR's parser, which calls itself for each
/// level, could use up the stack; without the file's name. Nothing of bytecode.
std::optional<std::string> mlirTooDeep(llvm::StringRef text);

/// MLIR's parser behind that bound. Null after a diagnostic.
OwningOpRef<ModuleOp> parseMlirFile(llvm::StringRef path, MLIRContext *context);

} // namespace mlir::aimc
