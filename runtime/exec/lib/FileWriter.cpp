//===- FileWriter.cpp - files that appear whole or not at all -------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/exec/FileWriter.h"

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace aimc::exec {

namespace {
std::string folderOf(const std::string &path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

tl::unexpected<Error> cannotWrite(const std::string &path, int code) {
  return fail(AIMC_INVALID_ARGUMENT, path + ": cannot write: " + std::strerror(code));
}

/// A name beside `path` that nobody has.
int makeTemporary(const std::string &path, std::string &name) {
  name = path + ".XXXXXX";
  return ::mkostemp(name.data(), O_CLOEXEC);
}
} // namespace

tl::unexpected<Error> FileWriter::failure(int code) const { return cannotWrite(path, code); }

Result<FileWriter> FileWriter::create(const std::string &given) {
  if (given.empty())
    return fail(AIMC_INVALID_ARGUMENT, "expected the path of a file, but got an empty one");
  // A link stays a link: what it points to is replaced.
  char resolved[PATH_MAX];
  const std::string path = ::realpath(given.c_str(), resolved) ? resolved : given;
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode))
    return S_ISDIR(info.st_mode) ? cannotWrite(path, EISDIR)
                                 : fail(AIMC_INVALID_ARGUMENT, path + ": expected a regular file");
  std::string temporary;
  int file = ::open(folderOf(path).c_str(), O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
  if (file < 0)
    file = makeTemporary(path, temporary);
  if (file < 0)
    return cannotWrite(path, errno);
  return FileWriter(path, file, std::move(temporary));
}

FileWriter::FileWriter(FileWriter &&other) noexcept
    : path(std::move(other.path)), file(other.file), temporary(std::move(other.temporary)) {
  other.file = -1;
  other.temporary.clear();
}

FileWriter::~FileWriter() {
  if (file >= 0)
    ::close(file);
  if (!temporary.empty())
    ::unlink(temporary.c_str());
}

Result<void> FileWriter::write(const void *data, size_t size) {
  const char *at = static_cast<const char *>(data);
  while (size != 0) {
    const ssize_t wrote = ::write(file, at, size);
    if (wrote < 0 && errno == EINTR)
      continue;
    if (wrote <= 0)
      return failure(wrote < 0 ? errno : ENOSPC);
    at += wrote;
    size -= static_cast<size_t>(wrote);
  }
  return {};
}

Result<void> FileWriter::overwrite(uint64_t where, const void *data, size_t size) {
  const char *at = static_cast<const char *>(data);
  while (size != 0) {
    const ssize_t wrote = ::pwrite(file, at, size, static_cast<off_t>(where));
    if (wrote < 0 && errno == EINTR)
      continue;
    if (wrote <= 0)
      return failure(wrote < 0 ? errno : ENOSPC);
    at += wrote;
    where += static_cast<uint64_t>(wrote);
    size -= static_cast<size_t>(wrote);
  }
  return {};
}

Result<void> FileWriter::commit() {
  // As readable as any other new file of this process.
  const mode_t mask = ::umask(0);
  ::umask(mask);
  if (::fchmod(file, 0666 & ~mask) != 0)
    return failure(errno);
  // Some file systems report a full disk only here.
  if (::fsync(file) != 0 && errno != EINVAL && errno != EROFS)
    return failure(errno);
  if (temporary.empty()) {
    // A nameless file cannot replace another one directly: it gets a name first.
    std::string name;
    const int placeholder = makeTemporary(path, name);
    if (placeholder < 0)
      return failure(errno);
    ::close(placeholder);
    ::unlink(name.c_str());
    const std::string self = "/proc/self/fd/" + std::to_string(file);
    if (::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) != 0)
      return failure(errno);
    temporary = name;
  }
  const int closed = ::close(file);
  file = -1;
  if (closed != 0 || ::rename(temporary.c_str(), path.c_str()) != 0)
    return failure(errno);
  temporary.clear();
  return {};
}

} // namespace aimc::exec
