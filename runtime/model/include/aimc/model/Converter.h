//===- Converter.h - input converter (DAC) -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A DAC turns a number into a signed pulse duration: k = round(x / range * levels) ticks, clamped
// to +-levels, levels = 2^(bits-1) - 1 (one_pass: one pulse per input). The range is fixed
// (learned or calibrated) or the largest magnitude of the vector within the tile's row block.
// The quotient is defined in single precision with one rounding of levels / range and one of the
// product, so every implementation takes the same decision at a boundary.
// Source: docs/Physics.md section 3.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cmath>
#include <cstdint>
#include <span>

namespace aimc::model {

/// Number of positive steps of a signed converter of `bits` bits.
constexpr int32_t converterLevels(int bits) { return (int32_t(1) << (bits - 1)) - 1; }

/// Largest magnitude of a vector; NaN entries are ignored here and reported by the caller.
inline float absMax(std::span<const float> x) {
  float top = 0.0f;
  for (float v : x)
    top = std::fabs(v) > top ? std::fabs(v) : top;
  return top;
}

/// Ticks per unit of input; an all-zero vector (range 0) gives 0: no pulses at all. So does a
/// range so small that the quotient leaves single precision.
inline float ticksPerUnit(float range, int32_t levels) {
  const float inverse = range > 0.0f ? static_cast<float>(levels) / range : 0.0f;
  return std::isinf(inverse) ? 0.0f : inverse;
}

/// Signed ticks of one input, ties to even.
inline float quantise(float x, float inverse, int32_t levels) {
  const float top = static_cast<float>(levels);
  const float k = std::nearbyint(x * inverse);
  return k > top ? top : (k < -top ? -top : k);
}

} // namespace aimc::model
