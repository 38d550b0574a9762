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

/// Finds the file of a preset ("pcm"), in `folder` (may be empty) and where the runtime looks
/// (aimc/exec/Presets.h), or checks that a path exists. Fails with a diagnostic at `loc` that lists
/// the presets, those of a like name first.
FailureOr<std::string> findTargetFile(llvm::StringRef nameOrPath, llvm::StringRef folder,
                                      Location loc);

/// Reads and verifies the file and inserts its one aimc.target at the top of `module`, with its
/// device table read; a target of the same name and content is kept. Diagnostics name the file.
FailureOr<TargetOp> insertTarget(ModuleOp module, llvm::StringRef nameOrPath,
                                 llvm::StringRef folder = {});

/// Makes a target complete for who reads it: the device table that its device names as a file is
/// read (relative to the file that the target was written in), and what the device's model does not
/// cover is warned about.
LogicalResult completeTarget(TargetOp target);

/// Replaces the device of `target` by the one of a device table (docs/Devices.md), whose
/// conductance window is the table's or, where that has none, the default target's, as for every
/// reader.
LogicalResult replaceDevice(TargetOp target, llvm::StringRef path);

/// Replaces the fidelity of reads with open idle rows: `exact`, `segments` or `one_product`.
LogicalResult replaceFidelity(TargetOp target, llvm::StringRef fidelity);

} // namespace mlir::aimc
