//===- Scale.h - the conductance scale of a column -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// s_j is the weight that g_max stands for; larger weights are clipped. Noise is relative to g_max,
// so a smaller s_j means less noise and more clipping:
//   max        s_j = max_i |w_ij|
//   sigma:<q>  s_j = q standard deviations of the column, at most max |w|
//   optimal    s_j = argmin_c sum_i (clamp(w_ij, -c, c) - w_ij)^2 + c^2 sum_i sigma_i(c)^2
// where sigma_i(c)^2 is the variance of the pair that holds w_ij at scale c, in units of the span
// g_max - g_min, from the device's own noise. Needs no data. Source: docs/Physics.md section 5.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/model/Programming.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

namespace aimc::model {

struct ScaleRule {
  enum class Kind : uint8_t { Max, Sigma, Optimal } kind = Kind::Max;
  double sigmas = 3; ///< kind sigma
};

/// `max`, `sigma:<q>` with q > 0, or `optimal`.
std::optional<ScaleRule> parseScaleRule(std::string_view text);

/// Standard deviation of a device's conductance relative to g_max, at target r = g / g_max.
using RelativeNoise = std::function<double(double)>;

/// What the scales of a block leave, as sums over all its cells.
struct ScaleReport {
  int64_t cells = 0, clipped = 0;
  double clipError = 0;  ///< sum of (clamped - w)^2
  double noiseError = 0; ///< expected sum of squared noise, in weight units; 0 without noise
  double power = 0;      ///< sum of w^2

  double clippedShare() const {
    return cells > 0 ? static_cast<double>(clipped) / static_cast<double>(cells) : 0.0;
  }
};

/// Share of clipped weights beyond which a scale is a mistake: sigma:1 clips a third of a normal
/// distribution.
inline constexpr double kHeavyClipping = 0.5;

/// s_j of every column into `scale` [cols]. `noise` may be empty: then `optimal` is `max`.
ScaleReport chooseScales(const WeightView &w, const ScaleRule &rule, DeviceRange range,
                         const RelativeNoise &noise, float *scale);

} // namespace aimc::model
