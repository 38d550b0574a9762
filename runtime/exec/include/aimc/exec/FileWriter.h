//===- FileWriter.h - files that appear whole or not at all -----*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Data goes to a nameless or temporary file beside the target, which takes the target's place once
// everything is safely on disk. A failure leaves what was there before. The library installs no
// signal handlers: where the file system knows nameless files an interrupted process leaves
// nothing behind.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/exec/Error.h"

#include <cstddef>
#include <cstdint>
#include <string>

namespace aimc::exec {

class FileWriter {
public:
  static Result<FileWriter> create(const std::string &path);
  FileWriter(FileWriter &&other) noexcept;
  FileWriter &operator=(FileWriter &&) = delete;
  ~FileWriter();

  Result<void> write(const void *data, size_t size);
  /// Over what was written before.
  Result<void> overwrite(uint64_t at, const void *data, size_t size);
  /// Puts the file in its place; nothing can be written afterwards.
  Result<void> commit();

private:
  FileWriter(std::string path, int file, std::string temporary)
      : path(std::move(path)), file(file), temporary(std::move(temporary)) {}
  tl::unexpected<Error> failure(int code) const;

  std::string path;
  int file = -1;
  std::string temporary; ///< empty: nameless
};

} // namespace aimc::exec
