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

/// Coefficients of the normal transform, shared with the vectorised versions.
namespace normal_transform {
/// log(1+f) = f - f^2/2 + f^3 (l0 + l1 f + ... + l6 f^6) on [sqrt(1/2)-1, sqrt(2)-1], 3e-8.
inline constexpr float kLog[7] = {0.33333910f, -0.25001338f, 0.19963062f, -0.16577587f,
                                  0.14914787f, -0.14267476f, 0.087003596f};
inline constexpr float kLn2 = 0.69314718056f;
inline constexpr int32_t kSqrtHalfBits = 0x3f3504f3;
/// sin x = x + x^3 (s0 + s1 x^2 + s2 x^4) on |x| <= pi/4.
inline constexpr float kSin[3] = {-0.16666655f, 8.3321780e-3f, -1.9517298e-4f};
/// cos x = 1 - x^2/2 + x^4 (c0 + c1 x^2 + c2 x^4) on |x| <= pi/4.
inline constexpr float kCos[3] = {4.1666646e-2f, -1.3887368e-3f, 2.4438450e-5f};
inline constexpr float kRadians = 1.4629180793e-9f;   ///< 2 pi / 2^32
inline constexpr float kUniform = 4.6566128731e-10f;  ///< 2^-31
inline constexpr float kHalfStep = 2.3283064365e-10f; ///< 2^-32
} // namespace normal_transform

} // namespace aimc::model
