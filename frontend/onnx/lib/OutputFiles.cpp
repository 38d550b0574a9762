//===- OutputFiles.cpp - files that appear together or not at all ---------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "OutputFiles.h"
#include <cerrno>
#include <cstring>
#include <unistd.h>

namespace aimc::onnx {

OutputFiles::OutputFiles(const std::string &modelPath) : model(modelPath) {
  size_t slash = modelPath.rfind('/');
  folder = slash == std::string::npos ? "" : modelPath.substr(0, slash + 1);
}

void OutputFiles::refuse(const std::string &error) const {
  const std::string own = model + ": ";
  reject(error.compare(0, own.size(), own) == 0 ? error.substr(own.size()) : error);
}

int OutputFiles::create(const std::string &name) {
  auto writer = files::FileWriter::create(folder + name);
  if (!writer)
    refuse(writer.error());
  writers.push_back(std::move(*writer));
  return writers.back().descriptor();
}

void OutputFiles::write(int fd, const void *data, size_t size, uint64_t offset) {
  const char *bytes = static_cast<const char *>(data);
  while (size > 0) {
    ssize_t done = ::pwrite(fd, bytes, size, static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR)
      continue;
    if (done <= 0)
      reject("cannot write ", size, " bytes: ", std::strerror(done < 0 ? errno : ENOSPC));
    bytes += done;
    size -= static_cast<size_t>(done);
    offset += static_cast<uint64_t>(done);
  }
}

void OutputFiles::commit() {
  std::vector<files::FileWriter *> all;
  for (files::FileWriter &writer : writers)
    all.push_back(&writer);
  if (auto done = files::commitTogether(all); !done)
    refuse(done.error());
}

} // namespace aimc::onnx
