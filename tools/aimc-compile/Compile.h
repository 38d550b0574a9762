//===- Compile.h - model file to package ------------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace aimc::compile {

enum class Emit { Package, Linalg, Tiled, Llvm };

struct Options {
  std::string model;
  std::string output;
  std::string target = "pcm";
  std::string mcpu = "native";
  std::string device;   ///< device table that replaces the target's device
  std::string fidelity; ///< replaces the target's
  std::string scale = "auto";
  std::string calibrate; ///< .npz with arrays named like the model's inputs
  std::string inputRange = "none";
  std::string compensate = "none";
  std::string emitNoise; ///< where the noise spec goes; empty: nowhere
  std::map<std::string, int64_t, std::less<>> dims;
  Emit emit = Emit::Package;
  bool specOnly = false; ///< the noise spec is all that is wanted
  int64_t tilesPerChip = 0;
  bool pack = true;
  bool requireAnalog = false;
  bool remarks = false;
  bool timing = false;
  bool debugIr = false; ///< print the module after a failed pass
};

/// Exit codes of every tool of the project.
enum ExitCode { kDone = 0, kBadInput = 1, kBadUsage = 2, kInternal = 70 };

/// Compiles; reports problems as one line on standard error and returns the exit code.
int run(const Options &options);

} // namespace aimc::compile
