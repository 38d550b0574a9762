//===- Scale.h - the conductance scale of a column -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// s_j is the weight that g_max stands for; larger weights are clipped. Noise is relative to g_max,
// so a smaller s_j means less noise and more clipping:
//   max        s_j = max_i |w_ij|
//   sigma:<q>  s_j = q sigma_j + max(q, 1) max(|mu_j| - sigma_j, 0), at most max |w|, with mean
//   mu_j
//              and standard deviation sigma_j of the column: q deviations of a column that lies
//              around zero, and the magnitude of one that hardly differs from its mean
//   optimal    s_j = argmin_c sum_i (clamp(w_ij, -c, c) - w_ij)^2 + c^2 sum_i sigma_i(c)^2
// where sigma_i(c)^2 is the variance of the pair that holds w_ij at scale c, in units of the span
// g_max - g_min, from the device's own noise. Needs no data. Source: docs/Physics.md section 5.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/model/Device.h"
#include "aimc/model/Programming.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string_view>

namespace aimc::model {

struct ScaleRule {
  enum class Kind : uint8_t { Max, Sigma, Optimal } kind = Kind::Max;
  double sigmas = 3; ///< kind sigma
};

/// `max`, `sigma:<q>` with q > 0, or `optimal`.
std::optional<ScaleRule> parseScaleRule(std::string_view text);

/// The rule sigma:<q> from the largest magnitude of a column, its mean and its standard deviation;
/// T is a number or a row of them. Never 0, not even rounded to float, where there are weights.
template <class T> T sigmaScale(const T &top, const T &mean, const T &deviation, double sigmas) {
  using std::max, std::min;
  const T away = max(max(mean, -mean) - deviation, T(0.0));
  const T wanted = T(sigmas) * deviation + T(std::max(sigmas, 1.0)) * away;
  return min(top, max(wanted, T(double(std::numeric_limits<float>::denorm_min()))));
}

/// Standard deviation of a weight's conductance relative to g_max, at target r = g / g_max.
using RelativeNoise = std::function<double(double)>;

/// What programming leaves on what the pairs of a weight hold together, which stand for one pair of
/// the same range; empty for a device without programming error.
RelativeNoise programmingNoise(const DeviceModel &device, std::span<const double> significance);

/// What the scales of a block leave, as sums over all its cells.
struct ScaleReport {
  int64_t cells = 0, clipped = 0;
  double clipError = 0;  ///< sum of (clamped - w)^2
  double noiseError = 0; ///< expected sum of squared noise, in weight units; 0 without noise
  double power = 0;      ///< sum of w^2

  ScaleReport &operator+=(const ScaleReport &part);
  double clippedShare() const {
    return cells > 0 ? static_cast<double>(clipped) / static_cast<double>(cells) : 0.0;
  }
  /// Part of the weights' power that clipping takes.
  double lostShare() const { return power > 0 ? clipError / power : 0.0; }
};

/// s_j of every column into `scale` [cols]. `noise` may be empty: then `optimal` is `max`.
ScaleReport chooseScales(const WeightView &w, const ScaleRule &rule, DeviceRange range,
                         const RelativeNoise &noise, float *scale);

} // namespace aimc::model
