//===- Fork.cpp - what a fork finds and its child can use -----------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/exec/Fork.h"

#include <array>
#include <pthread.h>

namespace aimc::exec {

namespace {
constexpr size_t kLocks = 2;

struct Process {
  std::atomic<uint32_t> generation{0};
  std::array<std::mutex, kLocks> locks;

  Process();
};

/// Never destroyed: threads may still be in a call while the process ends.
Process &process() {
  static Process &only = *new Process;
  return only;
}

void lockAll() {
  for (std::mutex &lock : process().locks)
    lock.lock();
}

void unlockAll() {
  for (std::mutex &lock : process().locks)
    lock.unlock();
}

Process::Process() {
  // Where it fails there is no memory, and a fork will not succeed either.
  ::pthread_atfork(lockAll, unlockAll, [] {
    process().generation.fetch_add(1);
    unlockAll();
  });
}
} // namespace

uint32_t forkGeneration() { return process().generation.load(std::memory_order_relaxed); }

std::mutex &processMutex(ProcessLock which) { return process().locks[static_cast<size_t>(which)]; }

CallLock::CallLock() { forkGeneration(); } // forks are counted before the first call

Result<CallLock::Held> CallLock::hold(const char *what) {
  const uint32_t mine = forkGeneration() + 1;
  uint32_t found = 0;
  while (!holder.compare_exchange_strong(found, mine)) {
    if (found != mine)
      return fail(AIMC_INVALID_ARGUMENT,
                  std::string(what) +
                      ": expected no call in another thread when this process was "
                      "forked, but got one that had not ended; open another " +
                      what + " in this process, or fork between calls");
    holder.wait(found);
    found = 0;
  }
  return Held(*this);
}

void CallLock::release() {
  holder.store(0);
  holder.notify_one();
}

} // namespace aimc::exec
