//===- MappedFile.cpp - read-only memory map of a regular file ------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/exec/MappedFile.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace aimc::exec {

namespace {
struct Descriptor {
  int fd = -1;
  ~Descriptor() {
    if (fd >= 0)
      ::close(fd);
  }
};

tl::unexpected<Error> systemError(const std::string &path, const char *action) {
  return fail(AIMC_BAD_PACKAGE, path + ": cannot " + action + ": " + std::strerror(errno));
}
} // namespace

Result<std::shared_ptr<const MappedFile>> MappedFile::open(const std::string &path) {
  // O_NONBLOCK: a FIFO in the place of a file must not block the process.
  Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.fd < 0)
    return systemError(path, "open");
  struct stat info {};
  if (::fstat(file.fd, &info) != 0)
    return systemError(path, "read the size of");
  if (!S_ISREG(info.st_mode))
    return fail(AIMC_BAD_PACKAGE, path + ": expected a regular file");
  std::shared_ptr<MappedFile> map(new MappedFile);
  map->length = static_cast<size_t>(info.st_size);
  if (map->length != 0) {
    void *base = ::mmap(nullptr, map->length, PROT_READ, MAP_PRIVATE, file.fd, 0);
    if (base == MAP_FAILED) {
      map->length = 0;
      return systemError(path, "map");
    }
    map->base = static_cast<const std::byte *>(base);
  }
  return map;
}

MappedFile::~MappedFile() {
  if (base)
    ::munmap(const_cast<std::byte *>(base), length);
}

} // namespace aimc::exec
