//===- Handles.h - what the C surface hands out -----------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A handle is a number in the shape of a pointer: never followed, never given twice. So a handle
// that was closed, by whichever thread and however often, is an error and not a read of freed
// memory, and an object lives until the last call that found it has ended.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/exec/Fork.h"

#include <memory>
#include <string>
#include <unordered_map>

namespace aimc::exec {

/// `T`: the object. `Handle`: the incomplete type of the C surface.
template <class T, class Handle> class Handles {
public:
  /// `kind` opens messages; `number` below 4 keeps the handles of different kinds apart.
  Handles(const char *kind, unsigned number) : kind(kind), last(number << 4) {}

  Handle *add(std::shared_ptr<T> object) {
    std::lock_guard lock(processMutex(ProcessLock::Handles));
    const uintptr_t handle = last + kStep;
    open.emplace(handle, std::move(object));
    last = handle;
    return reinterpret_cast<Handle *>(handle);
  }

  Result<std::shared_ptr<T>> find(const Handle *handle) const {
    const auto number = reinterpret_cast<uintptr_t>(handle);
    const std::string who = kind;
    if (!handle)
      return fail(AIMC_INVALID_ARGUMENT, who + ": expected a pointer, but got NULL");
    std::lock_guard lock(processMutex(ProcessLock::Handles));
    if (auto found = open.find(number); found != open.end())
      return found->second;
    const bool given = number <= last && number % kStep == last % kStep;
    return fail(AIMC_INVALID_ARGUMENT, who + ": expected an open " + who + ", but got " +
                                           (given ? "one that is closed" : "none of this library"));
  }

  /// What the handle named, for the caller to let go; null where it names nothing any more.
  std::shared_ptr<T> remove(const Handle *handle) noexcept {
    std::lock_guard lock(processMutex(ProcessLock::Handles));
    auto found = open.find(reinterpret_cast<uintptr_t>(handle));
    if (found == open.end())
      return nullptr;
    std::shared_ptr<T> object = std::move(found->second);
    open.erase(found);
    return object;
  }

private:
  static constexpr uintptr_t kStep = 64;

  const char *kind;
  uintptr_t last;
  std::unordered_map<uintptr_t, std::shared_ptr<T>> open;
};

} // namespace aimc::exec
