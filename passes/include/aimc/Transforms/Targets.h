//===- Targets.h - tile descriptions from files -----------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A target is MLIR text: a preset of the installed `targets/` folder or a file of the user's. The
// drivers and the passes find and check it here.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/IR/AIMC.h"

#include "mlir/IR/BuiltinOps.h"

#include <string>

namespace mlir::aimc {

/// Finds the file of a preset ("pcm") or checks that a path exists. Looks in `folder` (may be
/// empty), in $AIMC_TARGETS_DIR, in the installed folder, then in the source tree's. Fails with a
/// diagnostic at `loc` that lists the folders.
FailureOr<std::string> findTargetFile(llvm::StringRef nameOrPath, llvm::StringRef folder,
                                      Location loc);

/// Reads and verifies the file and inserts its one aimc.target at the top of `module`; a target of
/// the same name and content is kept. Diagnostics name the file.
FailureOr<TargetOp> insertTarget(ModuleOp module, llvm::StringRef nameOrPath,
                                 llvm::StringRef folder = {});

} // namespace mlir::aimc
