//===- Passes.h - mapping passes of the aimc dialect ------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Constructors, option structs and registration of the passes that Passes.td describes.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

#include <memory>
#include <string>

namespace mlir::aimc {

#define GEN_PASS_DECL
#include "aimc/Transforms/Passes.h.inc"

/// Registers every pass of Passes.td with the global registry.
void registerAIMCPasses();

} // namespace mlir::aimc
