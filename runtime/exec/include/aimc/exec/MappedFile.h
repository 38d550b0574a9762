//===- MappedFile.h - read-only bytes of a regular file ---------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Weights are mapped, never read into memory: two sessions of one package share the page cache,
// and a package of any size opens at once. What is small and must not change once it is checked is
// copied instead. Either way a file is opened once, and what is checked is what is used.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/exec/Error.h"

#include <cstddef>
#include <memory>
#include <string>

namespace aimc::exec {

/// A descriptor that is closed at the end; -1 for none.
class Descriptor {
public:
  explicit Descriptor(int fd = -1) : fd(fd) {}
  Descriptor(Descriptor &&other) noexcept : fd(other.fd) { other.fd = -1; }
  Descriptor &operator=(Descriptor &&other) noexcept;
  ~Descriptor();
  int get() const { return fd; }
  explicit operator bool() const { return fd >= 0; }

private:
  int fd;
};

class MappedFile {
public:
  /// Maps all of `path`. An empty file gives a map of size 0.
  static Result<std::shared_ptr<const MappedFile>> open(const std::string &path);
  /// The same for the file `name` in an open folder, not through a link out of it; messages call it
  /// `path`.
  static Result<std::shared_ptr<const MappedFile>>
  openIn(const Descriptor &folder, const std::string &name, const std::string &path);
  /// Its text as it is now.
  struct Text {
    std::string text;
    bool othersMayWrite;
  };
  static Result<Text> readIn(const Descriptor &folder, const std::string &name,
                             const std::string &path);
  /// Its bytes as they are now, in memory of this process that nothing changes afterwards; where
  /// the process may not write a file that large, the open file itself.
  static Result<std::shared_ptr<const MappedFile>>
  copyIn(const Descriptor &folder, const std::string &name, const std::string &path);
  ~MappedFile();
  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;

  const std::byte *data() const { return base; }
  size_t size() const { return length; }
  /// Whether others than its owner's group may write to the file, as it was opened.
  bool othersMayWrite() const { return exposed; }
  /// Of a copy: an inode of its own, open as long as this object lives.
  int descriptor() const { return file.get(); }

private:
  MappedFile() = default;
  Result<void> map(const Descriptor &from, size_t size, const std::string &path);

  const std::byte *base = nullptr;
  size_t length = 0;
  bool exposed = false;
  Descriptor file;
};

} // namespace aimc::exec
