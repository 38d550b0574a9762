//===- JsonDepth.cpp - how deep a JSON text may nest ----------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/files/JsonDepth.h"

#include <algorithm>

namespace aimc::files {

std::optional<std::string> tooDeep(std::string_view text) {
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\')
        ++i; // whatever it escapes is part of the string
      else if (c == '"')
        quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == ']' || c == '}') {
      --depth;
    } else if ((c == '[' || c == '{') && ++depth > kMaxJsonDepth) {
      const std::string_view before = text.substr(0, i);
      const size_t line = before.rfind('\n') + 1; // 0 where there is none
      return "expected JSON of at most " + std::to_string(kMaxJsonDepth) +
             " levels of lists and objects, but got more at line " +
             std::to_string(std::count(before.begin(), before.end(), '\n') + 1) + ", column " +
             std::to_string(i - line + 1) + "; nothing that is read here needs as many";
    }
  }
  return std::nullopt;
}

} // namespace aimc::files
