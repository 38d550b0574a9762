//===- Report.h - what aimc-run prints --------------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include "Npz.h"

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace aimc::run {

/// A line on a terminal that says what takes time now; nothing in a pipe.
class Progress {
public:
  Progress();
  ~Progress();
  void say(const std::string &text);

private:
  bool terminal;
};

/// {"median_s", "min_s", "max_s", "runs"}.
nlohmann::json latency(std::vector<double> seconds);

/// Per output: largest absolute difference and signal-to-noise in dB against the ideal run.
nlohmann::json compareOutputs(const std::vector<Array> &analog, const std::vector<Array> &ideal);

/// Warnings of the session, one line each on standard error.
void printWarnings(const nlohmann::json &statistics);

/// The summary on standard output.
void printSummary(const nlohmann::json &statistics);

} // namespace aimc::run
