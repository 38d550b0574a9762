//===- OutputFile.cpp - files that appear whole or not at all -------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "OutputFile.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

namespace aimc::run {

namespace {
/// The temporary file in progress, for the signal handler; empty when there is none. Written with
/// signals blocked.
char temporaryPath[PATH_MAX];

extern "C" void removeTemporary(int signal) {
  if (temporaryPath[0])
    ::unlink(temporaryPath);
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

class SignalsBlocked {
public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
  }
  ~SignalsBlocked() { sigprocmask(SIG_SETMASK, &before, nullptr); }

private:
  sigset_t before;
};

tl::unexpected<std::string> systemError(const std::string &path, const char *action, int code) {
  return tl::unexpected<std::string>(path + ": cannot " + action + ": " + std::strerror(code));
}

std::string folderOf(const std::string &path) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}
} // namespace

void prepareSignals() {
  struct sigaction action {};
  action.sa_handler = removeTemporary;
  sigemptyset(&action.sa_mask);
  for (int signal : {SIGINT, SIGTERM, SIGHUP})
    ::sigaction(signal, &action, nullptr);
  ::signal(SIGXFSZ, SIG_IGN);
}

tl::expected<void, std::string> checkWritable(const std::string &path) {
  std::string folder = folderOf(path);
  struct stat info {};
  if (::stat(folder.c_str(), &info) != 0 || ::access(folder.c_str(), W_OK | X_OK) != 0)
    return systemError(path, "write", errno);
  if (::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode))
    return systemError(path, "write", EISDIR);
  return {};
}

/// Devices, pipes and the like are written as they are: a rename would put a file in their place.
static tl::expected<void, std::string> writeThrough(const std::string &path, const void *data,
                                                    size_t size) {
  int file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (file < 0)
    return systemError(path, "write", errno);
  int code = 0;
  const char *at = static_cast<const char *>(data);
  while (size != 0 && code == 0) {
    ssize_t wrote = ::write(file, at, size);
    if (wrote < 0) {
      code = errno == EINTR ? 0 : errno;
      continue;
    }
    at += wrote;
    size -= static_cast<size_t>(wrote);
  }
  if (::close(file) != 0 && code == 0)
    code = errno;
  if (code != 0)
    return systemError(path, "write", code);
  return {};
}

tl::expected<void, std::string> writeWhole(const std::string &given, const void *data,
                                           size_t size) {
  // A link stays a link: what it points to is replaced.
  char resolved[PATH_MAX];
  std::string path = ::realpath(given.c_str(), resolved) ? resolved : given;
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode))
    return writeThrough(path, data, size);
  std::string name = path + ".XXXXXX";
  if (name.size() >= sizeof temporaryPath)
    return systemError(path, "write", ENAMETOOLONG);
  int file = -1;
  {
    SignalsBlocked blocked;
    file = ::mkstemp(name.data());
    if (file < 0)
      return systemError(path, "write", errno);
    std::memcpy(temporaryPath, name.c_str(), name.size() + 1);
  }
  int code = 0;
  const char *at = static_cast<const char *>(data);
  for (size_t left = size; left != 0 && code == 0;) {
    ssize_t wrote = ::write(file, at, left);
    if (wrote < 0) {
      code = errno == EINTR ? 0 : errno;
      continue;
    }
    at += wrote;
    left -= static_cast<size_t>(wrote);
  }
  // mkstemp makes private files; results are as readable as any other new file.
  mode_t mask = ::umask(0);
  ::umask(mask);
  if (code == 0 && ::fchmod(file, 0666 & ~mask) != 0)
    code = errno;
  // Some file systems report a full disk only here.
  if (code == 0 && ::fsync(file) != 0 && errno != EINVAL && errno != EROFS)
    code = errno;
  if (::close(file) != 0 && code == 0)
    code = errno;
  SignalsBlocked blocked;
  if (code == 0 && ::rename(name.c_str(), path.c_str()) != 0)
    code = errno;
  if (code != 0)
    ::unlink(name.c_str());
  temporaryPath[0] = '\0';
  if (code != 0)
    return systemError(path, "write", code);
  return {};
}

} // namespace aimc::run
