//===- TargetFile.h - targets by name ---------------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/torch/Tiles.h"

namespace aimc::finetune {

/// A preset, a .mlir file with one aimc.target, or a .json file with a target as manifests have it.
/// `device`: the device file that replaces the target's device; "": none.
train::Result<train::TileTarget> loadTarget(const std::string &name,
                                            const std::string &device = "");

} // namespace aimc::finetune
