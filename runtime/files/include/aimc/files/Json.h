//===- Json.h - JSON from texts that nobody vouches for ---------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/files/Result.h"

#include <nlohmann/json_fwd.hpp>
#include <string_view>

namespace aimc::files {

/// The only way in this project from a text to JSON's values (LLVM's parser asks tooDeep() first).
/// The error has the place in the text and no file's name.
Result<nlohmann::json> parseJson(std::string_view text);

} // namespace aimc::files
