//===- Random.h - counter-based random numbers -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Every random number of a simulation is a pure function of (seed, stream, id, row, column), so a
// result does not depend on threads, batch splits, tile order or machine. Philox4x32-10
// (Random123) gives the bits. The normal transform is written with explicit fused multiply-adds
// in a fixed order, so that a vectorised version gives the same bits as this one.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <array>
#include <cstdint>

namespace aimc::model {

/// Independent families of draws. The values are part of what a seed means: never renumber.
enum class StreamKind : uint32_t {
  Programming = 1,
  Read = 2,
  Drift = 3,
  Adc = 4,
  OneOverF = 5, ///< deviations that are frozen during a run; keyed by time as well, see atTime
  Stuck = 6,    ///< uniform
  ChipSpread = 7,
  TileSpread = 8,
  ColumnSpread = 9,
  DeviceSpread = 10,
  Wire = 11, ///< column wire in sub 0, row wire in sub 1
  AdcGain = 12,
  AdcOffset = 13,
  Calibration = 14, ///< noise of reads that compensate drift or calibrate an ADC
  Training = 15,    ///< noise of training steps; `id` names the site, `sub` the step
};

/// One stream of draws: what to key the generator with.
struct Stream {
  uint32_t key[2];     ///< Philox key
  uint32_t counter[2]; ///< high half of the Philox counter; the low half counts draws
};

/// The stream of (seed, kind, id, sub). `id` names the thing that is random (a tile, or a call
/// site and a block), `sub` its occurrence (the number of the read).
Stream makeStream(uint64_t seed, StreamKind kind, uint64_t id, uint32_t sub = 0);

/// The stream of the same things at another moment: `seconds` becomes part of the identity.
Stream atTime(const Stream &stream, double seconds);

/// Four uniform words of a stream.
std::array<uint32_t, 4> draw(const Stream &stream, uint32_t low, uint32_t high);

/// N(0,1) for a cell (row, column) of a stream. Columns come in groups of 32; within a group, word
/// w of draw `column / 32 * 8 + lane` belongs to column 8 w + lane.
float normal(const Stream &stream, uint32_t row, uint32_t column);

/// `normal` for cells (row, column0 .. column0 + n), the same bits, many at a time.
void normals(const Stream &stream, uint32_t row, uint32_t column0, int64_t n, float *out);

/// Uniform values in [0, 1), multiples of 2^-24, for cells (row, column0 .. column0 + n); placed
/// in the stream as `normal` places its words.
void uniforms(const Stream &stream, uint32_t row, uint32_t column0, int64_t n, float *out);

/// Two independent N(0,1) values from two uniform words (Box-Muller, single precision, largest
/// magnitude 6.66).
struct NormalPair {
  float first, second;
};
NormalPair boxMuller(uint32_t radiusWord, uint32_t angleWord);

} // namespace aimc::model
