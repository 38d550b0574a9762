//===- Chip.h - one programmed chip instance --------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Every physical tile in turn is programmed (or read back from a chip file), brought to the chip's
// time, folded with its wires, and packed block by block and plane by plane for the kernels. Only
// the packed form stays in memory: the devices are a function of the seed, or of the file, and are
// made again where they are asked for. Draws are keyed by (seed, tile, device), so the order of
// tiles and threads is free.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/exec/Kernels.h"
#include "aimc/exec/Options.h"
#include "aimc/exec/Package.h"
#include "aimc/exec/Threads.h"
#include "aimc/exec/TileState.h"

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace aimc::exec {

class ChipFile;

/// What a chip is programmed from: a mapping, and the numbers that it maps.
struct ChipSource {
  const Manifest *manifest = nullptr;
  std::vector<model::WeightView> weights;         ///< whole weights, wherever they lie
  std::vector<const float *> activity;            ///< per weight [rows x 32]; null: unknown
  std::vector<std::vector<const float *>> scales; ///< per weight and block [cols]; null: by rule
  /// Conductances [pairs x rows x cols] of the only tile, taken as they are; null: from weights.
  const float *givenPlus = nullptr, *givenMinus = nullptr;
  std::string name; ///< opens messages about a weight: "weights.safetensors: tensor ";
                    ///< empty: weights are known to be finite

  explicit ChipSource(const Manifest &manifest);
  explicit ChipSource(const Package &package);
};

/// Rows of a weight that are multiplied at once when no tile is involved.
struct ExactBand {
  int64_t row = 0;
  PackedBlock block;
};

class Chip {
public:
  struct Placed {
    size_t weight, block;
  };
  /// A physical tile and the blocks on it.
  struct Tile {
    TileId id;
    std::vector<Placed> placed;
    int64_t usedDevices = 0;
    model::ScaleReport scaled;
    /// Of drift compensation, per block of `placed` and column; empty: none.
    std::vector<std::vector<float>> driftFactors;
  };

  /// `saved`, where given, brings the devices.
  static Result<std::unique_ptr<Chip>> program(ChipSource source, const Options &options,
                                               std::shared_ptr<const ChipFile> saved,
                                               Threads &threads);

  /// Tiles and devices, with nothing packed: nothing can be read.
  static Result<std::unique_ptr<Chip>> layOut(ChipSource source, const Options &options,
                                              std::shared_ptr<const ChipFile> saved,
                                              Threads &threads);

  /// Planes of the target that a block lies on: one packed form each.
  size_t planes(size_t weight, size_t block) const { return blocks[weight][block].size(); }
  /// Analog form of block `block` of weight `weight` (manifest order); not in ideal sessions. The
  /// address stays the same when the chip ages.
  const PackedBlock &block(size_t weight, size_t block, size_t plane = 0) const {
    return blocks[weight][block][plane];
  }
  /// Pulses of this block's reads are pre-distorted (PackedOpen).
  bool predistorted(size_t weight, size_t block) const;
  /// Plain fp32 weight; in ideal sessions and those that compare or record.
  const std::vector<ExactBand> &exact(size_t weight) const { return exactBands[weight]; }
  /// Durations and read-noise factors per target; null where reads are noiseless.
  const model::ReadNoiseTable *noise(size_t target) const { return noiseTables[target].get(); }

  /// Folds and packs all tiles again, for the time and the effects in the options.
  void rebuild(Threads &threads);

  const std::vector<Tile> &tiles() const { return tileList; }
  /// Devices of a tile as programmed, with what later times need of them. `list` is where the
  /// state keeps its blocks.
  void devices(const Tile &tile, std::vector<TileBlock> &list, TileState &state) const;
  const Manifest &manifest() const { return *source.manifest; }

  nlohmann::json statistics() const;
  /// What the scales leave which this chip was programmed with; nothing where the package or a chip
  /// file brought them.
  model::ScaleReport scaleReport() const;

private:
  struct Scratch;

  Chip(ChipSource source, const Options &options, std::shared_ptr<const ChipFile> saved);
  void findTiles();
  void request(const Tile &tile, bool drift, std::vector<TileBlock> &list,
               TileState::Request &request) const;
  void makeDevices(const Tile &tile, bool drift, std::vector<TileBlock> &list,
                   TileState &state) const;
  void buildTile(Tile &tile, Scratch &scratch);
  void packPlane(const Tile &tile, size_t plane, Scratch &scratch);
  /// Finds the factors of a tile from its packed blocks, `fresh` as programmed, and puts them into
  /// those of its time.
  void compensateDrift(Tile &tile, const std::vector<std::vector<PackedBlock>> &fresh);
  void packExact(size_t weight);
  Result<void> checkWeights(Threads &threads) const;
  model::WeightView view(size_t weight, int64_t row, int64_t rows, int64_t col, int64_t cols) const;
  model::Compensate compensation(const Block &block) const;

  ChipSource source;
  const Options &options;
  std::shared_ptr<const ChipFile> saved;
  std::vector<Tile> tileList;
  std::vector<std::vector<std::vector<PackedBlock>>> blocks; ///< [weight][block][plane]
  std::vector<std::vector<ExactBand>> exactBands;
  std::vector<std::unique_ptr<model::ReadNoiseTable>> noiseTables;
  double programSeconds = 0;
};

} // namespace aimc::exec
