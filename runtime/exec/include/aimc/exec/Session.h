//===- Session.h - one chip instance and its runs ---------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/exec/Chip.h"
#include "aimc/exec/Fork.h"
#include "aimc/exec/Grids.h"
#include "aimc/exec/Options.h"
#include "aimc/exec/Package.h"
#include "aimc/exec/Threads.h"

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

namespace aimc::exec {

/// Programs a chip when created; run() executes one entry of the package on it. Calls from any
/// number of threads follow each other. In a forked process they go on, with workers of that
/// process, unless a thread of the parent was in a call (Fork.h).
class Session {
public:
  static Result<std::unique_ptr<Session>> create(std::shared_ptr<const Package> package,
                                                 const char *optionsJson);

  Result<void> run(int32_t entry, const aimc_tensor *inputs, int32_t inputCount,
                   const aimc_tensor *outputs, int32_t outputCount);
  Result<void> reset();
  /// The same chip `seconds` after its programming.
  Result<void> age(double seconds);
  Result<void> saveChip(const std::string &path);
  Result<void> saveRecord(const std::string &path);
  Result<std::string> statistics();
  /// Its warnings alone.
  Result<std::string> warnings();

private:
  Session(std::shared_ptr<const Package> package, Options options);
  Result<CallLock::Held> hold() { return calls.hold("session"); }
  Result<void *> arena(uint64_t bytes);
  nlohmann::json allWarnings() const;

  // What compiled code calls; `ctx` is the session.
  static int32_t rtDispatch(void *ctx, aimc_kernel_fn kernel, void *const *args, int64_t tiles);
  static int32_t rtGrid(void *ctx, int32_t grid, int64_t rows, const float *x, float *const *y);
  static int32_t rtCopy(void *ctx, void *dst, const int64_t *dstStrides, const void *src,
                        const int64_t *srcStrides, const int64_t *sizes, int32_t rank,
                        int32_t elementBytes);
  static void rtFail(void *ctx, const char *what);
  static int32_t rtCheckIndices(void *ctx, const char *what, const void *indices,
                                const int64_t *shape, int32_t rank, int32_t elementBytes,
                                const int64_t *sizes, int32_t width);
  template <class F> int32_t guarded(F &&body) noexcept;
  void recordFailure(aimc_status status, const char *what) noexcept;

  std::shared_ptr<const Package> package;
  Options options;
  CallLock calls;
  Threads threads;
  std::unique_ptr<Chip> chip;
  std::unique_ptr<Grids> grids;
  std::vector<std::string> exposures; ///< what may be changed by others, a line each
  std::unique_ptr<void, void (*)(void *)> arenaMemory;
  uint64_t arenaBytes = 0;

  // The first failure of a run; set from any thread.
  std::atomic<int32_t> failureStatus{0};
  std::mutex failureMutex;
  std::string failureText;

  int64_t runs = 0;
  double runSeconds = 0, lastRunSeconds = 0, createSeconds = 0;
};

} // namespace aimc::exec
