//===- Fork.h - what a fork finds and its child can use ---------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A child process has the memory of its parent, but one thread of it: workers are gone, and a lock
// that another thread held is never given back. So locks here know which process they were taken
// in, and pools know which process their workers belong to. A fork never waits for a run to end:
// runs may take minutes, and most children have no business with them.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/exec/Error.h"

#include <atomic>
#include <cstdint>
#include <mutex>

namespace aimc::exec {

/// Forks between the first use of this library and now, on the way from that process to this one.
uint32_t forkGeneration();

/// Locks of the whole process, for sections that are short. A fork waits for their holders, so
/// that a child finds them free and what they protect whole.
enum class ProcessLock { Handles, Loader };
std::mutex &processMutex(ProcessLock which);

/// Serialises the calls on one object. A call that another thread was in when the process forked
/// never ends in the child and leaves the object half changed there; the child is told so at once.
class CallLock {
public:
  CallLock();
  CallLock(const CallLock &) = delete;
  CallLock &operator=(const CallLock &) = delete;

  class Held {
  public:
    explicit Held(CallLock &lock) : lock(&lock) {}
    Held(Held &&other) noexcept : lock(other.lock) { other.lock = nullptr; }
    Held &operator=(Held &&) = delete;
    ~Held() {
      if (lock)
        lock->release();
    }

  private:
    CallLock *lock;
  };
  /// Waits for calls of this process; `what` is "session" or "tile", for the message.
  Result<Held> hold(const char *what);

private:
  void release();
  std::atomic<uint32_t> holder{0}; ///< 0: free; else 1 + forkGeneration() of the holder
};

} // namespace aimc::exec
