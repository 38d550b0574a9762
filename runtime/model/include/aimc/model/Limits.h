//===- Limits.h - the ranges that a target's numbers lie in ----*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// One set of limits for who writes a target (the dialect's verifiers) and who reads one (the
// runtime), so that what compiles also opens. Both ends of a range belong to it. The smallest
// values above zero keep quotients finite, the largest keep products of sizes far from overflow.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>

namespace aimc::model::limits {

struct Integers {
  int64_t low, high;
};
struct Reals {
  double low, high;
};

inline constexpr Integers kSide{1, 16384}, kPairs{1, 8};
inline constexpr Reals kSignificance{1e-6, 1e6};

inline constexpr Reals kGMaxUS{1e-6, 1000}; ///< and g_min in [0, g_max)
/// Conductances that these kinds are characterised for; their windows lie inside.
inline constexpr Reals kHermes1US{0, 10.35}, kHermes2US{0, 20.7}, kReramCmoUS{1, 100};
inline constexpr Reals kNoiseScale{0, 100};    ///< programming, read noise, drift
inline constexpr Reals kProbability{0, 1};     ///< of a stuck device; both together at most 1
inline constexpr Reals kSpread{0, 1};          ///< a relative standard deviation
inline constexpr double kAcceptance[]{0.2, 2}; ///< percent, kind reram_cmo

inline constexpr Reals kWireOhm{0, 1000};    ///< one piece between two cells
inline constexpr Reals kTerminalOhm{0, 1e6}; ///< driver, ADC

inline constexpr Integers kDacBits{2, 9};
inline constexpr Reals kReadV{1e-6, 1}, kTickNs{1e-6, 4096};

inline constexpr Integers kAdcBits{2, 24};
inline constexpr Reals kLsbFC{1e-9, 1e9}, kOffsetSpreadLsb{0, 1e6}, kOffsetV{-1, 1};

/// Pulse lengths for which the read noise of PCM is known, ns. Longer ones count as the longest.
inline constexpr Reals kPcmPulseNs{1, 4096};

/// What names a tile in random streams, whoever draws: 4 bits of the target's number, 30 of the
/// chip's, 30 of the tile's. Beyond them two tiles would have the same devices.
inline constexpr int kTargetBits = 4, kTileBits = 30;
inline constexpr Integers kTargets{1, int64_t{1} << kTargetBits};
inline constexpr Integers kChipOrTile{0, (int64_t{1} << kTileBits) - 1};
constexpr uint64_t tileStream(uint64_t target, uint64_t chip, uint64_t tile) {
  return target << (2 * kTileBits) | chip << kTileBits | tile;
}

/// Bins of a row's activity over the DAC's range.
inline constexpr int64_t kActivityBins = 32;

} // namespace aimc::model::limits
