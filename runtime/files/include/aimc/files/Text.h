//===- Text.h - texts of others in messages ---------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace aimc::files {

/// Any bytes as one line of UTF-8: control characters and bytes that are no UTF-8 become \x1b, and
/// what is longer than `longest` bytes ends between two characters, with dots.
std::string printable(std::string_view text, size_t longest = 2000);

} // namespace aimc::files
