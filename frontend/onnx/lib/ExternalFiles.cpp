//===- ExternalFiles.cpp - weights beside the model -------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A hostile model could name "/etc/shadow", "../key", a symbolic link, or a hard link to a file
// elsewhere. Lexical checks alone race with the file system, so the walk uses openat() and
// O_NOFOLLOW and looks at what was opened, not at what the path said.
//
//===----------------------------------------------------------------------===//
#include "ExternalFiles.h"
#include "Support.h"
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace aimc::onnx {

namespace {
struct Descriptor {
  int fd = -1;
  explicit Descriptor(int fd) : fd(fd) {}
  Descriptor(const Descriptor &) = delete;
  Descriptor &operator=(const Descriptor &) = delete;
  ~Descriptor() {
    if (fd >= 0)
      ::close(fd);
  }
};

std::vector<std::string> components(const std::string &location) {
  if (location.empty() || location.find('\0') != std::string::npos)
    reject("expected the name of an external data file, but got an empty or damaged one");
  if (location.front() == '/' || location.find('\\') != std::string::npos)
    reject("expected external data inside the model's folder, but got '", location, "'");
  std::vector<std::string> parts;
  std::istringstream stream(location);
  for (std::string part; std::getline(stream, part, '/');) {
    if (part == "..")
      reject("expected external data inside the model's folder, but got '", location, "'");
    if (!part.empty() && part != ".")
      parts.push_back(part);
  }
  if (parts.empty())
    reject("expected the name of an external data file, but got '", location, "'");
  return parts;
}

[[noreturn]] void rejectOpen(const std::string &location, int error) {
  if (error == ELOOP || error == ENOTDIR)
    reject("expected external data file '", location,
           "' to lie inside the model's folder, but its path has a symbolic link or a file in it; "
           "copy the data next to the model");
  reject("cannot open external data file '", location, "': ", std::strerror(error));
}
} // namespace

MappedFile::~MappedFile() {
  if (size)
    ::munmap(const_cast<std::byte *>(data), size);
}

ExternalFiles::ExternalFiles(const std::string &modelPath) {
  size_t slash = modelPath.rfind('/');
  folder = slash == std::string::npos ? "." : modelPath.substr(0, slash + 1);
}

std::shared_ptr<const MappedFile> ExternalFiles::open(const std::string &location) {
  if (auto it = opened.find(location); it != opened.end())
    return it->second;
  std::vector<std::string> parts = components(location);
  auto current =
      std::make_unique<Descriptor>(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (current->fd < 0)
    rejectOpen(folder, errno);
  for (size_t i = 0; i < parts.size(); ++i) {
    // O_NONBLOCK: a pipe of that name must not block the reader
    int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
    if (i + 1 < parts.size())
      flags |= O_DIRECTORY;
    int next = ::openat(current->fd, parts[i].c_str(), flags);
    if (next < 0)
      rejectOpen(location, errno);
    current = std::make_unique<Descriptor>(next);
  }
  struct stat info = {};
  if (::fstat(current->fd, &info) != 0)
    rejectOpen(location, errno);
  if (!S_ISREG(info.st_mode))
    reject("expected external data '", location, "' to be a regular file");
  if (info.st_nlink != 1)
    reject("expected external data '", location,
           "' to have one name only, but it is a hard link; copy the data next to the model");
  auto file = std::make_shared<MappedFile>();
  size_t size = static_cast<size_t>(info.st_size);
  if (size) {
    void *data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, current->fd, 0);
    if (data == MAP_FAILED)
      reject("cannot map external data file '", location, "': ", std::strerror(errno));
    file->data = static_cast<const std::byte *>(data);
    file->size = size;
  }
  opened.emplace(location, file);
  return file;
}

} // namespace aimc::onnx
