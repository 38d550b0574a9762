//===- MappedFile.cpp - read-only bytes of a regular file -----------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/exec/MappedFile.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <utility>
#include <vector>

// Of Linux 6.3, which the C library's headers may be older than.
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

namespace aimc::exec {

namespace {
constexpr size_t kPiece = size_t{1} << 18;

tl::unexpected<Error> systemError(const std::string &path, const char *action) {
  return fail(AIMC_BAD_PACKAGE, path + ": cannot " + action + ": " + std::strerror(errno));
}

struct Opened {
  Descriptor file;
  size_t size = 0;
  bool exposed = false; ///< others may write to it
};

/// O_NONBLOCK: a FIFO in the place of a file must not block the process.
constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;

/// Of a folder, what is in it: links that stay in the folder are followed, links out of it are not.
Descriptor openMember(int folder, const std::string &name) {
  struct open_how how {};
  how.flags = kFlags;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  const long file = ::syscall(SYS_openat2, folder, name.c_str(), &how, sizeof how);
  // Of Linux 5.6; some sandboxes do not know it. Then no link at all is followed.
  if (file < 0 && (errno == ENOSYS || errno == EPERM))
    return Descriptor(::openat(folder, name.c_str(), kFlags | O_NOFOLLOW));
  return Descriptor(static_cast<int>(file));
}

Result<Opened> openRegular(const Descriptor &folder, const std::string &name,
                           const std::string &path) {
  Opened opened;
  opened.file = folder ? openMember(folder.get(), name) : Descriptor(::open(name.c_str(), kFlags));
  if (!opened.file && folder && (errno == EXDEV || errno == ELOOP))
    return fail(AIMC_BAD_PACKAGE, path +
                                      ": expected a file in its own folder, but got a link out of "
                                      "it; put a copy of the file there");
  if (!opened.file)
    return systemError(path, "open");
  struct stat info {};
  if (::fstat(opened.file.get(), &info) != 0)
    return systemError(path, "read the size of");
  if (!S_ISREG(info.st_mode))
    return fail(AIMC_BAD_PACKAGE, path + ": expected a regular file");
  opened.size = static_cast<size_t>(info.st_size);
  opened.exposed = (info.st_mode & S_IWOTH) != 0;
  return opened;
}

/// An empty file without a name. Memory where the system has it for that; a file that is in no
/// folder otherwise.
Descriptor nameless(const std::string &name) {
  // Machines where memory must not be executable by default ask for the flag, older ones do not
  // know it. It is about execve(): code is mapped from such a file as from any other.
  for (unsigned flags : {MFD_NOEXEC_SEAL, 0u})
    if (Descriptor file(::memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING | flags));
        file)
      return file;
  const char *folder = std::getenv("TMPDIR");
  return Descriptor(
      ::open(folder && *folder ? folder : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
}

/// Whether this process may write a file of that size; past the limit a signal would end it.
bool mayWrite(size_t size) {
  struct rlimit limit {};
  return ::getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
         size < limit.rlim_cur;
}

/// Calls `take(bytes, count)` with all that a file holds. Read, not mapped: a file that is cut
/// short meanwhile is a shorter copy and not a signal.
template <class F> Result<void> readAll(int fd, const std::string &path, F &&take) {
  std::vector<char> piece(kPiece);
  while (true) {
    const ssize_t got = ::read(fd, piece.data(), piece.size());
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return systemError(path, "read");
    if (got == 0)
      return {};
    if (!take(piece.data(), static_cast<size_t>(got)))
      return systemError(path, "make a private copy of");
  }
}

bool writeAll(int fd, const char *data, size_t size) {
  while (size != 0) {
    const ssize_t written = ::write(fd, data, size);
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return false;
    data += written;
    size -= static_cast<size_t>(written);
  }
  return true;
}
} // namespace

Descriptor &Descriptor::operator=(Descriptor &&other) noexcept {
  std::swap(fd, other.fd);
  return *this;
}

Descriptor::~Descriptor() {
  if (fd >= 0)
    ::close(fd);
}

Result<void> MappedFile::map(const Descriptor &from, size_t size, const std::string &path) {
  if (size == 0)
    return {};
  void *memory = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, from.get(), 0);
  if (memory == MAP_FAILED)
    return systemError(path, "map");
  base = static_cast<const std::byte *>(memory);
  length = size;
  return {};
}

Result<std::shared_ptr<const MappedFile>> MappedFile::open(const std::string &path) {
  return openIn(Descriptor(), path, path);
}

Result<std::shared_ptr<const MappedFile>>
MappedFile::openIn(const Descriptor &folder, const std::string &name, const std::string &path) {
  auto opened = openRegular(folder, name, path);
  if (!opened)
    return tl::unexpected(opened.error());
  std::shared_ptr<MappedFile> result(new MappedFile);
  result->exposed = opened->exposed;
  if (auto mapped = result->map(opened->file, opened->size, path); !mapped)
    return tl::unexpected(mapped.error());
  return result;
}

Result<MappedFile::Text> MappedFile::readIn(const Descriptor &folder, const std::string &name,
                                            const std::string &path) {
  auto opened = openRegular(folder, name, path);
  if (!opened)
    return tl::unexpected(opened.error());
  std::string text;
  text.reserve(opened->size);
  auto whole = readAll(opened->file.get(), path, [&](const char *bytes, size_t count) {
    text.append(bytes, count);
    return true;
  });
  if (!whole)
    return tl::unexpected(whole.error());
  return Text{std::move(text), opened->exposed};
}

Result<std::shared_ptr<const MappedFile>>
MappedFile::copyIn(const Descriptor &folder, const std::string &name, const std::string &path) {
  auto opened = openRegular(folder, name, path);
  if (!opened)
    return tl::unexpected(opened.error());
  std::shared_ptr<MappedFile> result(new MappedFile);
  result->exposed = opened->exposed;
  if (!mayWrite(opened->size)) {
    // The file itself, by the descriptor that is open: what replaces it is another one. Only a
    // writer in place could still change it.
    result->file = std::move(opened->file);
    if (auto mapped = result->map(result->file, opened->size, path); !mapped)
      return tl::unexpected(mapped.error());
    return result;
  }
  result->file = nameless(name);
  if (!result->file)
    return systemError(path, "make a private copy of");
  size_t size = 0;
  auto copied = readAll(opened->file.get(), path, [&](const char *bytes, size_t count) {
    size += count;
    return writeAll(result->file.get(), bytes, count);
  });
  if (!copied)
    return tl::unexpected(copied.error());
  // Other processes of this user can reach a descriptor; seals keep them from writing.
  ::fcntl(result->file.get(), F_ADD_SEALS,
          F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
  if (auto mapped = result->map(result->file, size, path); !mapped)
    return tl::unexpected(mapped.error());
  return result;
}

MappedFile::~MappedFile() {
  if (base)
    ::munmap(const_cast<std::byte *>(base), length);
}

} // namespace aimc::exec
