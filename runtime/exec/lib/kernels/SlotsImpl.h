//===- SlotsImpl.h - when which rows conduct -------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A read with open idle rows is cut into groups of ticks. In a group each row counts with the part
// of its ticks that it conducts for: exact where a circuit answers linearly, second order in the
// group's length elsewhere. Groups are short where many rows conduct: their edges are equal steps
// of the running sum of sqrt(rows that conduct), which on measured layers needs a quarter of the
// ticks for 1e-4. Included after one of the Lanes headers.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "KernelTable.h"

namespace {

constexpr int64_t kMaxRows = 1 << 14;
constexpr int kMaxTicks = 256; ///< of a pulse; converters have up to 9 bits
constexpr int kMaxGroups = 64;

struct TickGroups {
  int count = 0;
  float begin[kMaxGroups], width[kMaxGroups], perWidth[kMaxGroups];
  uint8_t of[kMaxTicks + 1]; ///< group of the ticks (t - 1, t]
};

/// Index of the tick that a magnitude ends in: its ceiling, at most `longest`.
inline int endTick(float magnitude, int longest) {
  const int whole = static_cast<int>(magnitude);
  const int up = whole + (static_cast<float>(whole) < magnitude ? 1 : 0);
  return up < longest ? up : longest;
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
  alignas(64) float root[kMaxTicks + 16];
  int on = 0, last = 0;
  for (int t = longest; t > 0; --t) {
    on += ends[t];
    root[t] = static_cast<float>(on);
    last = last == 0 && on > 0 ? t : last;
  }
  root[0] = 0.0f;
  for (int t = longest + 1; t < kMaxTicks + 16; ++t)
    root[t] = 0.0f;
  for (int t = 0; t <= last; t += 16)
    store(root + t, sqrt(load(root + t)));
  float total = 0.0f;
  for (int t = 1; t <= last; ++t)
    total += root[t];
  const bool each = last <= groups;
  const float step = total / static_cast<float>(groups);
  float sum = 0.0f, next = step;
  int begin = 0;
  out.count = 0;
  out.of[0] = 0;
  for (int t = 1; t <= last; ++t) {
    sum += root[t];
    out.of[t] = static_cast<uint8_t>(out.count);
    if (each || t == last || (sum >= next && out.count < groups - 1)) {
      out.begin[out.count] = static_cast<float>(begin);
      out.width[out.count] = static_cast<float>(t - begin);
      out.perWidth[out.count] = 1.0f / static_cast<float>(t - begin);
      ++out.count;
      begin = t;
      while (next <= sum)
        next += step;
    }
  }
  for (int t = last + 1; t <= longest; ++t) // no row ends there
    out.of[t] = static_cast<uint8_t>(out.count > 0 ? out.count - 1 : 0);
}

} // namespace
