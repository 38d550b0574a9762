//===- Library.h - native code in this process ------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The system's loader takes a file for one that it has loaded when the name is the same, or the
// inode, and it keeps every name that a file was ever opened under as long as the file is loaded.
// So each load here is of an inode of its own, under a name that no load had before.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/exec/MappedFile.h"

namespace aimc::exec {

class Library {
public:
  /// Loads `code`, which MappedFile::copyIn() made; messages call it `path`.
  static Result<std::unique_ptr<Library>> load(std::shared_ptr<const MappedFile> code,
                                               const std::string &path);
  ~Library();
  Library(const Library &) = delete;
  Library &operator=(const Library &) = delete;

  /// Null where there is no such symbol.
  void *symbol(const std::string &name) const;

private:
  Library(std::shared_ptr<const MappedFile> code, void *handle);
  std::shared_ptr<const MappedFile> code; ///< whoever looks at the name finds the file
  void *handle;
};

} // namespace aimc::exec
