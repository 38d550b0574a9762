//===- Actor.h - a thread's calls of the C API ------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include "Shared.h"
#include "Stage.h"

namespace aimc::test {

/// Opens, runs, ages, saves and closes packages, sessions and tiles of its own in an order that a
/// seed gives, and now and then uses what all actors share. What it gets of its own must not depend
/// on the others, nor on the number of threads.
class Actor {
public:
  /// `folder`: where it saves files. `mostThreads`: sessions have from one to so many.
  Actor(const Stage &stage, Shared &shared, uint32_t seed, std::string folder, int mostThreads);
  ~Actor();
  void act();

  /// Of every call but those on shared handles.
  const std::vector<Outcome> &outcomes() const { return log; }

private:
  struct OpenPackage {
    aimc_package *handle;
    size_t which;
  };
  struct OpenSession {
    aimc_session *handle;
    size_t which; ///< its package
  };
  struct OpenTile {
    aimc_tile *handle;
    int64_t rows, cols;
  };

  void openPackage();
  void closePackage();
  void createSession();
  void createSession(const OpenPackage &package, nlohmann::json options);
  void useSession(OpenSession &session);
  void saveChip(const OpenSession &session);
  void resumeChip();
  void destroySession();
  void createTile();
  void useTile(OpenTile &tile);
  void destroyTile();
  int threads();
  void note(Outcome outcome);
  template <class T> T takeOne(std::vector<T> &list);

  const Stage &stage;
  Shared &shared;
  Dice dice, threadDice;
  const std::string folder;
  const int mostThreads;
  std::vector<Outcome> log;
  std::vector<OpenPackage> packages;
  std::vector<OpenSession> sessions;
  std::vector<OpenTile> tiles;
  std::vector<size_t> chips; ///< packages whose chip is saved, by the number in the file's name
};

} // namespace aimc::test
