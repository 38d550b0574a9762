//===- OutputFiles.h - files that appear together or not at all -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Everything that can fail has happened when the first of them takes its place.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Support.h"

#include "aimc/files/FileWriter.h"

namespace aimc::onnx {

class OutputFiles {
public:
  /// All files go to the folder of `modelPath`.
  explicit OutputFiles(const std::string &modelPath);

  /// An open descriptor of a new file that will be called `name`; throws Rejected.
  int create(const std::string &name);
  /// Write all of `size` bytes at `offset` of `fd`; throws Rejected.
  static void write(int fd, const void *data, size_t size, uint64_t offset);
  /// Give the files their names, in the order of their creation: the last one names the others.
  void commit();

private:
  /// Throws a writer's error; the model's own path stands in front of every message already.
  [[noreturn]] void refuse(const std::string &error) const;
  std::string model, folder;
  std::vector<files::FileWriter> writers;
};

} // namespace aimc::onnx
