//===- DeviceFits.h - published fits of the device kinds -------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The numbers of docs/Physics.md section 4, once, each kind with its polynomials of r = g / g_max.
// Inline so that row loops vectorise over them.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/model/DeviceMath.h"
#include "aimc/model/Drift.h"
#include "aimc/model/Limits.h"
#include "aimc/model/Programming.h"

#include <cmath>

namespace aimc::model::fits {

inline constexpr double kDay = 86400;
inline constexpr float kSmallestRatio = 1e-7f;

inline float clamp(float x, float low, float high) { return x < low ? low : (x > high ? high : x); }

/// log r for fits, floored.
inline float logRatio(float g, float gMax) {
  const float r = (g < 0.0f ? -g : g) / gMax;
  return device_math::log(r > kSmallestRatio ? r : kSmallestRatio);
}

/// Mean and standard deviation of a drift exponent.
struct Exponent {
  float mean, deviation;
};

/// IBM Hermes chip, PCM, one device per polarity. AIHWKIT noise/hermes.py, num_devices = 1.
struct Hermes1 {
  static constexpr double kReferenceUS = limits::kHermes1US.high, kStartS = 200, kReadS = 512e-9;
  template <class T> static T programming(T r) {
    return T(0.15781817) + r * (T(2.32443916) + r * (T(-2.16310839) + r * T(0.68841818)));
  }
  static Exponent drift(float r, float l) {
    const float meanLow = clamp(-0.0387f * l - 0.0182f, 0.072f, 0.13f);
    const float meanHigh = -0.0436f * r * r - 0.0126f * r + 0.0736f;
    const float low = clamp(-0.0120f * l - 0.0023f, 0.0124f, 0.04f);
    const float high = -0.0165f * r * r + 0.0116f * r + 0.0104f;
    return {r < 0.0945f ? meanLow : meanHigh, r < 0.3039f ? low : high};
  }
  static float read(float r, float l) {
    const float low = clamp(-0.0078f * l + 0.0038f, 0.0179f, 0.04f);
    const float high = 0.0664f * r * r * r - 0.1352f * r * r + 0.0768f * r + 0.0088f;
    return r < 0.1591f ? low : high;
  }
};

/// The same chip with two devices per polarity, which share the conductance.
struct Hermes2 {
  static constexpr double kReferenceUS = limits::kHermes2US.high, kStartS = 300, kReadS = 512e-9;
  template <class T> static T programming(T r) {
    return T(0.16603222) + r * (T(4.71806468) + r * (T(-8.48101252) + r * T(4.68961419)));
  }
  static Exponent drift(float r, float l) {
    const float low = clamp(-0.0117f * l - 0.0057f, 0.0091f, 0.04f);
    const float high = -0.0118f * r * r + 0.0093f * r + 0.0073f;
    return {Hermes1::drift(r, l).mean, r < 0.3055f ? low : high};
  }
  static float read(float r, float l) {
    const float low = clamp(-0.0117f * l - 0.0069f, 0.015f, 0.04f);
    const float high = 0.0069f * r * r * r - 0.0280f * r * r + 0.0211f * r + 0.0123f;
    return r < 0.16f ? low : high;
  }
};

/// Mushroom-type PCM. AIHWKIT noise/pcm.py.
struct Pcm {
  static constexpr double kStartS = kPcmDriftStartS, kReadS = 250e-9;
  static Exponent drift(float, float l) {
    return {clamp(-0.0155f * l + 0.0244f, 0.049f, 0.1f),
            clamp(-0.0125f * l - 0.0059f, 0.008f, 0.045f)};
  }
  static float read(float, float l) {
    const float power = device_math::exp(0.65f * l); // r^0.65
    const float q = 0.0088f / (power > 1e-3f ? power : 1e-3f);
    return q < 0.2f ? q : 0.2f;
  }
};

/// ReRAM of Wan et al., Nature 2022, as fitted in AIHWKIT noise/reram.py: deviation from the
/// target at three times. The reference of its coefficients is 40 uS.
struct Wan {
  static constexpr double kReferenceUS = 40;
  struct Law {
    double timeS;
    double c[5];
  };
  static constexpr Law kLaws[3] = {
      {1, {0.348, 16.030, -43.853, 45.393, -16.815}},
      {kDay, {0.701, 22.086, -50.773, 47.095, -16.458}},
      {2 * kDay, {0.782, 20.274, -43.507, 37.062, -11.934}},
  };
  template <class T> static T deviation(const Law &law, T r) {
    T sum = T(law.c[4]);
    for (int k = 3; k >= 0; --k)
      sum = sum * r + T(law.c[k]);
    return sum;
  }
  /// The law of a time, null where there is none.
  static const Law *at(double seconds) {
    for (const Law &law : kLaws)
      if (law.timeS == seconds)
        return &law;
    return nullptr;
  }
};

/// Filamentary CMO/HfOx ReRAM. AIHWKIT noise/reram.py. g in uS, not relative.
struct Cmo {
  static constexpr double kReadS = 1e-6;
  static constexpr double kRelaxationMean = -0.08900206;
  static constexpr double kRelaxation0 = 0.41183342, kRelaxation1 = 0.04201137;
  template <class T> static T programming(T g, bool narrow) {
    return narrow ? T(0.00081107) + T(0.00106879) * g : T(0.0112185391) + T(0.01129027418) * g;
  }
  /// Coefficient of the low-frequency noise, uS.
  static float read(float g) {
    constexpr float kPerDecade = 0.0277316483f * 0.43429448190f; // log10 from log
    return kPerDecade * device_math::log(g > 1.0f ? g : 1.0f);
  }
};

} // namespace aimc::model::fits
