//===- MappedFile.h - read-only memory map of a regular file ----*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Weights are mapped, never read into memory: two sessions of one package share the page cache,
// and a package of any size opens at once.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/exec/Error.h"

#include <cstddef>
#include <memory>
#include <string>

namespace aimc::exec {

class MappedFile {
public:
  /// Maps all of `path`. An empty file gives a map of size 0.
  static Result<std::shared_ptr<const MappedFile>> open(const std::string &path);
  ~MappedFile();
  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;

  const std::byte *data() const { return base; }
  size_t size() const { return length; }

private:
  MappedFile() = default;
  const std::byte *base = nullptr;
  size_t length = 0;
};

} // namespace aimc::exec
