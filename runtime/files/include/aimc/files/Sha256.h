//===- Sha256.h - SHA-256 of bytes ------------------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/files/Result.h"

#include <cstddef>
#include <memory>
#include <string>

namespace aimc::files {

/// Digits of a digest.
inline constexpr size_t kSha256Digits = 64;

/// The digest as 64 lower-case hexadecimal digits. libcrypto uses the processor's SHA instructions
/// where it has them (about 2 GB/s).
Result<std::string> sha256Hex(const std::byte *data, size_t size);

/// The same, piece by piece.
class Sha256 {
public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256 &) = delete;
  Sha256 &operator=(const Sha256 &) = delete;

  void update(const void *data, size_t size);
  /// Of all pieces so far; once.
  Result<std::string> hex();

private:
  struct Context;
  std::unique_ptr<Context> context;
};

} // namespace aimc::files
