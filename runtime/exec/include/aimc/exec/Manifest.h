//===- Manifest.h - what a package says about itself ------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// manifest.json as plain structs, after every check that needs no other file: fields, ranges,
// references between parts, that the blocks of a weight cover it exactly once, and that no two
// blocks share a device.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/exec/Target.h"
#include "aimc/exec/TileState.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace aimc::exec {

struct FileEntry {
  std::string name, sha256;
  uint64_t bytes = 0;
};

/// A rectangle of a weight and where it lies on a tile.
struct Block {
  std::string name;
  int target = 0; ///< index into Manifest::targets
  int64_t row = 0, rows = 0, col = 0, cols = 0;
  int64_t chip = 0, tile = 0, atRow = 0, atCol = 0;
  std::string scales;          ///< tensor of s_j [cols]; empty: by the session's rule
  std::optional<double> lsbFc; ///< of this block's ADCs; absent: the target's
  model::Compensate compensate = model::Compensate::None;
};

struct Weight {
  std::string name, tensor;
  int64_t rows = 0, cols = 0;
  bool transposed = false;   ///< stored [cols, rows]
  std::string activity;      ///< tensor [rows, 32]; empty: unknown
  std::vector<Block> blocks; ///< by (row, col)
};

struct Grid {
  std::string layer;
  std::vector<int> weights;
  std::optional<double> inputRange; ///< DAC full scale; absent: each vector's largest magnitude
  uint64_t drawId = 0; ///< names the first block in streams of read noise, beside the call site
};

struct Port {
  std::string name;
  aimc_dtype dtype = AIMC_F32;
  std::vector<int64_t> shape;
  int64_t bytes() const;
};

struct Entry {
  std::string symbol;
  nlohmann::json dims;
  uint64_t arenaBytes = 0;
  std::vector<Port> inputs, outputs;
};

struct Manifest {
  std::string producer, triple, cpu;
  std::vector<std::string> features;
  std::vector<FileEntry> files;
  std::vector<Target> targets;
  std::vector<nlohmann::json> targetTexts; ///< the same targets as written, for overrides
  std::vector<Weight> weights;
  std::vector<Grid> grids;
  std::vector<std::string> constants;
  std::vector<Entry> entries;

  static Result<Manifest> parse(std::string_view text, const std::string &file);
};

/// Whether the text is the one that its own `manifest_sha256` was made of; texts without the field
/// pass (docs/Contracts.md 4).
Result<void> checkManifestHash(std::string_view text, const std::string &file);
/// `text`, in which the digits of `manifest_sha256` are zeros, with the right ones.
Result<std::string> sealManifest(std::string text);

const char *dtypeName(int32_t dtype); ///< "f32"; "unknown" for a number that is no dtype
int64_t dtypeBytes(int32_t dtype);    ///< 0 for a number that is no dtype

} // namespace aimc::exec
