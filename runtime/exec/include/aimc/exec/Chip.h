//===- Chip.h - one programmed chip instance --------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Programming turns the blocks that share a physical tile into conductance pairs, adds what
// programming and time do to them, folds the wires of whole columns, and packs each block for the
// kernels. Draws are keyed by (seed, tile, device), so the order of tiles and threads is free.
// Cells that no block uses rest at g_min, unprogrammed, and load their column.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/exec/Kernels.h"
#include "aimc/exec/Options.h"
#include "aimc/exec/Package.h"
#include "aimc/exec/Threads.h"

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <vector>

namespace aimc::exec {

/// Rows of a weight that are multiplied at once when no tile is involved.
struct ExactBand {
  int64_t row = 0;
  PackedBlock block;
};

class Chip {
public:
  static Result<std::unique_ptr<Chip>> program(const Package &package, const Options &options,
                                               Threads &threads);

  /// Analog form of block `block` of weight `weight` (manifest order); not in ideal sessions.
  const PackedBlock &block(size_t weight, size_t block) const { return blocks[weight][block]; }
  /// Plain fp32 weight; in ideal sessions and those that compare.
  const std::vector<ExactBand> &exact(size_t weight) const { return exactBands[weight]; }
  /// Durations and read-noise factors per target; null where reads are noiseless.
  const model::ReadNoiseTable *noise(size_t target) const { return noiseTables[target].get(); }

  nlohmann::json statistics() const;

private:
  struct Placed {
    size_t weight, block;
  };
  /// A physical tile and the blocks on it.
  struct Tile {
    size_t target;
    int64_t chip, index;
    std::vector<Placed> placed;
    int64_t usedDevices = 0;
  };
  struct Scratch;

  Chip(const Package &package, const Options &options) : package(package), options(options) {}
  void findTiles();
  void programTile(const Tile &tile, Scratch &scratch);
  void packExact(size_t weight);
  Result<void> checkFinite(Threads &threads) const;
  model::WeightView view(size_t weight, int64_t row, int64_t rows, int64_t col, int64_t cols) const;

  const Package &package;
  const Options &options;
  std::vector<Tile> tiles;
  std::vector<std::vector<PackedBlock>> blocks;
  std::vector<std::vector<ExactBand>> exactBands;
  std::vector<std::unique_ptr<model::ReadNoiseTable>> noiseTables;
  double programSeconds = 0;
};

} // namespace aimc::exec
