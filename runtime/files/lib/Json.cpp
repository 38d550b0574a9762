//===- Json.cpp - JSON from texts that nobody vouches for -----------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/files/Json.h"

#include "aimc/files/JsonDepth.h"

#include <nlohmann/json.hpp>

namespace aimc::files {

using nlohmann::json;

Result<json> parseJson(std::string_view text) {
  if (auto problem = tooDeep(text))
    return fail(std::move(*problem));
  try {
    return json::parse(text.begin(), text.end());
  } catch (const json::exception &error) {
    // "[json.exception.parse_error.101] parse error at line 1, column 2: ...": keep the place.
    const std::string what = error.what();
    const size_t begin = what.find("at line");
    const size_t end = what.find(':', begin == std::string::npos ? 0 : begin);
    return fail("expected JSON, but got a mistake" +
                (begin == std::string::npos ? "" : " " + what.substr(begin, end - begin)));
  }
}

} // namespace aimc::files
