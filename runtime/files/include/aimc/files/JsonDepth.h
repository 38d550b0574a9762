//===- JsonDepth.h - how deep a JSON text may nest --------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Libraries parse, copy and print JSON by calls that nest as the text does, so a text of brackets
// alone would use up the stack. Asked of a text before any library sees it.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace aimc::files {

/// Several times as deep as anything that is written here. python/aimc/files.py has it too.
inline constexpr int kMaxJsonDepth = 64;

/// What is wrong with a text that nests deeper, without its file's name; else nothing.
std::optional<std::string> tooDeep(std::string_view text);

} // namespace aimc::files
