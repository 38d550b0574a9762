//===- SlotsImpl.h - when which rows conduct -------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Groups of ticks (aimc/model/TickGroups.h) of sixteen rows at a time. Included after one of the
// Lanes headers.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "KernelTable.h"
#include "aimc/model/TickGroups.h"

namespace {

constexpr int64_t kMaxRows = 1 << 14;
constexpr int kMaxTicks = aimc::model::kMaxTicks;
constexpr int kMaxGroups = aimc::model::kMaxTickGroups;
using aimc::model::TickGroups;

/// Largest of 16 values.
inline float largest(F16 v) {
  alignas(64) float lane[16];
  store(lane, v);
  float most = lane[0];
  for (int i = 1; i < 16; ++i)
    most = lane[i] > most ? lane[i] : most;
  return most;
}

/// Index of the tick that a magnitude ends in: its ceiling, at most `longest`.
inline int endTick(float magnitude, int longest) {
  const auto top = static_cast<float>(longest);
  const float held = magnitude < top ? magnitude : top;
  const int whole = static_cast<int>(held);
  return whole + (static_cast<float>(whole) < held ? 1 : 0);
}

/// The same for sixteen signed pulses.
inline void endTicks(F16 pulses, int longest, int32_t *out) {
  const F16 size = abs(pulses), whole = trunc(size);
  // 1 where a fraction is left: its smallest is far above 1e-30.
  const F16 up = min(mul(sub(size, whole), set1(1e30f)), set1(1.0f));
  alignas(64) float ends[16];
  store(ends, min(add(whole, up), set1(static_cast<float>(longest))));
  for (int i = 0; i < 16; ++i)
    out[i] = static_cast<int32_t>(ends[i]);
}

/// `ends[t]`: rows whose pulse ends in tick t.
inline void cutTicks(const int *ends, int longest, int groups, TickGroups &out) {
  aimc::model::cutTicks(ends, longest, groups, out, [](float *values, int n) {
    for (int t = 0; t < n; t += 16)
      store(values + t, sqrt(load(values + t)));
  });
}

} // namespace
