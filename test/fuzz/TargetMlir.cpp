//===- TargetMlir.cpp - targets as .mlir files ----------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Modules.h"

#include "aimc/Transforms/Targets.h"

#include "mlir/IR/Verifier.h"

using namespace mlir;
using namespace ::aimc::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static MemoryFile memory("target");
  MLIRContext &ctx = context();
  Diagnostics diagnostics(ctx);
  OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(&ctx));
  auto target = mlir::aimc::insertTarget(*module, memory.hold(textOf(data, size)));
  require(succeeded(target) || diagnostics.anyError(), "expected a target or an error");
  if (failed(target))
    return 0;
  require(succeeded(verify(*module)), "expected a target that its verifier takes");
  requireRoundTrip(*module);
  return 0;
}
