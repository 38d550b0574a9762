//===- CApiSupport.h - from results to status codes -------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// What the files of the C surface share: nothing thrown leaves the library, and a failure leaves
// one line behind.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/exec/Error.h"

#include <exception>
#include <new>
#include <string>
#include <string_view>

namespace aimc::exec {

/// Keeps `message` as this thread's last error and returns `status`.
aimc_status reportError(aimc_status status, std::string_view message) noexcept;

template <class F> aimc_status guarded(F &&body) noexcept {
  try {
    reportError(AIMC_OK, "");
    Result<void> result = body();
    return result ? AIMC_OK : reportError(result.error().status, result.error().message);
  } catch (const std::bad_alloc &) {
    return reportError(AIMC_INTERNAL, "not enough memory");
  } catch (const std::exception &error) {
    return reportError(AIMC_INTERNAL, error.what());
  } catch (...) {
    return reportError(AIMC_INTERNAL, "unknown exception");
  }
}

inline tl::unexpected<Error> nullArgument(const char *name) {
  return fail(AIMC_INVALID_ARGUMENT, std::string(name) + ": expected a pointer, but got NULL");
}

} // namespace aimc::exec
