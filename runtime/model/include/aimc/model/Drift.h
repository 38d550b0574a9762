//===- Drift.h - PCM conductance drift -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A programmed device relaxes as g_D = g_P ((t + t0) / t0)^-nu, t0 = 20 s, with its own exponent
//   mu_nu = [-0.0155 log r + 0.0244] in [0.049, 0.1],
//   sigma_nu = [-0.0125 log r - 0.0059] in [0.008, 0.045], nu = |mu_nu + sigma_nu xi|
// drawn once at programming; r = g_P / g_max, floored at 1e-7, log natural.
// Source: AIHWKIT noise/pcm.py; docs/Physics.md section 4.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/model/Programming.h"

#include <cmath>

namespace aimc::model {

inline constexpr double kPcmDriftStartS = 20.0;

/// Drift exponent of a device programmed to g, from a draw xi ~ N(0,1).
template <class T> T pcmDriftExponent(T g, T gMax, T xi) {
  using std::abs, std::log;
  const T r = g / gMax;
  const T l = log(r > T(1e-7) ? r : T(1e-7));
  const auto clamp = [](T x, T lo, T hi) { return x < lo ? lo : (x > hi ? hi : x); };
  const T mean = clamp(T(-0.0155) * l + T(0.0244), T(0.049), T(0.1));
  const T sigma = clamp(T(-0.0125) * l - T(0.0059), T(0.008), T(0.045));
  return abs(mean + sigma * xi);
}

/// Conductance `seconds` after programming, uS.
template <class T> T pcmDrifted(T g, T exponent, T seconds) {
  using std::exp, std::log;
  const T start = T(kPcmDriftStartS);
  return g * exp(-exponent * log((seconds + start) / start));
}

/// Drift n devices in place with the draws `xi` [n].
void pcmDriftRow(float *g, const float *xi, int64_t n, DeviceRange range, double seconds);

} // namespace aimc::model
