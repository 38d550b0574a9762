//===- Reference.h - naive tile read in double precision -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The oracle of the fast kernels: one physical tile, one block in it, one input vector at a time,
// as a reader of docs/Physics.md would write it. The current of each column is followed through
// the read interval by interval (between two distinct pulse ends nothing changes) with a Norton
// equivalent carried down the ladder; no folded matrix, no closed-form variance. Slow on purpose.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/model/Adc.h"
#include "aimc/model/Ladder.h"

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace aimc::model {

/// What a read needs to know of a tile's circuit.
struct ReadCircuit {
  double wireOhm = 0.0; ///< column wire, ohm per cell
  Readout readout = Readout::Single;
  double readVolt = 0.2;
  double tickNs = 1.0;
};

/// Rows [row, row + rows) and columns [col, col + cols) of a tile.
struct BlockWindow {
  int64_t row = 0, rows = 0, col = 0, cols = 0;
};

/// A source of N(0,1) draws.
using NormalSource = std::function<double()>;

/// Charge (fC) of every column of the window when its rows carry pulses of `ticks` [rows] (signed,
/// may be fractional) and all other rows of the tile idle. Every device's conductance fluctuates
/// by one draw of `noise` per read when it is set; `noiseLoads` lets the fluctuation load the
/// column too (the closed form leaves that out).
std::vector<double> referenceCharges(const TileView &tile, const BlockWindow &window,
                                     std::span<const double> ticks, const ReadCircuit &circuit,
                                     const NormalSource &noise = {}, bool noiseLoads = false);

/// The whole read of one vector `x` [rows]: DAC (`levels`; `range` <= 0 means the largest
/// magnitude; levels 0 switches quantisation off), charges, ADC, digital scale [cols]. Adds to
/// `y` [cols].
struct ReferenceRead {
  int32_t levels = 127;
  int32_t fullScaleTicks = 127; ///< duration of the largest input
  float range = 0.0f;
  Adc adc;
  std::span<const float> scale; ///< digital factor per column, y per (fC, tick unit)
};
void referenceRead(const TileView &tile, const BlockWindow &window, std::span<const float> x,
                   const ReadCircuit &circuit, const ReferenceRead &read, std::span<double> y,
                   const NormalSource &noise = {});

} // namespace aimc::model
