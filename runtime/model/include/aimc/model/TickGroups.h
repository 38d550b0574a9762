//===- TickGroups.h - when which rows conduct, and through what -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A read with open idle rows is cut into groups of ticks. In a group each row counts with the part
// of its ticks that it conducts for: exact where a circuit answers linearly, second order in the
// group's length elsewhere. Groups are short where many rows conduct: their edges are equal steps
// of the running sum of sqrt(rows that conduct), which on measured layers needs a quarter of the
// ticks for 1e-4. A reference column (OneProduct.h) has the cells of a chunk in one place.
//
// Units built for one instruction set include this: no library header, and functions have internal
// linkage, so that no processor runs another's copy.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>

namespace aimc::model {

inline constexpr int64_t kChunkCells = 16; ///< cells of a reference column in one place
inline constexpr int kReferenceGroups = 16;
inline constexpr int kMaxTicks = 256; ///< of a pulse; converters have up to 9 bits
inline constexpr int kMaxTickGroups = 64;

/// Wire in front of step `step` of a walk over the chunks' centres; step = number of chunks: to
/// the virtual ground. The chunk with fewer cells is the one at the last row.
template <class Reference> static float chunkWire(const Reference &r, int64_t step) {
  const int64_t chunks = (r.rows + kChunkCells - 1) / kChunkCells;
  const int64_t rest = r.rows - (chunks - 1) * kChunkCells;
  const int64_t far = r.reversed ? 0 : chunks - 1; // step at which the shorter chunk comes
  const int64_t before = step - 1 == far ? rest : kChunkCells;
  const int64_t here = step == far ? rest : kChunkCells;
  if (step == 0)
    return 0.0f;
  if (step == chunks)
    return r.wire * (0.5f * static_cast<float>(before - 1)) + r.terminal;
  return r.wire * (0.5f * static_cast<float>(before + here));
}

struct TickGroups {
  int count;
  float begin[kMaxTickGroups], width[kMaxTickGroups], perWidth[kMaxTickGroups];
  uint8_t of[kMaxTicks + 1]; ///< group of the ticks (t - 1, t]
};

/// `ends[t]`: rows whose pulse ends in tick t. `roots(values, n)` replaces n floats by their square
/// roots; up to 15 more may be written.
template <class Roots>
static void cutTicks(const int *ends, int longest, int groups, TickGroups &out, Roots roots) {
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
  roots(root, last + 1);
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

/// How much longer than the longest pulse of a DAC the longest of a vector is, where no DAC bounds
/// pulses; else 1. A read is the same at any unit of time, so groups are cut in ticks that are so
/// much longer.
template <class Real> static Real stretchOf(Real top, int longest) {
  const Real stretch = top / static_cast<Real>(longest);
  return stretch > 1 && stretch <= static_cast<Real>(1e30) ? stretch : Real(1);
}
static inline void stretchGroups(float stretch, TickGroups &groups) {
  for (int g = 0; g < groups.count && stretch > 1.0f; ++g) {
    groups.begin[g] *= stretch;
    groups.width[g] *= stretch;
    groups.perWidth[g] /= stretch;
  }
}

} // namespace aimc::model
