//===- Shared.h - handles that all actors use -------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include "Stage.h"

#include <atomic>
#include <mutex>

namespace aimc::test {

/// One package, session and tile for each package of the stage, which any thread uses, replaces and
/// closes at any time. Nothing random is on, so that a run gives the same whoever ran before: what
/// it gives is what it gave before there were other threads, or that its handle is closed.
class Shared {
public:
  explicit Shared(const Stage &stage);
  ~Shared();

  void use(Dice &dice);

  int64_t calls() const { return done; }
  /// Calls whose handle was closed by another thread before they began.
  int64_t closed() const { return foundClosed; }
  /// What was neither; empty where all is well.
  std::string faults() const;

private:
  /// Runs that are compared; each has its inputs.
  static constexpr size_t kRuns = 4;
  struct Run {
    const nlohmann::json *entry = nullptr;
    uint32_t seed = 0;
    Outcome expected;
  };
  struct Slot {
    std::string path;
    std::atomic<aimc_package *> package{nullptr};
    std::atomic<aimc_session *> session{nullptr};
    std::atomic<aimc_tile *> tile{nullptr};
    Run runs[kRuns];
    std::string read; ///< what the tile gives
  };

  aimc_package *openPackage(const Slot &slot);
  aimc_session *createSession(const Slot &slot, int threads);
  aimc_tile *createTile();
  std::string readTile(aimc_tile *tile, aimc_status &status);
  /// Whether the call went well; else it must have met a closed handle.
  bool went(const std::string &call, aimc_status status);
  void fault(const std::string &text);

  std::vector<Slot> slots;
  const Matrix weights = randomMatrix(24, 20, 1), inputs = randomMatrix(6, 24, 2);
  std::atomic<int64_t> done{0}, foundClosed{0};
  mutable std::mutex faultMutex;
  std::string faultText;
};

} // namespace aimc::test
