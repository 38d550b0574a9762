//===- Seal.cpp - files that carry their own hash -------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/files/Seal.h"

#include <cstring>

namespace aimc::files {

namespace {
constexpr size_t kLengthBytes = 8;

/// Length field and header of a safetensors file; the whole text where its length field lies.
std::string_view headerOf(std::string_view file) {
  uint64_t length = 0;
  if (file.size() < kLengthBytes)
    return file;
  std::memcpy(&length, file.data(), kLengthBytes);
  return file.substr(0, length < file.size() ? kLengthBytes + length : file.size());
}
} // namespace

std::string emptySeal() { return std::string(kSha256Digits, '0'); }

std::optional<size_t> findSeal(std::string_view text, std::string_view name) {
  constexpr std::string_view space = " \t\r\n";
  // Inside a string of JSON the quotes would be escaped.
  const std::string key = "\"" + std::string(name) + "\"";
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

Result<std::string> sealOf(std::string_view text, size_t at) {
  const std::string zeros = emptySeal();
  Sha256 digest;
  digest.update(text.data(), at);
  digest.update(zeros.data(), zeros.size());
  digest.update(text.data() + at + kSha256Digits, text.size() - at - kSha256Digits);
  return digest.hex();
}

Result<void> checkSeal(std::string_view file, const std::string &name, const std::string &what,
                       const std::string &remedy) {
  const auto at = findSeal(headerOf(file), kSealKey);
  if (!at)
    return fail(name + ": expected " + what + ", but got one without its hash; " + remedy);
  auto got = sealOf(file, *at);
  if (!got)
    return fail(got.error());
  const std::string expected(file.substr(*at, kSha256Digits));
  if (*got != expected)
    return fail(name + ": the file was changed after it was saved, expected SHA-256 " + expected +
                ", but got " + *got + "; " + remedy);
  return {};
}

Result<SealedWriter> SealedWriter::create(const std::string &path) {
  auto writer = FileWriter::create(path);
  if (!writer)
    return fail(writer.error());
  return SealedWriter(std::move(*writer));
}

Result<void> SealedWriter::write(const void *data, size_t size) {
  digest->update(data, size);
  return writer.write(data, size);
}

Result<void> SealedWriter::commit() {
  auto sealed = seal();
  return sealed ? (*sealed)->commit() : Result<void>(fail(sealed.error()));
}

Result<FileWriter *> SealedWriter::seal() {
  auto hex = digest->hex();
  if (!hex)
    return fail(hex.error());
  uint64_t length = 0;
  auto field = writer.readAt(0, kLengthBytes);
  if (!field)
    return fail(field.error());
  std::memcpy(&length, field->data(), kLengthBytes);
  auto header = writer.readAt(0, kLengthBytes + length);
  if (!header)
    return fail(header.error());
  const auto at = findSeal(*header, kSealKey);
  if (!at)
    return fail("expected a header with " + std::string(kSealKey) + ", but got none");
  if (auto done = writer.writeAt(*at, hex->data(), hex->size()); !done)
    return fail(done.error());
  return &writer;
}

} // namespace aimc::files
