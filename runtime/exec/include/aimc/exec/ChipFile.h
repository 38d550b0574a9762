//===- ChipFile.h - a chip instance as a file -------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// What programming did, so that a chip can be taken up again, aged, compared and looked at: docs/
// Contracts.md 8. The file says of itself which blocks lie where, so that it can be read without
// its package. Tiles are written and read one by one; nothing needs a whole chip in memory.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/exec/Manifest.h"
#include "aimc/exec/Safetensors.h"
#include "aimc/exec/TileState.h"

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace aimc::exec {

class Chip;
struct Options;

/// What a package's chips depend on: weights, blocks and their places.
Result<std::string> mappingHash(const Manifest &manifest);

/// "pcm/0/4": the tensors of a tile begin with it.
std::string tileKey(const std::string &target, const TileId &id);

/// A block in a chip file.
struct ChipBlock {
  std::string weight, name;
  int64_t row = 0, rows = 0, col = 0, cols = 0;
  int64_t atRow = 0, atCol = 0;
};

struct ChipTile {
  std::string key;   ///< tileKey
  size_t target = 0; ///< index into ChipFile::targets()
  TileId id;
  std::vector<ChipBlock> blocks;
};

class ChipFile {
public:
  static Result<std::shared_ptr<const ChipFile>> open(const std::string &path);

  /// Writes the devices of `chip`. `counters`: input vectors read so far, per grid.
  static Result<void> save(const std::string &path, const Chip &chip, const Options &options,
                           const std::vector<int64_t> &counters);
  /// The same file with another time.
  Result<void> saveAs(const std::string &path, std::optional<double> seconds) const;

  /// A mistake where the chip was programmed from other weights or another mapping.
  Result<void> checkFits(const Manifest &manifest) const;
  /// Devices of a tile as they were saved.
  void restore(const TileState::Request &request, TileState &state) const;
  /// The same from the file alone; `blocks` is where the state keeps its windows.
  void restore(const ChipTile &tile, std::vector<TileBlock> &blocks, TileState &state) const;

  const std::string &path() const { return name; }
  const nlohmann::json &options() const { return saved; } ///< Options::stateText
  const std::vector<int64_t> &counters() const { return reads; }
  /// What is to be said of its permissions; empty: nothing.
  const std::string &exposure() const { return warning; }
  const std::vector<Target> &targets() const { return targetList; }
  const std::vector<ChipTile> &tiles() const { return tileList; }
  std::optional<double> timeS() const;
  uint64_t seed() const;
  Effects effects() const;

private:
  ChipFile() = default;
  Result<void> readDescription(const std::string &text);
  Result<void> checkTensors() const;
  const StoredTensor *find(const std::string &key, const char *part) const;
  void fill(const std::string &key, const Target &target, TileState &state,
            std::vector<Plane> &planes) const;

  std::string name;
  std::shared_ptr<const MappedFile> file;
  std::unique_ptr<Safetensors> tensors;
  std::string warning;
  nlohmann::json description, saved;
  std::vector<int64_t> reads;
  std::vector<Target> targetList;
  std::vector<ChipTile> tileList;
};

} // namespace aimc::exec
