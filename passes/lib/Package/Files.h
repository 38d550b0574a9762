//===- Files.h - whole files or none ----------------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/files/Leftovers.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <string>

namespace mlir::aimc {

/// Size and SHA-256 of a file, as the manifest records them.
struct FileDigest {
  std::string sha256;
  uint64_t bytes = 0;
};

/// A file that is hashed while it is written. Errors name the file and the system's reason.
class HashedFile {
public:
  static llvm::Expected<HashedFile> create(llvm::StringRef path);
  HashedFile(HashedFile &&) noexcept;
  ~HashedFile();

  llvm::Error write(llvm::ArrayRef<char> bytes);
  /// Flushes to disk, so that a full disk is seen here and not later.
  llvm::Expected<FileDigest> close();

private:
  struct State;
  explicit HashedFile(std::unique_ptr<State> state);
  std::unique_ptr<State> state;
};

llvm::Expected<FileDigest> digestOf(llvm::StringRef path);

/// A folder under a temporary name beside its final place. Unless commit() succeeds it is removed:
/// by the destructor, by removeTemporaries() from a signal handler, or, after a kill, by the next
/// that writes there.
class UnfinishedFolder {
public:
  /// Fails when `finalPath` exists and is not a package (nothing of the user's is overwritten).
  static llvm::Expected<UnfinishedFolder> create(llvm::StringRef finalPath);
  UnfinishedFolder(UnfinishedFolder &&) noexcept;
  ~UnfinishedFolder();

  std::string file(llvm::StringRef name) const;
  /// Takes the final name; an older package there is replaced in one step.
  llvm::Error commit();

private:
  UnfinishedFolder(::aimc::files::TemporaryFolder folder, std::string finalPath);
  ::aimc::files::TemporaryFolder folder;
  std::string finalPath;
};

} // namespace mlir::aimc
