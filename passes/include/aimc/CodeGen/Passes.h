//===- Passes.h - native code for what is not on tiles ----------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

namespace mlir::aimc {

#define GEN_PASS_DECL
#include "aimc/CodeGen/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "aimc/CodeGen/Passes.h.inc"

/// Discardable attributes by which the code generation passes talk to each other.
inline constexpr llvm::StringLiteral kKernelAttr = "aimc.kernel";
inline constexpr llvm::StringLiteral kTileSizesAttr = "aimc.tile_sizes";
inline constexpr llvm::StringLiteral kTilesAttr = "aimc.tiles";
inline constexpr llvm::StringLiteral kEntriesAttr = "aimc.entries";
inline constexpr llvm::StringLiteral kConstantsAttr = "aimc.constants";
inline constexpr llvm::StringLiteral kGridsAttr = "aimc.grids";
/// Name of a graph input or output on function arguments and results.
/// On a function without results: the checks that its argument must pass (docs/Contracts.md 1).
inline constexpr llvm::StringLiteral kIndexCheckAttr = "aimc.index_check";
inline constexpr llvm::StringLiteral kNameAttr = "aimc.name";

struct CodeGenOptions {
  int64_t vectorBits = 256; ///< width of a vector register of the target, in bits
};

/// Tiled IR to the LLVM dialect: prepare-digital, outline-kernels, lower-to-runtime, then the
/// kernels. Registered as `aimc-codegen`.
void buildDigitalPipeline(OpPassManager &pm);
void buildKernelPipeline(OpPassManager &pm, const CodeGenOptions &options);

/// Registers the code generation passes and the pipeline `aimc-codegen`.
void registerCodeGen();

} // namespace mlir::aimc
