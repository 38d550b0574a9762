//===- Names.h - what a misspelt name may have meant ------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace aimc::exec {

/// The names next to `wanted` for a message, nearest first: "a, b, c and 12 more". Names that hold
/// it whole come first, then those that differ by few letters, most of all letters left out.
std::string nearestNames(std::string_view wanted, std::vector<std::string> names, size_t most = 8);

} // namespace aimc::exec
