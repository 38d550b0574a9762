//===- Mlir.cpp - modules as text -----------------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Modules.h"

#include "aimc/Analysis/MlirText.h"

using namespace aimc::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static MemoryFile memory("module");
  mlir::MLIRContext &ctx = context();
  Diagnostics diagnostics(ctx);
  auto module = mlir::aimc::parseMlirFile(memory.hold(textOf(data, size)), &ctx);
  require(module || diagnostics.anyError(), "expected a module or an error");
  return 0;
}
