//===- Destination.h - where may be written ---------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/files/Result.h"

#include <string>
#include <vector>

namespace aimc::files {

/// Refuses to write through a link: who may put one there would choose what is overwritten. A link
/// to a device or a pipe (/dev/stdout) is none of that.
Result<void> checkDestination(const std::string &path);

/// Refuses that a program overwrites what it reads: an output that is an input, under whatever
/// name, or lies in a folder that is one, and outputs of one name. Empty paths are none; what is no
/// file (/dev/null) may be both.
Result<void> checkOutputs(const std::vector<std::string> &outputs,
                          const std::vector<std::string> &inputs);

} // namespace aimc::files
