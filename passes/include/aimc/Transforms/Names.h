//===- Names.h - symbol names from layer names ------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Symbols carry the layer names of the model, so that a tile table can be read beside it.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/Location.h"

#include <string>

namespace mlir::aimc {

/// The name of the outermost NameLoc in `loc`, sanitised; empty where there is none.
std::string symbolNameOf(Location loc);

/// Keeps letters, digits, '_', '.', '$' and '-'; every other run becomes one '_', dropped at both
/// ends; a leading digit gets a '_'. Such a name prints without quotes.
std::string sanitizeSymbolName(llvm::StringRef name);

} // namespace mlir::aimc
