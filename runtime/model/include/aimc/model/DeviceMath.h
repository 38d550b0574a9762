//===- DeviceMath.h - logarithm and exponential that vectorise -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Single-precision log and exp from products, sums and bit operations alone: loops over them
// vectorise, and they give the same bits on every machine, which the C library does not promise.
// Relative error of exp 2e-7 on |x| < 87, absolute error of log 3e-7 + half a unit in the last
// place (test/runtime/model/DeviceTest).
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/model/NormalTransform.h"

#include <bit>
#include <cstdint>

namespace aimc::model::device_math {

/// Natural logarithm of a positive normal number.
inline float log(float x) {
  using namespace normal_transform;
  const int32_t bits = std::bit_cast<int32_t>(x);
  const int32_t exponent = (bits - kSqrtHalfBits) >> 23;
  const float f = std::bit_cast<float>(bits - (exponent << 23)) - 1.0f;
  float p = kLog[6];
  for (int i = 5; i >= 0; --i)
    p = p * f + kLog[i];
  const float f2 = f * f;
  return static_cast<float>(exponent) * kLn2 + ((p * f) * f2 - 0.5f * f2 + f);
}

/// e^x for x in [-87, 88], the value of the nearer end beyond.
inline float exp(float x) {
  constexpr float kInverseLn2 = 1.44269504089f;
  constexpr float kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f; // exact product with integers
  const float limited = x < -87.0f ? -87.0f : (x > 88.0f ? 88.0f : x);
  const float shifted = limited * kInverseLn2;
  const auto k = static_cast<int32_t>(shifted + (shifted < 0.0f ? -0.5f : 0.5f));
  const float n = static_cast<float>(k);
  const float r = (limited - n * kLn2High) - n * kLn2Low;
  float p = 1.0f / 5040;
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  return p * std::bit_cast<float>((k + 127) << 23);
}

/// Distribution function of N(0,1), absolute error 1e-7 (Abramowitz and Stegun 26.2.17).
inline float normalCdf(float x) {
  const float a = x < 0.0f ? -x : x;
  const float t = 1.0f / (1.0f + 0.2316419f * a);
  float p = 1.330274429f;
  p = p * t - 1.821255978f;
  p = p * t + 1.781477937f;
  p = p * t - 0.356563782f;
  p = p * t + 0.319381530f;
  const float tail = 0.39894228f * exp(-0.5f * a * a) * (p * t);
  return x < 0.0f ? tail : 1.0f - tail;
}

} // namespace aimc::model::device_math
