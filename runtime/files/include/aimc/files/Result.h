//===- Result.h - errors of files as lines ----------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace aimc::files {

/// The error is one line; each room puts it into errors of its own.
template <class T> using Result = tl::expected<T, std::string>;

inline tl::unexpected<std::string> fail(std::string message) {
  return tl::unexpected<std::string>(std::move(message));
}

} // namespace aimc::files
