//===- Package.h - an opened and checked package ----------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/exec/Library.h"
#include "aimc/exec/Manifest.h"
#include "aimc/exec/Safetensors.h"
#include "aimc/exec/abi.h"

#include <memory>
#include <string>
#include <vector>

namespace aimc::exec {

/// What aimc-compile wrote, mapped and loaded. Immutable; sessions share it. Each file is opened
/// once, in the folder that the path named at the beginning: what is checked is what is used, and
/// what happens to the path or to model.so afterwards does not matter.
class Package {
public:
  struct Options {
    bool verifyHashes = true;
  };
  static Result<std::shared_ptr<const Package>> open(const std::string &path,
                                                     const Options &options);
  Package(const Package &) = delete;
  Package &operator=(const Package &) = delete;

  const Manifest &manifest() const { return description; }
  const std::string &manifestText() const { return text; }
  /// What is to be said of its permissions; empty: nothing.
  std::string exposure() const;
  const Safetensors &weights() const { return *tensors; }
  aimc_entry_fn entry(size_t index) const { return entries[index]; }
  /// As frame->constants wants them: manifest order, aligned to 64 bytes.
  const std::vector<const void *> &constants() const { return constantPointers; }

private:
  Package() = default;
  static Result<std::shared_ptr<const Package>>
  openFolder(const Descriptor &folder, const std::string &path, const Options &options);
  Result<void> readManifest(const Descriptor &folder, const Options &options);
  Result<void> checkFiles(const Descriptor &folder, const Options &options);
  Result<void> checkProcessor() const;
  Result<void> checkWeights();
  Result<void> checkCalibration(const Weight &weight) const;
  Result<const StoredTensor *> floats(const std::string &name,
                                      const std::vector<int64_t> &shape) const;
  Result<void> load();
  Result<void> checkSignature(const std::string &path) const;
  std::string pathOf(const std::string &file) const { return root + "/" + file; }

  std::string root, text;
  bool exposed = false; ///< others may write to a file or to the folder
  Manifest description;
  std::unique_ptr<Safetensors> tensors;
  std::vector<const void *> constantPointers;
  std::vector<std::shared_ptr<void>> alignedCopies;
  std::shared_ptr<const MappedFile> code;
  std::unique_ptr<Library> library;
  std::vector<aimc_entry_fn> entries;
};

} // namespace aimc::exec
