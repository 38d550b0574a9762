//===- TileState.h - the devices of one physical tile -----------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Programming turns the blocks that share a tile into conductance pairs on each plane, adds what
// programming, spreads and stuck devices do to them, and draws what later times need. A state is a
// pure function of target, blocks, seed and tile id: it is made again from these, or read back
// from a chip file, and both give the same bits. Cells that no block uses rest at g_min,
// unprogrammed, and load their column. Buffers are reused from tile to tile; one thread owns one
// state.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/exec/Kernels.h"
#include "aimc/exec/Target.h"
#include "aimc/model/Compensation.h"
#include "aimc/model/Limits.h"
#include "aimc/model/Scale.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace aimc::exec {

std::string scaleRuleText(const model::ScaleRule &rule); ///< as model::parseScaleRule reads it
const char *compensateText(model::Compensate compensate);

/// The passes of a target's DAC, least significant first.
std::vector<model::DacPass> dacPasses(const Target &target);

/// Parts of the model that a run may switch off, each alone.
struct Effects {
  bool programming = true, wire = true, dac = true, adc = true, readNoise = true;
  bool variation = true; ///< spreads, stuck devices, wire spread, ADC gain and offset
};

/// The devices of a target with the scales of what is switched off at 0.
model::DeviceModel deviceInForce(const Target &target, const Effects &effects);

/// What a block brings to its tile.
struct TileBlock {
  model::WeightView weight;
  int64_t atRow = 0, atCol = 0;
  const float *scales = nullptr;   ///< s_j [cols]; null: by `rule`
  const float *activity = nullptr; ///< [rows x 32], row sums 1; null: unknown
  model::ScaleRule rule;
  model::Compensate compensate = model::Compensate::None;
};

/// Names a tile in random streams; its numbers lie in model::limits::kTargets and kChipOrTile.
struct TileId {
  uint64_t target = 0, chip = 0, tile = 0;
  uint64_t stream() const { return model::limits::tileStream(target, chip, tile); }
  uint64_t chipStream() const { return model::limits::tileStream(target, chip, 0); }
};

/// One crossbar: pair k of every block of a tile. Row-major [rows x cols] of the whole array.
struct Plane {
  AlignedVector<float> plus, minus;             ///< uS, as programmed
  AlignedVector<float> plusLife, minusLife;     ///< model::lifeRow; empty: time changes nothing
  AlignedVector<float> columnFactor, rowFactor; ///< pieces of wire; empty: uniform
  AlignedVector<float> gain, offsetLsb;         ///< ADC [cols]; empty: 1 and 0
};

class TileState {
public:
  struct Request {
    const Target *target = nullptr;
    std::span<const TileBlock> blocks;
    TileId id;
    uint64_t seed = 0;
    Effects effects;
    bool life = false; ///< what later times need is wanted
    /// Targets of the whole array [pairs x rows x cols] in place of those of the weights.
    const float *givenPlus = nullptr, *givenMinus = nullptr;
  };

  /// Targets, then programming: from nothing to the state right after programming.
  void program(const Request &request);
  /// A state whose planes and digital scales the caller fills.
  std::vector<Plane> &restore(const Request &request);
  /// What reads see `seconds` after programming; nothing given: time does not exist.
  void setTime(std::optional<double> seconds);

  const std::vector<Plane> &planes() const { return state; }
  /// Conductances at the time set; of the whole array.
  model::TileView now(size_t plane) const;
  /// Before programming, with compensation; of the whole array. Where `keepTargets` was set
  /// before program().
  model::TileView targets(size_t plane) const;
  bool keepTargets = false;
  /// Wires in force, with the factors of a plane.
  model::Wires wires(size_t plane) const;
  /// Block `b` of the request in the array.
  model::BlockWindow window(size_t b) const;
  /// What the scales that program() chose by a rule leave, over all blocks.
  const model::ScaleReport &scaleReport() const { return scaled; }
  /// s_j of block `b`.
  std::span<const float> scales(size_t b) const;
  /// What a read of block `b` on a plane is multiplied with per column: s_j / c_j.
  std::span<const float> digitalScales(size_t b, size_t plane) const;
  /// The same of all blocks, one after the other; to be filled after restore().
  std::span<float> digital(size_t plane) { return digitalValues[plane]; }

private:
  void chooseScales();
  void placeTargets();
  void compensate();
  void programPlane(size_t plane);
  void programRows(size_t plane, const TileBlock &block, uint32_t device);
  void drawWires(size_t plane);
  void drawConverters(size_t plane);
  void age(size_t plane, const TileBlock &block, uint32_t device, double seconds);
  void stick(const TileBlock &block, uint32_t sub, int64_t row, float *cells);
  model::Stream stream(model::StreamKind kind, uint32_t sub) const;

  Request request;
  model::DeviceModel kind;
  std::vector<Plane> state, wanted;
  std::vector<AlignedVector<float>> plusNow, minusNow; ///< per plane; empty: as programmed
  AlignedVector<float> normals, uniform, column, before;
  std::vector<float> scaleValues;
  std::vector<std::vector<float>> digitalValues; ///< per plane, as scaleValues
  std::vector<size_t> firstScale;                ///< per block
  model::ScaleReport scaled;
  bool aged = false;
};

} // namespace aimc::exec
