//===- Arguments.h - command line of aimc-run -------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace aimc::run {

struct Arguments {
  std::string package, input, output, statsPath, entryDims;
  std::string saveChip, record; ///< files to write after the runs
  nlohmann::json session;       ///< options of aimc_session_create
  bool compareIdeal = false;
  bool verifyHashes = true;
  int repeat = 1;
};

/// Reads the command line; the exit code to end with at once (help: 0, wrong usage: 2, an
/// override file that cannot be read: 1), or nothing.
std::optional<int> parseArguments(int argc, char **argv, Arguments &arguments);

} // namespace aimc::run
