//===- Remarks.h - one spelling for the remarks of the passes ---*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Numbers and declined rewrites are remarks of category "aimc" that are named after the pass;
// pass statistics print nothing in a release build of MLIR.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/Remarks.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

namespace mlir::aimc {

inline remark::RemarkOpts remarkOf(llvm::StringRef pass, Operation *op = nullptr) {
  remark::RemarkOpts opts = remark::RemarkOpts::name(pass).category("aimc");
  if (auto function = op ? op->getParentOfType<FunctionOpInterface>() : nullptr)
    return opts.function(function.getName());
  return opts;
}

} // namespace mlir::aimc
