//===- Temporaries.cpp - temporary names that exist now -------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Temporaries.h"

#include "aimc/files/Leftovers.h"

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <functional>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace aimc::files {

namespace {
/// Fixed storage, each published after it is written. A writer that finds no room is left to its
/// destructor and to the next writer of its file.
struct Slot {
  std::atomic<int> state{0}; ///< 0 free, 1 being written, 2 a name
  /// Of the name, which is its owner's alone: others look at this, not at what is being written.
  std::atomic<size_t> hash{0};
  char name[PATH_MAX];
};
Slot slots[16];

/// What is written here is flat: a package in a folder for calibration is the deepest.
constexpr int kMostLevels = 8;
/// A linker that the same signal ends may add a file while its folder is being emptied.
constexpr int kMostTries = 500, kPauseMs = 2;

/// As the system gives the entries of a folder; readdir() allocates.
struct Entry {
  uint64_t inode;
  int64_t offset;
  unsigned short size;
  unsigned char kind;
  char name[];
};

void removeTree(int folder, const char *name, int levels) {
  for (int tries = 0; tries < kMostTries; ++tries) {
    if (::unlinkat(folder, name, 0) == 0 || (errno != EISDIR && errno != EPERM) || levels == 0)
      return;
    const int own = ::openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (own < 0)
      return;
    alignas(Entry) char buffer[2048];
    for (long got; (got = ::syscall(SYS_getdents64, own, buffer, sizeof buffer)) > 0;)
      for (long at = 0; at < got;) {
        const auto *entry = reinterpret_cast<const Entry *>(buffer + at);
        at += entry->size;
        if (std::strcmp(entry->name, ".") != 0 && std::strcmp(entry->name, "..") != 0)
          removeTree(own, entry->name, levels - 1);
      }
    ::close(own);
    if (::unlinkat(folder, name, AT_REMOVEDIR) == 0 || (errno != ENOTEMPTY && errno != EEXIST))
      return;
    ::poll(nullptr, 0, kPauseMs);
  }
}
} // namespace

void announce(const std::string &name) {
  for (Slot &slot : slots) {
    int expected = 0;
    if (name.size() >= sizeof slot.name || !slot.state.compare_exchange_strong(expected, 1))
      continue;
    slot.hash = std::hash<std::string>()(name);
    std::memcpy(slot.name, name.c_str(), name.size() + 1);
    slot.state = 2;
    return;
  }
}

void withdraw(const std::string &name) {
  const size_t hash = std::hash<std::string>()(name);
  for (Slot &slot : slots)
    if (slot.state == 2 && slot.hash == hash)
      slot.state = 0;
}

void removeTemporaries() noexcept {
  for (Slot &slot : slots)
    if (slot.state.exchange(0) == 2)
      removeTree(AT_FDCWD, slot.name, kMostLevels);
}

} // namespace aimc::files
