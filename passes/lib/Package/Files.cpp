//===- Files.cpp - whole files or none ------------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "Files.h"

#include "aimc/files/Leftovers.h"
#include "aimc/files/Sha256.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace mlir::aimc;

static llvm::Error systemError(const llvm::Twine &what, int code) {
  return llvm::createStringError(std::error_code(code, std::generic_category()),
                                 what + ": " + std::strerror(code));
}

//===----------------------------------------------------------------------===//
// HashedFile
//===----------------------------------------------------------------------===//

struct HashedFile::State {
  std::string path;
  int fd = -1;
  uint64_t bytes = 0;
  ::aimc::files::Sha256 hash;

  ~State() {
    if (fd >= 0)
      ::close(fd);
  }
};

HashedFile::HashedFile(std::unique_ptr<State> state) : state(std::move(state)) {}
HashedFile::HashedFile(HashedFile &&) noexcept = default;
HashedFile::~HashedFile() = default;

llvm::Expected<HashedFile> HashedFile::create(llvm::StringRef path) {
  auto state = std::make_unique<State>();
  state->path = path.str();
  state->fd = ::open(state->path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (state->fd < 0)
    return systemError("cannot write '" + path + "'", errno);
  return HashedFile(std::move(state));
}

llvm::Error HashedFile::write(llvm::ArrayRef<char> bytes) {
  state->hash.update(bytes.data(), bytes.size());
  state->bytes += bytes.size();
  while (!bytes.empty()) {
    // Pieces below 2 GiB: one call to write takes no more.
    size_t piece = std::min<size_t>(bytes.size(), size_t(1) << 30);
    ssize_t written = ::write(state->fd, bytes.data(), piece);
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0)
      return systemError("cannot write '" + state->path + "'", errno);
    bytes = bytes.drop_front(static_cast<size_t>(written));
  }
  return llvm::Error::success();
}

llvm::Expected<FileDigest> HashedFile::close() {
  int status = ::close(std::exchange(state->fd, -1));
  if (status != 0)
    return systemError("cannot write '" + state->path + "'", errno);
  auto hex = state->hash.hex();
  if (!hex)
    return llvm::createStringError(llvm::inconvertibleErrorCode(), hex.error());
  return FileDigest{*hex, state->bytes};
}

llvm::Expected<FileDigest> mlir::aimc::digestOf(llvm::StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer)
    return systemError("cannot read '" + path + "'", buffer.getError().value());
  llvm::StringRef bytes = (*buffer)->getBuffer();
  auto hex =
      ::aimc::files::sha256Hex(reinterpret_cast<const std::byte *>(bytes.data()), bytes.size());
  if (!hex)
    return llvm::createStringError(llvm::inconvertibleErrorCode(), hex.error());
  return FileDigest{*hex, bytes.size()};
}

//===----------------------------------------------------------------------===//
// UnfinishedFolder
//===----------------------------------------------------------------------===//

UnfinishedFolder::UnfinishedFolder(::aimc::files::TemporaryFolder folder, std::string finalPath)
    : folder(std::move(folder)), finalPath(std::move(finalPath)) {}

UnfinishedFolder::UnfinishedFolder(UnfinishedFolder &&) noexcept = default;

UnfinishedFolder::~UnfinishedFolder() = default;

/// True for a folder that a package may take the place of: an older package, or an empty folder.
static bool mayReplace(llvm::StringRef path) {
  if (!llvm::sys::fs::is_directory(path))
    return false;
  llvm::SmallString<256> manifest(path);
  llvm::sys::path::append(manifest, "manifest.json");
  if (auto text = llvm::MemoryBuffer::getFile(manifest))
    return (*text)->getBuffer().contains("\"aimc-package\"");
  std::error_code error;
  llvm::sys::fs::directory_iterator first(path, error), end;
  return !error && first == end;
}

llvm::Expected<UnfinishedFolder> UnfinishedFolder::create(llvm::StringRef finalPath) {
  llvm::SmallString<256> target(finalPath);
  while (target.size() > 1 && target.back() == '/')
    target.pop_back();
  if (target.empty())
    return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                   "expected a folder name for the package, but got ''");
  if (llvm::sys::fs::exists(target) && !mayReplace(target))
    return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                   "'" + target +
                                       "' exists and is not an AIMC package; it is left as it is");
  auto folder = ::aimc::files::TemporaryFolder::create(std::string(target));
  if (!folder)
    return llvm::createStringError(llvm::inconvertibleErrorCode(), folder.error());
  return UnfinishedFolder(std::move(*folder), std::string(target));
}

std::string UnfinishedFolder::file(llvm::StringRef name) const {
  return folder.name() + "/" + name.str();
}

llvm::Error UnfinishedFolder::commit() {
  const std::string &path = folder.name();
  if (::rename(path.c_str(), finalPath.c_str()) != 0) {
    if (errno != ENOTEMPTY && errno != EEXIST)
      return systemError("cannot rename '" + path + "' to '" + finalPath + "'", errno);
    // An older package is there: exchange both names at once, then remove the old one.
    if (::renameat2(AT_FDCWD, path.c_str(), AT_FDCWD, finalPath.c_str(), RENAME_EXCHANGE) == 0)
      return llvm::Error::success(); // the folder's destructor removes what has its name now
    llvm::sys::fs::remove_directories(finalPath);
    if (::rename(path.c_str(), finalPath.c_str()) != 0)
      return systemError("cannot rename '" + path + "' to '" + finalPath + "'", errno);
  }
  folder.release();
  return llvm::Error::success();
}
