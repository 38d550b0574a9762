//===- DeviceVariation.h - stuck devices and spreads ------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A device is stuck at g_min (off) or g_max (on) with given probabilities, whatever is programmed
// and whenever it is read: stuckRow is the last thing that happens to a row, each time from the
// same uniform draws. Spreads are relative standard deviations of conductance, drawn once per chip
// instance at four levels that multiply:
//   g (1 + s_chip xi) (1 + s_tile xi') (1 + s_column xi'') (1 + s_device xi'''), factors >= 0
// A column's factor is common to both devices of its pairs.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/model/Programming.h"

#include <cstdint>

namespace aimc::model {

/// 1 + deviation * xi, at least 0.
inline float spreadFactor(double deviation, float xi) {
  const float factor = 1.0f + static_cast<float>(deviation) * xi;
  return factor > 0.0f ? factor : 0.0f;
}

/// Multiplies n devices by `common` (chip and tile), by `column` [n] where it is not null, and by
/// factors of their own from `xi` [n] where `deviation` is not 0.
void spreadRow(float *g, float common, const float *column, double deviation, const float *xi,
               int64_t n);

/// Puts devices whose draw `uniform` [n] in [0, 1) falls below `off` at g_min, those at or above
/// 1 - `on` at g_max.
void stuckRow(float *g, const float *uniform, int64_t n, double off, double on, DeviceRange range);

} // namespace aimc::model
