//===- ExternalFiles.h - weights beside the model ---------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Maps the files that a model names as the place of its weights. The names come from the model, so
// each step of the path is opened on its own and nothing outside the model's folder is reachable.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>

namespace aimc::onnx {

/// A file mapped read-only for as long as anyone holds it.
struct MappedFile {
  const std::byte *data = nullptr;
  size_t size = 0;
  MappedFile() = default;
  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;
  ~MappedFile();
};

class ExternalFiles {
public:
  explicit ExternalFiles(const std::string &modelPath);

  /// The file at `location` inside the model's folder; throws Rejected.
  std::shared_ptr<const MappedFile> open(const std::string &location);

private:
  std::string folder;
  std::map<std::string, std::shared_ptr<const MappedFile>> opened;
};

} // namespace aimc::onnx
