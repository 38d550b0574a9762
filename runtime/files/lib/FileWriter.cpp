//===- FileWriter.cpp - files that appear whole or not at all -------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/files/FileWriter.h"

#include "Temporaries.h"
#include "aimc/files/Destination.h"
#include "aimc/files/Leftovers.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace aimc::files {

namespace {
std::string folderOf(const std::string &path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

tl::unexpected<std::string> cannotWrite(const std::string &path, int code) {
  return fail(path + ": cannot write: " + std::strerror(code));
}

/// A new file of a name that nobody has, locked; -1 and errno where there can be none.
int makeTemporary(const std::string &path, std::string &name) {
  while (true) {
    name = temporaryName(path);
    announce(name);
    const int file = ::open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    const int code = errno;
    if (file >= 0 && lockTemporary(file))
      return file;
    withdraw(name);
    if (file >= 0) {
      ::close(file);
    } else if (code != EEXIST) {
      errno = code;
      name.clear();
      return -1;
    }
  }
}
} // namespace

tl::unexpected<std::string> FileWriter::failure(int code) const { return cannotWrite(path, code); }

Result<FileWriter> FileWriter::create(const std::string &path) {
  if (path.empty())
    return fail("expected the path of a file, but got an empty one");
  if (auto own = checkDestination(path); !own)
    return tl::unexpected(own.error());
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode))
    return S_ISDIR(info.st_mode) ? cannotWrite(path, EISDIR)
                                 : fail(path + ": expected a regular file");
  removeLeftovers(path);
  std::string temporary;
  int file = ::open(folderOf(path).c_str(), O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
  if (file >= 0)
    ::flock(file, LOCK_EX); // before it has a name
  else
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
  if (!temporary.empty()) {
    ::unlink(temporary.c_str());
    withdraw(temporary);
  }
  if (file >= 0)
    ::close(file);
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

Result<void> FileWriter::writeAt(uint64_t where, const void *data, size_t size) {
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

Result<std::string> FileWriter::readAt(uint64_t where, size_t size) const {
  std::string text(size, '\0');
  for (size_t got = 0; got < size;) {
    const ssize_t read =
        ::pread(file, text.data() + got, size - got, static_cast<off_t>(where + got));
    if (read < 0 && errno == EINTR)
      continue;
    if (read <= 0)
      return failure(read < 0 ? errno : EIO);
    got += static_cast<size_t>(read);
  }
  return text;
}

Result<void> FileWriter::sync() {
  // As readable as any other new file of this process.
  const mode_t mask = ::umask(0);
  ::umask(mask);
  if (::fchmod(file, 0666 & ~mask) != 0)
    return failure(errno);
  // Some file systems report a full disk only here.
  if (::fsync(file) != 0 && errno != EINVAL && errno != EROFS)
    return failure(errno);
  return {};
}

Result<void> FileWriter::prepare() {
  if (auto done = sync(); !done)
    return done;
  if (temporary.empty()) {
    // A nameless file cannot replace another one directly: it gets a name first.
    const std::string self = "/proc/self/fd/" + std::to_string(file);
    while (true) {
      temporary = temporaryName(path);
      announce(temporary);
      if (::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, temporary.c_str(), AT_SYMLINK_FOLLOW) == 0)
        break;
      const int code = errno;
      withdraw(temporary);
      temporary.clear();
      if (code != EEXIST)
        return failure(code);
    }
  }
  return {};
}

Result<void> FileWriter::place() {
  // Renamed before it is closed, and with that unlocked.
  if (::rename(temporary.c_str(), path.c_str()) != 0)
    return failure(errno);
  withdraw(temporary);
  temporary.clear();
  const int closed = ::close(file);
  file = -1;
  return closed == 0 ? Result<void>() : failure(errno);
}

Result<void> FileWriter::commit() {
  auto ready = prepare();
  return ready ? place() : ready;
}

Result<void> commitTogether(std::span<FileWriter *const> writers) {
  for (FileWriter *writer : writers)
    if (auto ready = writer->prepare(); !ready)
      return ready;
  const std::string &namer = writers.back()->path;
  if (writers.size() > 1 && ::unlink(namer.c_str()) != 0 && errno != ENOENT)
    return cannotWrite(namer, errno);
  for (FileWriter *writer : writers)
    if (auto done = writer->place(); !done)
      return done;
  return {};
}

} // namespace aimc::files
