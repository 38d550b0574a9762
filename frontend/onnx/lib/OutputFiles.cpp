//===- OutputFiles.cpp - files that appear together or not at all ---------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The rename is the last step of each file; before it everything that can fail has happened.
//
//===----------------------------------------------------------------------===//
#include "OutputFiles.h"
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace aimc::onnx {

OutputFiles::OutputFiles(const std::string &modelPath) {
  size_t slash = modelPath.rfind('/');
  folder = slash == std::string::npos ? "" : modelPath.substr(0, slash + 1);
}

OutputFiles::~OutputFiles() {
  for (const File &file : files) {
    if (file.fd >= 0)
      ::close(file.fd);
    if (!file.temporary.empty())
      ::unlink(file.temporary.c_str());
  }
}

int OutputFiles::create(const std::string &name) {
  std::string path = folder + name;
  struct stat info = {};
  if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode))
    reject("cannot write '", path, "': expected a regular file in its place");
  std::string temporary = concat(path, ".tmp", ::getpid());
  int fd = ::open(temporary.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (fd < 0)
    reject("cannot write '", path, "': ", std::strerror(errno));
  files.push_back({fd, temporary, path});
  return fd;
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
  for (File &file : files) {
    int synced = ::fsync(file.fd), closed = ::close(file.fd);
    file.fd = -1;
    if (synced != 0 || closed != 0)
      reject("cannot write '", file.name, "': ", std::strerror(errno));
  }
  for (File &file : files) {
    if (std::rename(file.temporary.c_str(), file.name.c_str()) != 0)
      reject("cannot write '", file.name, "': ", std::strerror(errno));
    file.temporary.clear();
  }
}

} // namespace aimc::onnx
