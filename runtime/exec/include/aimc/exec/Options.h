//===- Options.h - what a session is asked to do ----------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/exec/Manifest.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace aimc::exec {

/// Parts of the model that a run may switch off, each alone.
struct Effects {
  bool programming = true, wire = true, dac = true, adc = true, readNoise = true;
};

/// The options object of aimc_session_create (runtime.h names keys and defaults), with overrides
/// already merged into a copy of every target.
struct Options {
  uint64_t seed = 0;
  int threads = 0;
  bool ideal = false;
  bool compareIdeal = false;
  std::optional<double> timeS;
  Effects effects;
  std::vector<Target> targets; ///< as Manifest::targets

  /// `text` may be null or empty: all defaults.
  static Result<Options> parse(const char *text, const Manifest &manifest);
};

} // namespace aimc::exec
