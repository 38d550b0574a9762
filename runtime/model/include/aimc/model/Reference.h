//===- Reference.h - naive tile read in double precision -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The oracle of the fast kernels: one physical tile, one block in it, one input vector at a time,
// as a reader of docs/Physics.md would write it. The circuit is followed through the read interval
// by interval (between two distinct pulse ends nothing changes): a Norton equivalent carried down
// each column, or, where rows have resistance, the node equations of the whole network. No folded
// matrix, no mean field, no closed-form variance. Slow on purpose.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/model/Activity.h"
#include "aimc/model/Adc.h"
#include "aimc/model/Ladder.h"

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace aimc::model {

/// What a read needs to know of a tile's circuit.
struct ReadCircuit {
  Wires wires;
  Readout readout = Readout::Single;
  double readVolt = 0.2;
  double tickNs = 1.0;
  Idle idle = Idle::Midrail;
  double vOffV = 0.0; ///< ADC input minus rest level
  /// How long a column with idle rows at mid-rail is integrated: what v_off adds grows with it. 0:
  /// as long as the vector's longest pulse. referenceRead sets the longest pulse of the pass.
  double integrationTicks = 0.0;
};

/// A source of N(0,1) draws.
using NormalSource = std::function<double()>;

/// Charge (fC) of every column of the window when its rows carry pulses of `ticks` [rows] (signed,
/// may be fractional) and all other rows of the tile idle. Every device's conductance fluctuates
/// by one draw of `noise` per read when it is set; `noiseLoads` lets the fluctuation load the
/// column too (the closed form leaves that out; with row wires it always does).
std::vector<double> referenceCharges(const TileView &tile, const BlockWindow &window,
                                     std::span<const double> ticks, const ReadCircuit &circuit,
                                     const NormalSource &noise = {}, bool noiseLoads = false);

/// Gain and offset of the ADCs of a window's columns, and whether what a digital affine calibration
/// can take out is taken out: code = adc(charge / lsb * gain + offset), then (code - offset) /
/// gain.
struct ReferenceAdcSpread {
  std::span<const double> gain, offsetLsb; ///< [cols]; empty: 1 and 0
  bool calibrated = true;
};

/// The whole read of one vector `x` [rows]: DAC (`levels`; `range` <= 0 means the largest
/// magnitude; levels 0 switches quantisation off), charges of each pass, ADC of each pass, digital
/// scale [cols]. Adds to `y` [cols]. Without `passes` one pass carries the whole pulse.
struct ReferenceRead {
  int32_t levels = 127;
  int32_t fullScaleTicks = 127; ///< duration of the largest input
  float range = 0.0f;
  Adc adc;
  std::span<const float> scale; ///< digital factor per column, y per (fC, tick unit)
  std::span<const DacPass> passes = {};
  ReferenceAdcSpread spread = {};
};
void referenceRead(const TileView &tile, const BlockWindow &window, std::span<const float> x,
                   const ReadCircuit &circuit, const ReferenceRead &read, std::span<double> y,
                   const NormalSource &noise = {});

} // namespace aimc::model
