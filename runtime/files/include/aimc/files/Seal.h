//===- Seal.h - files that carry their own hash -----------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A seal is SHA-256 over a file with the seal's own 64 digits as zeros (docs/Contracts.md 4). JSON
// has it as a field, a safetensors file in its metadata as `aimc_sha256`. A writer puts 64 zeros
// there and the digits in their place when everything is written.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/files/FileWriter.h"
#include "aimc/files/Sha256.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace aimc::files {

/// The key in the metadata of a safetensors file.
inline constexpr std::string_view kSealKey = "aimc_sha256";
/// What stands for the digits until they are known.
std::string emptySeal();

/// Where the digits of `key` begin; nothing where the field or 64 digits are missing.
std::optional<size_t> findSeal(std::string_view text, std::string_view key);
/// SHA-256 over a text whose digits at `at` count as zeros.
Result<std::string> sealOf(std::string_view text, size_t at);

/// Whether a safetensors file is as it was written. `what` names the kind of file and `remedy` what
/// makes a new one, for a file without a seal.
Result<void> checkSeal(std::string_view file, const std::string &name, const std::string &what,
                       const std::string &remedy);

/// Writes a safetensors file whose header has emptySeal() under kSealKey.
class SealedWriter {
public:
  static Result<SealedWriter> create(const std::string &path);
  Result<void> write(const void *data, size_t size);
  /// Fills the seal in and puts the file in its place.
  Result<void> commit();
  /// Fills the seal in; what is left to do with the file is commitTogether()'s.
  Result<FileWriter *> seal();

private:
  explicit SealedWriter(FileWriter writer) : writer(std::move(writer)) {}
  FileWriter writer;
  std::unique_ptr<Sha256> digest = std::make_unique<Sha256>();
};

} // namespace aimc::files
