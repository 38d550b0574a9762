//===- Stage.h - what actors work on ----------------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include "PackageBuilder.h"

#include <random>

namespace aimc::test {

/// Repeatable on every machine: the distributions of <random> are not.
class Dice {
public:
  explicit Dice(uint32_t seed) : engine(seed) {}
  /// A number from 0 to sides - 1.
  uint32_t roll(size_t sides) { return engine() % static_cast<uint32_t>(sides); }

private:
  std::mt19937 engine;
};

/// What a call gave: its status, and its result or the message of its failure.
struct Outcome {
  std::string call;
  aimc_status status = AIMC_OK;
  std::string result;

  bool operator==(const Outcome &) const = default;
};

/// `result` where the call went well, else what the runtime says of it.
Outcome outcomeOf(std::string call, aimc_status status, std::string result = {});

/// Packages of different circuits, the same for each actor.
class Stage {
public:
  explicit Stage(const std::string &folder);

  struct Package {
    std::string path;
    nlohmann::json entries; ///< of its manifest, each with its `index` there
  };
  std::vector<Package> packages;
};

/// One run of an entry on inputs that `seed` gives; its outputs as bytes.
Outcome runEntry(aimc_session *session, const nlohmann::json &entry, uint32_t seed);

/// Statistics without times of the clock and without the number of threads.
std::string withoutClock(const std::string &statistics);

/// What a call that hands out statistics gave.
template <class F> Outcome textOf(std::string call, F &&ask) {
  char *text = nullptr;
  const aimc_status status = ask(&text);
  const TextPointer owner(text);
  return outcomeOf(std::move(call), status, text ? withoutClock(text) : "");
}

} // namespace aimc::test
