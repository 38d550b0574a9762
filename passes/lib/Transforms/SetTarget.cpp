//===- SetTarget.cpp - put a tile description into the module -------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Inserts the aimc.target of a preset or a file, so that aimc-opt and mlir-opt can map a module
// that came from a front end which knows nothing about tiles.
//
//===----------------------------------------------------------------------===//
#include "aimc/Transforms/Passes.h"
#include "aimc/Transforms/Targets.h"

namespace mlir::aimc {
#define GEN_PASS_DEF_SETTARGET
#include "aimc/Transforms/Passes.h.inc"
} // namespace mlir::aimc

using namespace mlir;
using namespace mlir::aimc;

namespace {
struct SetTargetPass : aimc::impl::SetTargetBase<SetTargetPass> {
  using Base::Base;
  void runOnOperation() override {
    FailureOr<TargetOp> inserted = insertTarget(getOperation(), target, targetsDir);
    if (failed(inserted) || (!device.empty() && failed(replaceDevice(*inserted, device))) ||
        (!fidelity.empty() && failed(replaceFidelity(*inserted, fidelity))))
      signalPassFailure();
  }
};
} // namespace
