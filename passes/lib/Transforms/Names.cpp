//===- Names.cpp - symbol names from layer names --------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Front ends write the layer as a NameLoc, alone or fused with file positions.
//
//===----------------------------------------------------------------------===//
#include "aimc/Transforms/Names.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlir::aimc;

std::string mlir::aimc::sanitizeSymbolName(StringRef name) {
  std::string result;
  bool gap = false;
  for (char c : name) {
    if (!llvm::isAlnum(c) && !StringRef("_.$-").contains(c)) {
      gap = true;
      continue;
    }
    if (gap && !result.empty())
      result += '_';
    gap = false;
    result += c;
  }
  if (!result.empty() && !llvm::isAlpha(result.front()) && result.front() != '_')
    result.insert(result.begin(), '_');
  return result;
}

std::string mlir::aimc::symbolNameOf(Location loc) {
  if (auto named = dyn_cast<NameLoc>(loc))
    return sanitizeSymbolName(named.getName());
  if (auto fused = dyn_cast<FusedLoc>(loc)) {
    for (Location part : fused.getLocations())
      if (std::string name = symbolNameOf(part); !name.empty())
        return name;
  }
  if (auto call = dyn_cast<CallSiteLoc>(loc))
    return symbolNameOf(call.getCallee());
  return {};
}
