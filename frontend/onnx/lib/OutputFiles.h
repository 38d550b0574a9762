//===- OutputFiles.h - files that appear together or not at all -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Files are written under temporary names beside their places and renamed when all of them are on
// disk. What is left behind by an error is removed.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Support.h"

namespace aimc::onnx {

class OutputFiles {
public:
  /// All files go to the folder of `modelPath`.
  explicit OutputFiles(const std::string &modelPath);
  ~OutputFiles();
  OutputFiles(const OutputFiles &) = delete;
  OutputFiles &operator=(const OutputFiles &) = delete;

  /// An open descriptor of a new file that will be called `name`; throws Rejected.
  int create(const std::string &name);
  /// Write all of `size` bytes at `offset` of `fd`; throws Rejected.
  static void write(int fd, const void *data, size_t size, uint64_t offset);
  /// Give the files their names, in the order of their creation.
  void commit();

private:
  struct File {
    int fd;
    std::string temporary, name;
  };
  std::string folder;
  std::vector<File> files;
};

} // namespace aimc::onnx
