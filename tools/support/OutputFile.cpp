//===- OutputFile.cpp - files that appear whole or not at all -------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "OutputFile.h"

#include "aimc/files/Destination.h"
#include "aimc/files/FileWriter.h"
#include "aimc/files/Leftovers.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace aimc::run {

namespace {
extern "C" void onInterrupt(int signal) {
  files::removeTemporaries();
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

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
  action.sa_handler = onInterrupt;
  sigemptyset(&action.sa_mask);
  for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE})
    ::sigaction(signal, &action, nullptr);
  ::signal(SIGXFSZ, SIG_IGN);
}

tl::expected<void, std::string> checkWritable(const std::string &path) {
  if (auto own = files::checkDestination(path); !own)
    return own;
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

tl::expected<void, std::string> writeWhole(const std::string &path, const void *data, size_t size) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode))
    return writeThrough(path, data, size);
  auto writer = files::FileWriter::create(path);
  if (!writer)
    return tl::unexpected<std::string>(writer.error());
  if (auto done = writer->write(data, size); !done)
    return done;
  return writer->commit();
}

} // namespace aimc::run
