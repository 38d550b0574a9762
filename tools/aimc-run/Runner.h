//===- Runner.h - a package, its sessions, and arrays in and out -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include "Arguments.h"
#include "Npz.h"

#include "aimc/exec/runtime.h"

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <tl/expected.hpp>
#include <vector>

namespace aimc::run {

/// What ends the program: a line for the user and an exit code.
struct Failure {
  std::string message;
  int exitCode = 1;
};
template <class T> using Result = tl::expected<T, Failure>;

struct CloseHandle {
  void operator()(aimc_package *package) const { aimc_package_close(package); }
  void operator()(aimc_session *session) const { aimc_session_destroy(session); }
  void operator()(char *text) const { aimc_text_free(text); }
};
using TextHandle = std::unique_ptr<char, CloseHandle>;
using PackageHandle = std::unique_ptr<aimc_package, CloseHandle>;
using SessionHandle = std::unique_ptr<aimc_session, CloseHandle>;

/// A package with its manifest read.
struct Model {
  PackageHandle handle;
  nlohmann::json manifest;
};
Result<Model> openModel(const Arguments &arguments);

/// The entry named by --entry, or the one that fits names, types and shapes of `inputs`.
Result<int32_t> chooseEntry(const Model &model, const Arguments &arguments,
                            const std::vector<Array> &inputs);

/// "batch=8, seq=32".
std::string dimsText(const nlohmann::json &entry);

Result<SessionHandle> createSession(const Model &model, const nlohmann::json &options);

/// Arrays of the right size for an entry's outputs.
Result<std::vector<Array>> makeOutputs(const Model &model, int32_t entry);

/// One run; the time it took in seconds.
Result<double> runOnce(aimc_session *session, int32_t entry, std::vector<Array> &inputs,
                       std::vector<Array> &outputs);

Result<nlohmann::json> readStatistics(aimc_session *session);

} // namespace aimc::run
