//===- AIMCPlugin.cpp - aimc inside a stock mlir-opt ------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// mlir-opt --load-dialect-plugin=libAIMCPlugin.so --load-pass-plugin=libAIMCPlugin.so
//
//===----------------------------------------------------------------------===//

#include "aimc/IR/AIMC.h"

#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "mlir/Tools/Plugins/PassPlugin.h"

#ifdef AIMC_HAS_PASSES
#include "aimc/Pipelines/Pipelines.h"
#include "aimc/Transforms/Passes.h"
#endif
#ifdef AIMC_HAS_CODEGEN
#include "aimc/CodeGen/Passes.h"
#endif

static constexpr const char *kName = "aimc";
static constexpr const char *kVersion = AIMC_VERSION;

extern "C" LLVM_ATTRIBUTE_WEAK ::mlir::DialectPluginLibraryInfo mlirGetDialectPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, kName, kVersion,
          [](mlir::DialectRegistry *registry) { mlir::aimc::registerAIMCDialect(*registry); }};
}

extern "C" LLVM_ATTRIBUTE_WEAK ::mlir::PassPluginLibraryInfo mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, kName, kVersion, []() {
#ifdef AIMC_HAS_PASSES
            mlir::aimc::registerAIMCPasses();
            mlir::aimc::registerAIMCPipelines();
#endif
#ifdef AIMC_HAS_CODEGEN
            mlir::aimc::registerCodeGen();
#endif
          }};
}
