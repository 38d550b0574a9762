//===- InitAll.h - everything a tool registers ------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// One list for all tools, so that no tool knows less than another. AIMC_HAS_PASSES is set by the
// build where passes/ is among the rooms; without it the tools know the dialect alone.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/IR/AIMC.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"

#ifdef AIMC_HAS_PASSES
#include "aimc/Pipelines/Pipelines.h"
#include "aimc/Transforms/Passes.h"
#endif
#ifdef AIMC_HAS_CODEGEN
#include "aimc/CodeGen/Passes.h"
#endif

namespace mlir::aimc {

inline void registerAllDialects(DialectRegistry &registry) {
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  registerAIMCDialect(registry);
}

inline void registerAllPasses() {
  mlir::registerAllPasses();
#ifdef AIMC_HAS_PASSES
  registerAIMCPasses();
  registerAIMCPipelines();
#endif
#ifdef AIMC_HAS_CODEGEN
  registerCodeGen();
#endif
}

} // namespace mlir::aimc
