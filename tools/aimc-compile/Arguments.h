//===- Arguments.h - command line of aimc-compile ---------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include "Compile.h"

#include <optional>

namespace aimc::compile {

/// Reads the command line; the exit code to end with at once (help: 0, wrong usage: 2), or nothing.
std::optional<int> parseArguments(int argc, char **argv, Options &options);

} // namespace aimc::compile
