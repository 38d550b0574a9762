//===- Fuzz.h - what the fuzzers share --------------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A fuzzer gives bytes to a reader. Sanitizers are one oracle; the other is what a reader promises:
// no exception leaves it, and what it refuses it refuses in one line.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace aimc::fuzz {

/// Ends the process, which libFuzzer reports as a finding.
[[noreturn]] void finding(std::string_view what, std::string_view shown = {});

inline void require(bool holds, std::string_view what) {
  if (!holds)
    finding(what);
}

/// A message for a person: one line of UTF-8 that says something.
void requireLine(std::string_view message);

inline std::string_view textOf(const uint8_t *data, size_t size) {
  return {reinterpret_cast<const char *>(data), size};
}

/// A regular file in memory, for readers that take a path.
class MemoryFile {
public:
  explicit MemoryFile(const char *name);
  ~MemoryFile();
  MemoryFile(const MemoryFile &) = delete;
  MemoryFile &operator=(const MemoryFile &) = delete;

  /// Its only content from now on.
  const std::string &hold(std::string_view bytes);
  const std::string &path() const { return name; }

private:
  int file = -1;
  std::string name;
};

/// A folder that is gone after the run, for readers that look beside a file.
class Folder {
public:
  Folder();
  ~Folder();
  Folder(const Folder &) = delete;
  Folder &operator=(const Folder &) = delete;

  std::string put(const std::string &name, std::string_view bytes) const;
  const std::string &path() const { return name; }

private:
  std::string name;
};

/// Mutations would never get past a length and a hash that are about other bytes. An input whose
/// length field is 0 has its header up to the first end of line, and a seal of zeros is filled in;
/// others are taken as they are.
std::string safetensorsOf(std::string_view input);

} // namespace aimc::fuzz
