//===- ManifestHash.cpp - the hash of a manifest in itself ----------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// SHA-256 over the text with the digits of the hash as zeros: docs/Contracts.md 4.
//
//===----------------------------------------------------------------------===//
#include "aimc/exec/Manifest.h"
#include "aimc/exec/Sha256.h"

#include <optional>

namespace aimc::exec {

namespace {
/// Where the digits begin; nothing where the field or its value is missing.
std::optional<size_t> digitsIn(std::string_view text) {
  constexpr std::string_view key = "\"manifest_sha256\"", space = " \t\r\n";
  for (size_t at = text.find(key); at != std::string_view::npos; at = text.find(key, at + 1)) {
    size_t next = text.find_first_not_of(space, at + key.size());
    if (next == std::string_view::npos || text[next] != ':')
      continue; // a value, not a key
    next = text.find_first_not_of(space, next + 1);
    if (next == std::string_view::npos || text[next] != '"')
      return std::nullopt;
    const std::string_view digits = text.substr(next + 1, kSha256Digits);
    const bool whole = digits.size() == kSha256Digits &&
                       digits.find_first_not_of("0123456789abcdef") == std::string_view::npos &&
                       text.substr(next + 1 + kSha256Digits, 1) == "\"";
    return whole ? std::optional(next + 1) : std::nullopt;
  }
  return std::nullopt;
}

Result<std::string> hashAround(std::string_view text, size_t at) {
  const std::string zeros(kSha256Digits, '0');
  Sha256 digest;
  digest.update(text.data(), at);
  digest.update(zeros.data(), zeros.size());
  digest.update(text.data() + at + kSha256Digits, text.size() - at - kSha256Digits);
  return digest.hex();
}
} // namespace

Result<void> checkManifestHash(std::string_view text, const std::string &file) {
  if (text.find("\"manifest_sha256\"") == std::string_view::npos)
    return {};
  const auto at = digitsIn(text);
  if (!at)
    return fail(AIMC_BAD_PACKAGE,
                file + ": manifest_sha256: expected 64 lower-case hexadecimal digits");
  auto got = hashAround(text, *at);
  if (!got)
    return tl::unexpected(got.error());
  const std::string expected(text.substr(*at, kSha256Digits));
  if (*got != expected)
    return fail(AIMC_BAD_PACKAGE, file +
                                      ": the file was changed after it was compiled, expected "
                                      "SHA-256 " +
                                      expected + ", but got " + *got);
  return {};
}

Result<std::string> sealManifest(std::string text) {
  const auto at = digitsIn(text);
  if (!at)
    return fail(AIMC_INVALID_ARGUMENT, "manifest: expected a field manifest_sha256 of 64 zeros");
  auto digits = hashAround(text, *at);
  if (!digits)
    return tl::unexpected(digits.error());
  text.replace(*at, kSha256Digits, *digits);
  return text;
}

} // namespace aimc::exec
