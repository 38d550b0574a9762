//===- Commands.h - what aimc-chip does -------------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/exec/ChipFile.h"
#include "aimc/exec/Package.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace aimc::chip {

using exec::Result;

struct Arguments {
  std::string command; ///< program, age, compare, info or dump-map
  std::string package, chip, other, output, weight;
  nlohmann::json session = nlohmann::json::object(); ///< options of the chip's session
  std::optional<double> time, otherTime;
  bool json = false;
};

/// Reads the command line; the exit code to end with at once, or nothing.
std::optional<int> parseArguments(int argc, char **argv, Arguments &arguments);

/// A line on standard error.
void warn(const std::string &line);
/// What a command reads, with a warning where others may change it.
Result<std::shared_ptr<const exec::Package>> openPackage(const std::string &path);
Result<std::shared_ptr<const exec::ChipFile>> openChip(const std::string &path);

Result<void> program(const Arguments &arguments);
Result<void> age(const Arguments &arguments);
Result<void> info(const Arguments &arguments);
Result<void> compare(const Arguments &arguments);
Result<void> dumpMap(const Arguments &arguments);

} // namespace aimc::chip
