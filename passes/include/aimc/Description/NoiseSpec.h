//===- NoiseSpec.h - what training reads of a mapped model ------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"

namespace mlir::aimc {

/// Writes the noise spec (docs/Contracts.md section 10) of a module whose products on tiles are
/// grids of placed tiles. Its tensors go into the file of the same name that ends with
/// .safetensors. Each file appears whole or not at all.
llvm::Error writeNoiseSpec(ModuleOp tiled, llvm::StringRef path);

} // namespace mlir::aimc
