//===- OutputFile.h - files that appear whole or not at all -----*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Regular files by aimc/files/FileWriter.h, anything else written as it is.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstddef>
#include <string>
#include <tl/expected.hpp>

namespace aimc::run {

/// Remove temporary files of this process when it is interrupted (SIGINT, SIGTERM, SIGHUP), then
/// let the signal end it as usual. A file-size limit becomes an error of the write that meets it.
void prepareSignals();

/// Replace or create `path` with `size` bytes.
tl::expected<void, std::string> writeWhole(const std::string &path, const void *data, size_t size);

/// Whether `path` could be written: its folder exists and takes new files. Asked before a long
/// run.
tl::expected<void, std::string> checkWritable(const std::string &path);

} // namespace aimc::run
