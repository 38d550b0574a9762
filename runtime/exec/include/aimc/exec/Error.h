//===- Error.h - errors as values in the runtime ----------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Every function of the runtime that can meet bad input returns Result<T>. The status tells a
// program what kind of mistake it is, the message tells a person: one line, lower-case start,
// "expected X, but got Y", naming the file or operand.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/exec/runtime.h"

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace aimc::exec {

struct Error {
  aimc_status status = AIMC_INTERNAL;
  std::string message;
};

template <class T> using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(aimc_status status, std::string message) {
  return tl::unexpected<Error>(Error{status, std::move(message)});
}

} // namespace aimc::exec
