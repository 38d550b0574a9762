//===- Presets.h - targets by name ------------------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A preset is a file NAME.mlir of one of a few folders. Every program that takes a target by name
// looks for it here, so that all of them find the same one.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/exec/Error.h"

#include <string>
#include <vector>

namespace aimc::exec {

/// Where presets are sought, in this order: `first` (may be empty), $AIMC_TARGETS_DIR,
/// ../share/aimc/targets of the library or program that holds this code and of the running program,
/// the source tree's.
std::vector<std::string> presetFolders(const std::string &first = {});

/// The path of a preset ("pcm") or of a file that is there. A name with a folder, or with one of
/// `extensions`, is a path. The message says which presets there are, those of a like name first.
Result<std::string> findTarget(const std::string &nameOrPath,
                               const std::vector<std::string> &extensions,
                               const std::string &first = {});

} // namespace aimc::exec
