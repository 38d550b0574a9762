//===- ExportNoise.cpp - a mapped model for training -----------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Checks that every product on tiles is a grid, which is what a spec has entries for, and writes
// the spec (Description/NoiseSpec.h). Nothing in the module changes.
//
//===----------------------------------------------------------------------===//
#include "aimc/Description/NoiseSpec.h"
#include "aimc/IR/AIMC.h"
#include "aimc/Transforms/Passes.h"

namespace mlir::aimc {
#define GEN_PASS_DEF_EXPORTNOISE
#include "aimc/Transforms/Passes.h.inc"
} // namespace mlir::aimc

using namespace mlir;
using namespace mlir::aimc;

namespace {
struct ExportNoisePass : aimc::impl::ExportNoiseBase<ExportNoisePass> {
  using Base::Base;
  void runOnOperation() override;
};
} // namespace

void ExportNoisePass::runOnOperation() {
  ModuleOp module = getOperation();
  markAllAnalysesPreserved();
  if (output.empty()) {
    emitError(module.getLoc()) << "expected the option output to name a file, but got none";
    return signalPassFailure();
  }
  WalkResult grouped = module.walk([&](Operation *op) {
    if (!isa<LinearOp, MvmOp>(op) || SymbolTable::getNearestSymbolTable(op) != module)
      return WalkResult::advance();
    InFlightDiagnostic error = op->emitOpError("expected every product on tiles as aimc.grid");
    error.attachNote() << "is the contract of "
                       << (isa<MvmOp>(op) ? "aimc-group" : "aimc-partition");
    return WalkResult::interrupt();
  });
  if (grouped.wasInterrupted())
    return signalPassFailure();
  if (llvm::Error error = writeNoiseSpec(module, output)) {
    emitError(module.getLoc()) << llvm::toString(std::move(error));
    signalPassFailure();
  }
}
