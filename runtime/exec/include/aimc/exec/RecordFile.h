//===- RecordFile.h - calibration statistics as a file ----------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/exec/Manifest.h"
#include "aimc/exec/Recording.h"

#include <string>

namespace aimc::exec {

/// Writes what a session has recorded (docs/Contracts.md 7); the file appears whole or not at all.
/// Grids that were never called, and what only they use, are left out.
Result<void> saveRecord(const std::string &path, const Manifest &manifest,
                        const Recording &recording);

} // namespace aimc::exec
