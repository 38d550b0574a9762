//===- Compensation.h - targets that a tile's wires turn into the wanted ones -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The matrix that a tile multiplies with is a known function of its conductances, so targets u' can
// be chosen such that it is c_j times the wanted one:
//   Weff_ij(u') = c_j (g_max - g_min) u_ij,   |u'| <= 1
// with the largest c_j that the column's range allows, by fixed-point sweeps over the whole
// tile: blocks that share columns load each other. Idle rows at mid-rail: Weff is the fold of
// Ladder.h or Crossbar.h. Disconnected idle rows: the mean field of OpenRows.h, block by block, and
// optionally pulse lengths pre-distorted per input vector, such that z_i(d') / Tm^ref_i is the
// wanted length; then c_j also brings heavy columns down to an equal load, because one reference
// column stands for all. `gain` leaves targets alone and gives each column the factor that fits
// best. Source: docs/Physics.md section 5.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/model/OneProduct.h"
#include "aimc/model/Programming.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace aimc::model {

enum class Compensate : uint8_t { None, Gain, Weights, WeightsAndPulses };

/// `none`, `gain`, `weights`, `weights+pulses` or `weights_pulses`.
std::optional<Compensate> parseCompensate(std::string_view text);

/// One block of a tile (one plane of pairs), with its wanted normalised targets.
struct CompensationBlock {
  BlockWindow window;
  Compensate mode = Compensate::None;
  const float *target = nullptr; ///< u [window.rows x targetStride] in [-1, 1]
  int64_t targetStride = 0;
  const float *histogram = nullptr; ///< [window.rows x 32] of |x| / range; null: default activity
};

struct CompensationTile {
  int64_t rows = 0, cols = 0;
  DeviceRange range;
  Wires wires;
  Readout readout = Readout::Single;
  Idle idle = Idle::Midrail;
  std::vector<DacPass> passes; ///< for idle = open; empty: one pass of 8 bits
  int sweeps = 8;
};

/// What a block shall hold: program u', and read y_j / columnFactor_j.
struct CompensatedBlock {
  std::vector<float> target;       ///< u' [window.rows x window.cols] in [-1, 1]
  std::vector<float> columnFactor; ///< c_j [window.cols] > 0
  /// Relative root-mean-square error of the folded (for open rows: mean-field) matrix to the
  /// wanted one, weighted with the rows' input power: as it is, and after compensation.
  double errorBefore = 0, errorAfter = 0;
};

/// Compensates every block of a tile by its own mode; modes `none` and `gain` keep u' = u and load
/// the columns with it.
std::vector<CompensatedBlock> compensateTile(const CompensationTile &tile,
                                             std::span<const CompensationBlock> blocks);

inline constexpr double kPulseHeadroom = 1.08; ///< inputs are scaled down so that pulses can grow
inline constexpr int kPulseSweeps = 4;

/// Pulse lengths d' for a block whose wanted magnitudes are `wanted` [rows] ticks (before the DAC
/// rounds; clamped to `longest`), so that what arrives through the reference column is the wanted
/// length times its mean attenuation. `longest`: ticks that a pulse can have; results are whole
/// ticks, ties to even. `sides`: OneProduct::pulses; sides that have columns count alike.
/// `headroom` > 0: pulses aim at wanted / headroom; 0: at wanted, divided by no more than this
/// vector's longest pulse needs, at least 1. Returns what charges must be multiplied with: the
/// headroom, or the vector's own.
double predistortPulses(std::span<const MeanReference> sides, std::span<const double> wanted,
                        int32_t longest, std::span<double> pulses,
                        double headroom = kPulseHeadroom);

} // namespace aimc::model
