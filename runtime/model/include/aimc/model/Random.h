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
enum class StreamKind : uint32_t { Programming = 1, Read = 2, Drift = 3, Adc = 4 };

/// One stream of draws: what to key the generator with.
struct Stream {
  uint32_t key[2];     ///< Philox key
  uint32_t counter[2]; ///< high half of the Philox counter; the low half counts draws
};

/// The stream of (seed, kind, id, sub). `id` names the thing that is random (a tile, or a call
/// site and a block), `sub` its occurrence (the number of the read).
Stream makeStream(uint64_t seed, StreamKind kind, uint64_t id, uint32_t sub = 0);

/// Four uniform words of a stream.
std::array<uint32_t, 4> draw(const Stream &stream, uint32_t low, uint32_t high);

/// N(0,1) for a cell (row, column) of a stream. Columns come in groups of 32; within a group, word
/// w of draw `column / 32 * 8 + lane` belongs to column 8 w + lane.
float normal(const Stream &stream, uint32_t row, uint32_t column);

/// Two independent N(0,1) values from two uniform words (Box-Muller, single precision, largest
/// magnitude 6.66).
struct NormalPair {
  float first, second;
};
NormalPair boxMuller(uint32_t radiusWord, uint32_t angleWord);

} // namespace aimc::model
