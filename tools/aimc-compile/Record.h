//===- Record.h - a run of the compiled model that is watched ---*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Calibration runs the model itself, through the runtime's C API, from a package in a temporary
// folder. The folder goes when it is no longer needed, when an error ends the program, and when a
// signal does; what a kill leaves goes with the next run.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/files/Leftovers.h"
#include "aimc/model/WithoutEffect.h"

#include <functional>
#include <string>
#include <tl/expected.hpp>

namespace aimc::compile {

/// A folder for one package and one statistics file.
class TemporaryFolder {
public:
  /// Beside `path`, or in the system's folder for temporary files where `path` is empty.
  static tl::expected<TemporaryFolder, std::string> create(const std::string &path);

  std::string package() const { return folder.name() + "/model.aimc"; }
  std::string statistics() const { return folder.name() + "/statistics.safetensors"; }

private:
  explicit TemporaryFolder(files::TemporaryFolder folder) : folder(std::move(folder)) {}
  files::TemporaryFolder folder;
};

/// Runs every sample of the .npz file `data` through the package, tiles being read beside exact
/// products, and writes what was seen to `statistics`. `progress` is told which batch is next.
tl::expected<void, std::string>
recordRun(const std::string &package, const std::string &data, const std::string &statistics,
          const std::function<void(int64_t batch, int64_t batches)> &progress);

/// Whether the file holds what such a run has seen (docs/Contracts.md section 7), as `aimc-run
/// --record` writes it, and not data to run on.
bool isRecord(const std::string &path);

/// What the runtime says about a target that is given as in a manifest: mistakes, or what options
/// can do on it.
tl::expected<model::InForce, std::string> checkTarget(const std::string &targetJson);

} // namespace aimc::compile
