//===- CApiSupport.h - from results to status codes -------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// What the files of the C surface share: nothing thrown leaves the library, a failure leaves one
// line behind, and text that is handed out belongs to the caller.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/exec/Error.h"

#include <exception>
#include <initializer_list>
#include <new>
#include <string>
#include <string_view>
#include <utility>

namespace aimc::exec {

/// Keeps `message` as this thread's last error and returns `status`.
aimc_status reportError(aimc_status status, std::string_view message) noexcept;

/// A success leaves the last error alone: what a failure said can still be read after calls that a
/// language above makes on its own, such as a collector that closes another session.
template <class F> aimc_status guarded(F &&body) noexcept {
  try {
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

inline Result<void> notNull(std::initializer_list<std::pair<const char *, const void *>> args) {
  for (const auto &[name, pointer] : args)
    if (!pointer)
      return fail(AIMC_INVALID_ARGUMENT, std::string(name) + ": expected a pointer, but got NULL");
  return {};
}

/// Runs `body` on the object that `handle` names and keeps it until then, when the arguments are
/// there.
template <class Table, class Handle, class F>
aimc_status onOpen(const Table &table, Handle *handle,
                   std::initializer_list<std::pair<const char *, const void *>> args,
                   F &&body) noexcept {
  return guarded([&]() -> Result<void> {
    auto object = table.find(handle);
    if (!object)
      return tl::unexpected(object.error());
    if (auto given = notNull(args); !given)
      return given;
    return body(**object);
  });
}

/// Hands out what `made` holds, for aimc_text_free.
Result<void> handOut(const Result<std::string> &made, char **out);

/// onOpen() for text: `make` gives a Result<std::string>.
template <class Table, class Handle, class F>
aimc_status textOf(const Table &table, Handle *handle, char **json, F &&make) noexcept {
  if (json)
    *json = nullptr;
  return onOpen(table, handle, {{"json", json}},
                [&](auto &object) { return handOut(make(object), json); });
}

} // namespace aimc::exec
