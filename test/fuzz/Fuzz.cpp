//===- Fuzz.cpp - what the fuzzers share ----------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Fuzz.h"

#include "aimc/files/Seal.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/mman.h>
#include <unistd.h>

namespace aimc::fuzz {

namespace {
constexpr size_t kLengthBytes = 8;

/// Bytes of a character of UTF-8 that begins at `at`; 0 where none does.
size_t characterAt(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const unsigned first = byte(at);
  const size_t size = first < 0x80                    ? 1
                      : first >= 0xc2 && first < 0xe0 ? 2
                      : first >= 0xe0 && first < 0xf0 ? 3
                      : first >= 0xf0 && first < 0xf5 ? 4
                                                      : 0;
  for (size_t i = 1; i < size; ++i)
    if ((byte(at + i) & 0xc0) != 0x80)
      return 0;
  return size;
}
} // namespace

void finding(std::string_view what, std::string_view shown) {
  std::fprintf(stderr, "finding: %.*s%s%.*s\n", static_cast<int>(what.size()), what.data(),
               shown.empty() ? "" : ": ", static_cast<int>(shown.size()), shown.data());
  std::abort();
}

void requireLine(std::string_view message) {
  if (message.empty())
    finding("expected a message, but got an empty one");
  for (size_t at = 0; at < message.size();) {
    const auto byte = static_cast<unsigned char>(message[at]);
    if (byte < 0x20 || byte == 0x7f)
      finding("expected one line without control characters, but got", message);
    const size_t size = characterAt(message, at);
    if (size == 0)
      finding("expected a message of UTF-8, but got", message);
    at += size;
  }
}

MemoryFile::MemoryFile(const char *label)
    : file(::memfd_create(label, MFD_CLOEXEC)), name("/proc/self/fd/" + std::to_string(file)) {
  require(file >= 0, "expected a file in memory");
}

MemoryFile::~MemoryFile() { ::close(file); }

const std::string &MemoryFile::hold(std::string_view bytes) {
  require(::pwrite(file, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()) &&
              ::ftruncate(file, static_cast<off_t>(bytes.size())) == 0,
          "expected room in memory");
  return name;
}

Folder::Folder() {
  char pattern[] = "/dev/shm/aimc-fuzz-XXXXXX";
  require(::mkdtemp(pattern) != nullptr, "expected a folder in /dev/shm");
  name = pattern;
}

Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(name, ignored);
}

std::string Folder::put(const std::string &label, std::string_view bytes) const {
  const std::string path = name + "/" + label;
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  require(file >= 0 &&
              ::write(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()),
          "expected room in /dev/shm");
  ::close(file);
  return path;
}

std::string safetensorsOf(std::string_view input) {
  std::string bytes(input);
  uint64_t length = 0;
  if (bytes.size() >= kLengthBytes && std::memcmp(bytes.data(), &length, kLengthBytes) == 0) {
    const size_t end = bytes.find('\n', kLengthBytes);
    length = (end == std::string::npos ? bytes.size() : end + 1) - kLengthBytes;
    std::memcpy(bytes.data(), &length, kLengthBytes);
  }
  const std::string zeros = files::emptySeal();
  if (const auto at = files::findSeal(bytes, files::kSealKey);
      at && std::string_view(bytes).substr(*at, zeros.size()) == zeros)
    if (const auto seal = files::sealOf(bytes, *at))
      bytes.replace(*at, seal->size(), *seal);
  return bytes;
}

} // namespace aimc::fuzz
