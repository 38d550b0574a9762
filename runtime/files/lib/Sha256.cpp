//===- Sha256.cpp - SHA-256 of bytes --------------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/files/Sha256.h"

#include <array>
#include <openssl/evp.h>

namespace aimc::files {

struct Sha256::Context {
  EVP_MD_CTX *digest = nullptr;
  bool good = false;
};

/// Found once: looking it up takes locks of libcrypto, which a fork in another thread would leave
/// locked in the child.
static const EVP_MD *sha256() {
  static const EVP_MD *const only = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return only;
}

Sha256::Sha256() : context(std::make_unique<Context>()) {
  context->digest = EVP_MD_CTX_new();
  context->good = context->digest && EVP_DigestInit_ex(context->digest, sha256(), nullptr) == 1;
}

Sha256::~Sha256() { EVP_MD_CTX_free(context->digest); }

void Sha256::update(const void *data, size_t size) {
  context->good = context->good && EVP_DigestUpdate(context->digest, data, size) == 1;
}

Result<std::string> Sha256::hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  if (!context->good || EVP_DigestFinal_ex(context->digest, digest.data(), &length) != 1)
    return fail("SHA-256 is not available in libcrypto");
  constexpr char digits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(kSha256Digits);
  for (unsigned i = 0; i < length; ++i) {
    hex.push_back(digits[digest[i] >> 4]);
    hex.push_back(digits[digest[i] & 15]);
  }
  return hex;
}

Result<std::string> sha256Hex(const std::byte *data, size_t size) {
  Sha256 digest;
  digest.update(data, size);
  return digest.hex();
}

} // namespace aimc::files
