//===- Leftovers.h - temporary names and what a kill leaves -----*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// What becomes PATH is PATH.tmp-PID-N until it is whole. Its writer holds a lock (flock) on it,
// which the system gives up with the process however that ends. So a later writer of PATH knows
// what nobody is writing any more and removes it: names of this form beside PATH, of this user,
// whose lock is free. Process ids alone would not do: they are used again, and another machine or
// container that shares the folder has its own. Where a file system has no locks nothing is
// removed.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/files/Result.h"

#include <string>

namespace aimc::files {

/// A name for what becomes `path`; another one at each call.
std::string temporaryName(const std::string &path);

/// Takes the lock of an open file or folder, and says whether it is still there under a name:
/// between its making and this a remover may have taken it for a leftover. True without locks too.
bool lockTemporary(int descriptor);

/// Removes what ended writers of `path` have left beside it.
void removeLeftovers(const std::string &path);

/// Removes the temporary files and folders of this process. For signal handlers: async-signal-safe
/// calls only.
void removeTemporaries() noexcept;

/// A folder beside `path` that becomes `path` or is removed with all that is in it.
class TemporaryFolder {
public:
  static Result<TemporaryFolder> create(const std::string &path, unsigned mode = 0777);
  TemporaryFolder(TemporaryFolder &&other) noexcept;
  TemporaryFolder &operator=(TemporaryFolder &&) = delete;
  ~TemporaryFolder();

  const std::string &name() const { return folder; }
  /// It has another name now, and stays.
  void release();

private:
  TemporaryFolder(std::string folder, int descriptor)
      : folder(std::move(folder)), descriptor(descriptor) {}
  std::string folder;
  int descriptor = -1; ///< holds the lock
};

} // namespace aimc::files
