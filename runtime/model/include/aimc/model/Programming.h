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

#include <cstdint>

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

/// Program n devices in place with the draws `xi` [n].
void pcmProgramRow(float *g, const float *xi, int64_t n, DeviceRange range);

/// Digital factor that turns a charge of 1 fC per tick-unit back into the weight's unit:
/// w x = charge * digitalScale * (range / levels). `s` is the column scale.
template <class T> T digitalScale(T s, T readVolt, T tickNs, T gMin, T gMax) {
  return s / (readVolt * tickNs * (gMax - gMin));
}

} // namespace aimc::model
