//===- JsonText.cpp - JSON from texts that nobody vouches for -------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/Analysis/JsonText.h"

#include "aimc/files/JsonDepth.h"

llvm::Expected<llvm::json::Value> mlir::aimc::parseJsonText(llvm::StringRef text) {
  if (auto problem = ::aimc::files::tooDeep({text.data(), text.size()}))
    return llvm::createStringError(llvm::inconvertibleErrorCode(), *problem);
  return llvm::json::parse(text);
}
