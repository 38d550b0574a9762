//===- OpenImpl.h - columns with open idle rows ----------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Charges of columns whose idle rows are disconnected, one input vector at a time, columns side by
// side. A ladder is walked from the far end with three numbers: b and a, potential and current at
// a place per potential at the far end, and c, the source current seen from there, times b:
//   wire R: b += R a        cell (G, i): a += G b, c += i b        I_out = c / b, G_out = a / b
// No division on the way. `exact` walks the active cells of every slot, four neighbouring slots at
// once because they share nearly all cells. `segments` walks lumps of cells and groups of ticks
// (model/OpenRows.h, SlotsImpl.h). Included after one of the Lanes headers.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "ProductImpl.h"
#include "SlotsImpl.h"

namespace {

using aimc::exec::RawOpen;

constexpr int kSlots = 4;
/// Keeps b, a and c far from overflow.
constexpr float kMostGrowth = 55.0f;

/// Signed durations of one vector in the order of a walk: far end first.
struct Walk {
  float size[kMaxRows], sign[kMaxRows];
  int64_t rows = 0, panelRows = 0;
  bool reversed = false;
  int64_t cell(int64_t step) const { return reversed ? rows - 1 - step : step; }
};

inline void sortDescending(float *v, int64_t n) {
  for (int64_t gap = n / 2; gap > 0; gap /= 2)
    for (int64_t i = gap; i < n; ++i) {
      const float x = v[i];
      int64_t j = i;
      for (; j >= gap && v[j - gap] < x; j -= gap)
        v[j] = v[j - gap];
      v[j] = x;
    }
}

/// Distinct durations above zero, longest first.
inline int64_t distinctDurations(const Walk &walk, float *durations) {
  int64_t n = 0;
  for (int64_t i = 0; i < walk.rows; ++i)
    if (walk.size[i] > 0.0f)
      durations[n++] = walk.size[i];
  sortDescending(durations, n);
  int64_t kept = 0;
  for (int64_t i = 0; i < n; ++i)
    if (kept == 0 || durations[i] != durations[kept - 1])
      durations[kept++] = durations[i];
  return kept;
}

/// A cell of the union of four neighbouring slots.
struct ActiveCell {
  int32_t cell;  ///< row of the block
  int32_t first; ///< conducts in slots first .. 3
  float gap;     ///< pieces of wire that lead to it
  float sign;
};

struct LadderState {
  F16 b[kSlots], a[kSlots], c[kSlots];
};

inline void renormalise(LadderState &s) {
  for (int k = 0; k < kSlots; ++k) {
    const F16 inverse = div(set1(1.0f), s.b[k]);
    s.a[k] = mul(s.a[k], inverse);
    s.c[k] = mul(s.c[k], inverse);
    s.b[k] = set1(1.0f);
  }
}

/// Sixteen columns through four slots; adds to `charge`. `at` is the first column's first cell.
inline void exactSlots(const RawOpen &open, const ActiveCell *cells, int64_t n, float lastGap,
                       const float *width, int64_t at, int64_t column, int64_t rows, bool reversed,
                       int64_t every, float *charge) {
  LadderState s;
#pragma GCC unroll 4
  for (int k = 0; k < kSlots; ++k) {
    s.b[k] = set1(1.0f);
    s.a[k] = s.c[k] = set1(0.0f);
  }
  const float *load_ = open.load + at, *drive = open.drive + at;
  const float *pieces = open.pieces ? open.pieces + at : nullptr;
  int64_t previous = reversed ? rows : -1;
  const auto wireTo = [&](int64_t cell, float gap) {
    if (!pieces)
      return set1(open.wire * gap);
    F16 sum = set1(0.0f);
    if (reversed)
      for (int64_t i = previous - 1; i >= cell; --i)
        sum = add(sum, load(pieces + i * kCols));
    else
      for (int64_t i = previous + 1; i <= cell; ++i)
        sum = add(sum, load(pieces + i * kCols));
    return sum;
  };
  for (int64_t i = 0; i < n; ++i) {
    if (every && i % every == every - 1)
      renormalise(s);
    const ActiveCell &active = cells[i];
    const F16 wire = wireTo(active.cell, active.gap);
    previous = active.cell;
    const F16 g = load(load_ + active.cell * kCols);
    const F16 current = mul(load(drive + active.cell * kCols), set1(active.sign));
#pragma GCC unroll 4
    for (int k = 0; k < kSlots; ++k)
      s.b[k] = fma(wire, s.a[k], s.b[k]);
    if (active.first == 0) {
#pragma GCC unroll 4
      for (int k = 0; k < kSlots; ++k) {
        s.a[k] = fma(g, s.b[k], s.a[k]);
        s.c[k] = fma(current, s.b[k], s.c[k]);
      }
    } else {
#pragma GCC unroll 4
      for (int k = 1; k < kSlots; ++k)
        if (k >= active.first) {
          s.a[k] = fma(g, s.b[k], s.a[k]);
          s.c[k] = fma(current, s.b[k], s.c[k]);
        }
    }
  }
  const F16 wire = add(wireTo(reversed ? 0 : rows - 1, lastGap), load(open.last + column));
  F16 sum = load(charge);
#pragma GCC unroll 4
  for (int k = 0; k < kSlots; ++k) {
    F16 c = s.c[k];
    if (open.vOff)
      c = fma(mul(load(open.vOff + column), set1(-1.0f)), s.a[k], c);
    sum = fma(div(c, fma(wire, s.a[k], s.b[k])), set1(width[k]), sum);
  }
  store(charge, sum);
}

/// charge[panel][32] of one vector; panels all on one side.
inline void exactRow(const RawOpen &open, const Walk &walk, int64_t panel0, int64_t panel1,
                     int64_t tileStride, float *charge) {
  static_assert(kSlots == 4);
  float durations[kMaxRows];
  ActiveCell cells[kMaxRows];
  const int64_t count = distinctDurations(walk, durations);
  // As a real: a load next to nothing gives more rows than an integer holds.
  const float most = open.growth > 0.0f ? kMostGrowth / open.growth : 1 << 20;
  const int64_t every = most > 1 << 19 ? 0 : (most < 1 ? 1 : static_cast<int64_t>(most));
  for (int64_t slot = 0; slot < count; slot += kSlots) {
    float limit[kSlots], width[kSlots];
    for (int64_t k = 0; k < kSlots; ++k) {
      const int64_t s = slot + k < count ? slot + k : count - 1;
      limit[k] = durations[s];
      width[k] = slot + k < count ? durations[s] - (s + 1 < count ? durations[s + 1] : 0.0f) : 0.0f;
    }
    int64_t n = 0, last = -1;
    for (int64_t i = 0; i < walk.rows; ++i) {
      const float size = walk.size[i];
      const int32_t first = (size < limit[0]) + (size < limit[1]) + (size < limit[2]);
      cells[n] = {static_cast<int32_t>(walk.cell(i)), first, static_cast<float>(i - last),
                  walk.sign[i]};
      const bool on = size >= limit[kSlots - 1];
      last = on ? i : last;
      n += on ? 1 : 0;
    }
    for (int64_t p = panel0; p < panel1; ++p)
      for (int64_t v = 0; v < kCols; v += 16)
        exactSlots(open, cells, n, static_cast<float>(walk.rows - 1 - last), width,
                   p * walk.panelRows * kCols + v, p * kCols + v, walk.rows, walk.reversed, every,
                   charge + (p - panel0) * tileStride + v);
  }
}

} // namespace
