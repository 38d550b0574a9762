//===- Registration.cpp - the passes by name ------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Keeps the generated registration code out of the header that every user includes.
//
//===----------------------------------------------------------------------===//
#include "aimc/Transforms/Passes.h"

#include "aimc/IR/AIMC.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::aimc {
namespace {
#define GEN_PASS_REGISTRATION
#include "aimc/Transforms/Passes.h.inc"
} // namespace
} // namespace mlir::aimc

void mlir::aimc::registerAIMCPasses() { registerAIMCTransformsPasses(); }
