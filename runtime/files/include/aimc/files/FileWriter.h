//===- FileWriter.h - files that appear whole or not at all -----*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Data goes to a nameless or temporary file beside the target, which takes the target's place once
// everything is safely on disk. A failure leaves what was there before. Where the file system knows
// nameless files a killed process leaves nothing behind; elsewhere, and between the file's getting
// a name and the target's, what it leaves is removed by the next writer (Leftovers.h).
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/files/Result.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace aimc::files {

class FileWriter {
public:
  /// Refuses what checkDestination() refuses (Destination.h).
  static Result<FileWriter> create(const std::string &path);
  FileWriter(FileWriter &&other) noexcept;
  FileWriter &operator=(FileWriter &&) = delete;
  ~FileWriter();

  Result<void> write(const void *data, size_t size);
  /// Anywhere, over what was written before or beyond it.
  Result<void> writeAt(uint64_t at, const void *data, size_t size);
  /// What was written before.
  Result<std::string> readAt(uint64_t at, size_t size) const;
  /// For libraries that write themselves.
  int descriptor() const { return file; }
  /// Puts the file in its place; nothing can be written afterwards.
  Result<void> commit();

private:
  friend Result<void> commitTogether(std::span<FileWriter *const>);
  FileWriter(std::string path, int file, std::string temporary)
      : path(std::move(path)), file(file), temporary(std::move(temporary)) {}
  tl::unexpected<std::string> failure(int code) const;
  Result<void> sync();
  /// Everything is on disk and has a temporary name; what is left is place().
  Result<void> prepare();
  Result<void> place();

  std::string path;
  int file = -1;
  std::string temporary; ///< empty: nameless
};

/// Puts files in their places that belong together, of which the last names the others. Everything
/// that can fail has happened before the first changes; meanwhile the last one's place is empty: a
/// kill leaves the old files, the new ones, or nothing that names any, but never some of each.
Result<void> commitTogether(std::span<FileWriter *const> writers);

} // namespace aimc::files
