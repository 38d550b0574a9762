//===- JsonText.h - JSON from texts that nobody vouches for -----*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include "llvm/Support/JSON.h"

namespace mlir::aimc {

/// LLVM's parser behind the bound on depth that all readers share (aimc/files/JsonDepth.h): the
/// parser itself calls itself for each level of the text.
llvm::Expected<llvm::json::Value> parseJsonText(llvm::StringRef text);

} // namespace mlir::aimc
