//===- ManifestHash.cpp - the hash of a manifest in itself ----------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// SHA-256 over the text with the digits of the hash as zeros: docs/Contracts.md 4.
//
//===----------------------------------------------------------------------===//
#include "aimc/exec/Manifest.h"
#include "aimc/files/Seal.h"

namespace aimc::exec {

namespace {
constexpr std::string_view kKey = "manifest_sha256";

Result<std::string> hashAround(std::string_view text, size_t at) {
  auto hash = files::sealOf(text, at);
  return hash ? Result<std::string>(std::move(*hash)) : fail(AIMC_INTERNAL, hash.error());
}
} // namespace

Result<void> checkManifestHash(std::string_view text, const std::string &file) {
  if (text.find("\"manifest_sha256\"") == std::string_view::npos)
    return {};
  const auto at = files::findSeal(text, kKey);
  if (!at)
    return fail(AIMC_BAD_PACKAGE,
                file + ": manifest_sha256: expected 64 lower-case hexadecimal digits");
  auto got = hashAround(text, *at);
  if (!got)
    return tl::unexpected(got.error());
  const std::string expected(text.substr(*at, files::kSha256Digits));
  if (*got != expected)
    return fail(AIMC_BAD_PACKAGE, file +
                                      ": the file was changed after it was compiled, expected "
                                      "SHA-256 " +
                                      expected + ", but got " + *got);
  return {};
}

Result<std::string> sealManifest(std::string text) {
  const auto at = files::findSeal(text, kKey);
  if (!at)
    return fail(AIMC_INVALID_ARGUMENT, "manifest: expected a field manifest_sha256 of 64 zeros");
  auto digits = hashAround(text, *at);
  if (!digits)
    return tl::unexpected(digits.error());
  text.replace(*at, files::kSha256Digits, *digits);
  return text;
}

} // namespace aimc::exec
