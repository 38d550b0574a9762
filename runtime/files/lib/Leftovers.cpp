//===- Leftovers.cpp - temporary names and what a kill leaves -------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/files/Leftovers.h"

#include "Temporaries.h"
#include "aimc/files/Destination.h"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <string_view>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace aimc::files {

namespace fs = std::filesystem;

namespace {
constexpr std::string_view kMark = ".tmp-";

/// PID-N after the mark.
bool isTail(std::string_view text) {
  const size_t dash = text.find('-');
  auto digits = [](std::string_view part) {
    return !part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos;
  };
  return dash != std::string_view::npos && digits(text.substr(0, dash)) &&
         digits(text.substr(dash + 1));
}

struct Descriptor {
  int number = -1;
  ~Descriptor() {
    if (number >= 0)
      ::close(number);
  }
};

/// Removes a file or folder that nobody holds.
void removeFree(const std::string &path) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
  struct stat held {
  }, named{};
  if (file.number < 0 || ::fstat(file.number, &held) != 0 || held.st_uid != ::geteuid() ||
      !(S_ISREG(held.st_mode) || S_ISDIR(held.st_mode)) ||
      ::flock(file.number, LOCK_EX | LOCK_NB) != 0)
    return;
  // With the lock held it is nobody's, if it is still what the name means.
  if (::lstat(path.c_str(), &named) != 0 || named.st_ino != held.st_ino ||
      named.st_dev != held.st_dev)
    return;
  std::error_code ignored;
  fs::remove_all(path, ignored);
}
} // namespace

std::string temporaryName(const std::string &path) {
  static std::atomic<unsigned> count{0};
  std::string end = path;
  while (end.size() > 1 && end.back() == '/')
    end.pop_back();
  return end + std::string(kMark) + std::to_string(::getpid()) + "-" + std::to_string(count++);
}

bool lockTemporary(int descriptor) {
  while (::flock(descriptor, LOCK_EX) != 0)
    if (errno != EINTR)
      return true; // a file system without locks
  struct stat info {};
  return ::fstat(descriptor, &info) == 0 && info.st_nlink > 0;
}

void removeLeftovers(const std::string &given) {
  std::string path = given;
  while (path.size() > 1 && path.back() == '/')
    path.pop_back();
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const std::string start =
      (slash == std::string::npos ? path : path.substr(slash + 1)) + std::string(kMark);
  std::error_code failed;
  for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end;
       entry.increment(failed)) {
    const std::string name = entry->path().filename().string();
    if (name.compare(0, start.size(), start) == 0 &&
        isTail(std::string_view(name).substr(start.size())))
      removeFree(entry->path().string());
  }
}

Result<TemporaryFolder> TemporaryFolder::create(const std::string &path, unsigned mode) {
  if (auto own = checkDestination(path); !own)
    return tl::unexpected(own.error());
  removeLeftovers(path);
  while (true) {
    const std::string name = temporaryName(path);
    announce(name);
    if (::mkdir(name.c_str(), mode) != 0) {
      const int code = errno;
      withdraw(name);
      if (code == EEXIST)
        continue;
      return fail("cannot create '" + name + "': " + std::strerror(code));
    }
    const int descriptor = ::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (descriptor < 0 && errno != ENOENT) {
      const int code = errno;
      ::rmdir(name.c_str());
      withdraw(name);
      return fail("cannot create '" + name + "': " + std::strerror(code));
    }
    if (descriptor >= 0 && lockTemporary(descriptor))
      return TemporaryFolder(name, descriptor);
    withdraw(name);
    if (descriptor >= 0)
      ::close(descriptor); // taken for a leftover: once more
  }
}

TemporaryFolder::TemporaryFolder(TemporaryFolder &&other) noexcept
    : folder(std::exchange(other.folder, {})), descriptor(std::exchange(other.descriptor, -1)) {}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  if (!folder.empty()) {
    fs::remove_all(folder, ignored);
    withdraw(folder);
  }
  if (descriptor >= 0)
    ::close(descriptor);
}

void TemporaryFolder::release() {
  withdraw(folder);
  folder.clear();
  ::close(std::exchange(descriptor, -1));
}

} // namespace aimc::files
