//===- Threads.h - the session's thread pool --------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A model run is some hundred short parallel loops with almost nothing between them. So workers
// spin for a moment after a loop, to start the next one within a microsecond, and then sleep. Who
// runs which index never changes what is computed: bodies write only what belongs to their index.
// A process that was forked has no workers; its first loop starts new ones.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

namespace aimc::exec {

class Threads {
public:
  using Body = void (*)(void *context, int64_t begin, int64_t end);

  /// `count` threads work in a loop, the caller among them; 0: one per usable processor.
  explicit Threads(int count);
  ~Threads();
  Threads(const Threads &) = delete;
  Threads &operator=(const Threads &) = delete;

  /// Whether the calling thread is inside a loop of any pool.
  static bool insideLoop();

  int count() const;

  /// Calls body on disjoint ranges that together are [0, n) and returns when all are done. One
  /// caller at a time; a loop inside a body runs on its own thread. An exception that leaves a
  /// body is thrown again here, once the loop has ended.
  void parallelFor(int64_t n, Body body, void *context);

  /// f(begin, end).
  template <class F> void parallelFor(int64_t n, F &&f) {
    using Function = std::remove_reference_t<F>;
    parallelFor(
        n,
        [](void *context, int64_t begin, int64_t end) {
          (*static_cast<Function *>(context))(begin, end);
        },
        const_cast<void *>(static_cast<const void *>(&f)));
  }

private:
  struct Crew;
  /// The workers of this process.
  Crew &here();
  std::unique_ptr<Crew> crew;
};

/// Processors that this process may run on.
int usableProcessors();

} // namespace aimc::exec
