//===- Programming.h - from weights to programmed conductances -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A weight is normalised by its column's scale s_j and becomes a pair of conductances
//   G+ = g_min + (g_max - g_min) max(w/s, 0),  G- = g_min + (g_max - g_min) max(-w/s, 0)
// which programming hits with an error, drawn once per chip instance:
//   sigma_p = (g_max / 25 uS) (0.26348 + 1.9650 r - 1.1731 r^2) uS, r = g / g_max
//   g_P = max(g + sigma_p xi, 0)
// Source: AIHWKIT noise/pcm.py; docs/Physics.md sections 1 and 4.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace aimc::model {

/// Conductance range of a device, uS.
struct DeviceRange {
  double gMinUS = 0.1, gMaxUS = 25.0;
};

template <class T> struct ConductancePair { T plus, minus; };

/// Target of a weight w under scale s (s > 0; a column of zeros has s = 0 and rests at g_min).
template <class T> ConductancePair<T> targetPair(T w, T s, T gMin, T gMax) {
  const T u = s > T(0) ? w / s : T(0);
  const T span = gMax - gMin;
  const T plus = u > T(0) ? u : T(0), minus = u < T(0) ? -u : T(0);
  return {gMin + span * (plus < T(1) ? plus : T(1)), gMin + span * (minus < T(1) ? minus : T(1))};
}

/// How |w| / s spreads over several pairs with significance factors f_k (low to high): a pair is
/// used once those below it are full, so that errors of the devices are amplified as little as
/// can be. Pair k covers [start, start + share] of the whole range.
struct PairShare {
  double start = 0, share = 1;
};
inline std::vector<PairShare> pairShares(std::span<const double> significance) {
  double total = 0, start = 0;
  for (double f : significance)
    total += f;
  std::vector<PairShare> shares;
  for (double f : significance) {
    shares.push_back({start, f / total});
    start += f / total;
  }
  return shares;
}

/// Target of pair k for u = w / s. Summed over the pairs,
///   u = sum_k f_k (G+_k - G-_k) / sum_k f_k (g_max - g_min).
/// One pair gives what targetPair gives, to the bit.
template <class T> ConductancePair<T> targetPairOf(T u, PairShare pair, T gMin, T gMax) {
  const T start = static_cast<T>(pair.start), share = static_cast<T>(pair.share);
  const T span = gMax - gMin;
  const auto part = [&](T x) {
    const T p = (x - start) / share;
    return gMin + span * (p < T(0) ? T(0) : (p < T(1) ? p : T(1)));
  };
  return {part(u > T(0) ? u : T(0)), part(u < T(0) ? -u : T(0))};
}

/// All pairs of one weight: plus[k], minus[k].
template <class T>
void targetPairs(T u, std::span<const double> significance, T gMin, T gMax, T *plus, T *minus) {
  size_t k = 0;
  for (PairShare share : pairShares(significance)) {
    const auto pair = targetPairOf(u, share, gMin, gMax);
    plus[k] = pair.plus;
    minus[k++] = pair.minus;
  }
}

/// Standard deviation of PCM programming at target g, uS.
template <class T> T pcmProgrammingSigma(T g, T gMax) {
  const T r = g / gMax;
  return (gMax / T(25)) * (T(0.26348) + T(1.9650) * r - T(1.1731) * r * r);
}

/// Conductance that a draw xi ~ N(0,1) programs, uS.
template <class T> T pcmProgrammed(T g, T gMax, T xi) {
  const T programmed = g + pcmProgrammingSigma(g, gMax) * xi;
  return programmed > T(0) ? programmed : T(0);
}

/// A block of a weight in memory: element (i, j) at data[i * rowStride + j * colStride], i = input.
struct WeightView {
  const float *data = nullptr;
  int64_t rows = 0, cols = 0, rowStride = 0, colStride = 1;
};

/// s_j = max_i |w_ij| into `scale` [cols].
void columnScales(const WeightView &w, float *scale);

/// Target pairs of a block into row-major `gPlus`, `gMinus` with row stride `stride`.
void targetBlock(const WeightView &w, const float *scale, DeviceRange range, float *gPlus,
                 float *gMinus, int64_t stride);

/// The same for pair `pair` of several: its plane of the tile.
void targetBlockOfPair(const WeightView &w, const float *scale, DeviceRange range, PairShare pair,
                       float *gPlus, float *gMinus, int64_t stride);

/// Program n devices in place with the draws `xi` [n].
void pcmProgramRow(float *g, const float *xi, int64_t n, DeviceRange range);

/// Digital factor that turns a charge of 1 fC per tick-unit back into the weight's unit:
/// w x = charge * digitalScale * (range / levels). `s` is the column scale.
template <class T> T digitalScale(T s, T readVolt, T tickNs, T gMin, T gMax) {
  return s / (readVolt * tickNs * (gMax - gMin));
}

} // namespace aimc::model
