//===- Text.cpp - texts of others in messages -----------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/files/Text.h"

#include <cstdint>

namespace aimc::files {

namespace {
/// Bytes of the printable character that `text` begins with; 0 where there is none.
size_t firstCharacter(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80)
    return first >= 0x20 && first != 0x7f ? 1 : 0;
  const size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc0 || first >= 0xf8 || text.size() < size)
    return 0;
  uint32_t code = first & (0xffu >> (size + 1));
  for (size_t i = 1; i < size; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xc0) != 0x80)
      return 0;
    code = code << 6 | (next & 0x3f);
  }
  // Each code in its shortest form; surrogates are no characters, and U+0080 to U+009F control.
  constexpr uint32_t kLeast[] = {0xa0, 0x800, 0x10000};
  const bool surrogate = code >= 0xd800 && code < 0xe000;
  return code >= kLeast[size - 2] && code < 0x110000 && !surrogate ? size : 0;
}
} // namespace

std::string printable(std::string_view text, size_t longest) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  while (!text.empty()) {
    const size_t size = firstCharacter(text);
    const auto byte = static_cast<unsigned char>(text[0]);
    const std::string next = size != 0
                                 ? std::string(text.substr(0, size))
                                 : std::string("\\x") + kDigits[byte >> 4] + kDigits[byte & 15];
    if (out.size() + next.size() > longest)
      return out + "...";
    out += next;
    text.remove_prefix(size != 0 ? size : 1);
  }
  return out;
}

} // namespace aimc::files
