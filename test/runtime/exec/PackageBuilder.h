//===- PackageBuilder.h - packages made by tests ----------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/exec/runtime.h"

#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace aimc::test {

/// A folder that is removed at the end.
class TemporaryFolder {
public:
  TemporaryFolder();
  ~TemporaryFolder();
  const std::string path;
};

struct Matrix {
  int64_t rows = 0, cols = 0;
  std::vector<float> data; ///< row-major
  float at(int64_t i, int64_t j) const { return data[size_t(i * cols + j)]; }
};

/// Repeatable values in [-1, 1), different for each seed.
Matrix randomMatrix(int64_t rows, int64_t cols, uint32_t seed);

/// Default target; change what a test is about.
nlohmann::json pcmTarget(int64_t rows, int64_t cols);

/// Builds a package: weights cut into blocks of at most the tile's size, one tile each (or all
/// where `place` puts them), one grid over all weights unless `grids` is set.
class PackageBuilder {
public:
  nlohmann::json target = pcmTarget(64, 64);
  std::vector<std::string> names;
  std::vector<Matrix> weights;
  std::vector<bool> transposed;
  std::map<std::string, Matrix> tensors; ///< further F32 tensors; one row: of rank 1
  nlohmann::json grids;
  std::string model = TEST_MODEL;

  void add(const std::string &name, Matrix weight, bool isTransposed = false);
  /// The manifest without hashes; tests may change it before write().
  nlohmann::json manifest() const;
  /// Writes all files into `folder`; hashes are filled in.
  void write(const std::string &folder, nlohmann::json manifest) const;
  void write(const std::string &folder) const { write(folder, manifest()); }
};

/// Writes hashes and sizes of the files of `folder` into the manifest and the manifest itself.
void seal(const std::string &folder, nlohmann::json manifest);

std::string readFile(const std::string &path);
void writeFile(const std::string &path, const std::string &content);

/// Close through the C API.
struct Close {
  void operator()(aimc_package *p) const { aimc_package_close(p); }
  void operator()(aimc_session *s) const { aimc_session_destroy(s); }
  void operator()(char *text) const { aimc_text_free(text); }
};
using PackagePointer = std::unique_ptr<aimc_package, Close>;
using SessionPointer = std::unique_ptr<aimc_session, Close>;
using TextPointer = std::unique_ptr<char, Close>;

/// What the statistics say; a test failure and null where they are refused.
nlohmann::json statisticsOf(aimc_session *session);

/// Opens and programs; a test failure and null when that is refused.
SessionPointer openSession(const std::string &folder, const nlohmann::json &options);

/// Runs entry `symbol` (a grid entry) on x and returns one matrix per output.
std::vector<Matrix> runGrid(aimc_session *session, const std::string &folder,
                            const std::string &symbol, const Matrix &x);

} // namespace aimc::test
