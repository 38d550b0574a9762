//===- SegmentsImpl.h - open columns in segments ---------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Neighbouring cells lumped to a segment that keeps M_G = sum G, M_0 = sum i and the first moment
// M_1 = sum i (position - centre) over what conducts, and ticks lumped to groups (SlotsImpl.h). A
// vector's rows are sorted once by segment and group, longest pulses first; then the columns go
// segment by segment, all groups' ladders side by side: a row enters the sums of the group it ends
// in with the part that it conducts for, and those of the groups before it whole.
// Included after one of the Lanes headers.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "OpenImpl.h"

namespace {

/// A row where it ends: part of that group it conducts for, the same with the pulse's sign, the
/// sign, and the sign times the row's position in its segment.
struct Entry {
  int32_t cell;
  float part, current, sign, moment;
};

struct SegmentPlan {
  int64_t cells = 0, segments = 0;
  TickGroups groups;
  /// Entries [start[segment * groups + position], start[.. + 1]); position 0 is the last group.
  Entry *entries = nullptr; ///< room for all rows
  int32_t start[kMaxGroups * 64 + 1];
};

inline void planSegments(const RawOpen &open, const Walk &walk, int longest, SegmentPlan &plan) {
  int ends[kMaxTicks + 1] = {};
  uint8_t lasts[kMaxRows];
  float top = 0.0f;
  for (int64_t i = 0; i < walk.rows; ++i)
    top = walk.size[i] > top ? walk.size[i] : top;
  const float stretch = aimc::model::stretchOf(top, longest), shorten = 1.0f / stretch;
  for (int64_t i = 0; i < walk.rows; ++i)
    ++ends[endTick(walk.size[i] * shorten, longest)];
  cutTicks(ends, longest, static_cast<int>(open.groups), plan.groups);
  aimc::model::stretchGroups(stretch, plan.groups);
  plan.cells = open.segmentCells;
  plan.segments = (walk.rows + plan.cells - 1) / plan.cells;
  const int groups = plan.groups.count;
  if (groups == 0) { // no row conducts
    plan.start[0] = 0;
    return;
  }
  int32_t filled = 0;
  for (int64_t s = 0; s < plan.segments; ++s) {
    const int64_t begin = s * plan.cells;
    const int64_t end = begin + plan.cells < walk.rows ? begin + plan.cells : walk.rows;
    const float centre = 0.5f * static_cast<float>(end - begin - 1);
    int32_t count[kMaxGroups + 1] = {};
    for (int64_t i = begin; i < end; ++i) {
      lasts[i] = plan.groups.of[endTick(walk.size[i] * shorten, longest)];
      count[groups - 1 - lasts[i]] += walk.size[i] > 0.0f;
    }
    int32_t *start = plan.start + s * groups;
    int32_t next[kMaxGroups + 1];
    for (int p = 0; p < groups; ++p) {
      start[p] = next[p] = filled;
      filled += count[p];
    }
    for (int64_t i = begin; i < end; ++i) {
      if (!(walk.size[i] > 0.0f))
        continue;
      const int g = lasts[i];
      const float part = (walk.size[i] - plan.groups.begin[g]) * plan.groups.perWidth[g];
      const float sign = walk.sign[i];
      plan.entries[next[groups - 1 - g]++] = {static_cast<int32_t>(walk.cell(i)), part, part * sign,
                                              sign,
                                              sign * (static_cast<float>(i - begin) - centre)};
    }
  }
  plan.start[plan.segments * groups] = filled;
}

/// Sums of the wire around a segment's cells for sixteen columns.
struct SegmentWire {
  F16 lead, cell, rest; ///< from the centre before, per cell, to the segment's last cell
};
inline SegmentWire segmentWire(const RawOpen &open, const Walk &walk, const SegmentPlan &plan,
                               int64_t segment, int64_t at, F16 carried) {
  const int64_t begin = segment * plan.cells;
  const int64_t end = begin + plan.cells < walk.rows ? begin + plan.cells : walk.rows;
  F16 inside = set1(open.wire * static_cast<float>(end - begin - 1)), first = set1(open.wire);
  if (open.pieces) {
    inside = set1(0.0f);
    first = load(open.pieces + at + walk.cell(begin) * kCols);
    for (int64_t i = begin + 1; i < end; ++i)
      inside = add(inside, load(open.pieces + at + walk.cell(i) * kCols));
  }
  const F16 half = mul(inside, set1(0.5f));
  const float pieces = static_cast<float>(end - begin - 1);
  SegmentWire wire;
  wire.lead = segment == 0 ? set1(0.0f) : add(add(carried, first), half);
  wire.cell = mul(inside, set1(pieces > 0.0f ? 1.0f / pieces : 0.0f));
  wire.rest = half;
  return wire;
}

/// V times sixteen columns of one vector; `offset[v]` is a column's first cell, `column[v]` its
/// number.
template <int V>
void segmentColumns(const RawOpen &open, const Walk &walk, const SegmentPlan &plan,
                    const int64_t *offset, const int64_t *column, float *const *charge) {
  alignas(64) float state[kMaxGroups][V][3][16];
  const int groups = plan.groups.count;
  for (int g = 0; g < groups; ++g)
    for (int v = 0; v < V; ++v) {
      store(state[g][v][0], set1(1.0f));
      store(state[g][v][1], set1(0.0f));
      store(state[g][v][2], set1(0.0f));
    }
  const bool divide = open.growth * static_cast<float>(plan.segments) > kMostGrowth;
  F16 carried[V];
  for (int v = 0; v < V; ++v)
    carried[v] = set1(0.0f);
  const F16 half = set1(0.5f);
  for (int64_t s = 0; s < plan.segments; ++s) {
    // Sums over rows that conduct for a whole group.
    F16 lead[V], cell[V], sum[V], zeroth[V], first[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      const SegmentWire wire = segmentWire(open, walk, plan, s, offset[v], carried[v]);
      lead[v] = wire.lead;
      cell[v] = wire.cell;
      carried[v] = wire.rest;
      sum[v] = zeroth[v] = first[v] = set1(0.0f);
    }
    const int32_t *start = plan.start + s * groups;
    for (int p = 0; p < groups; ++p) {
      // With the parts of rows that end here; half of them in the first moment, a small term.
      F16 load_[V], current[V], before[V];
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) {
        load_[v] = sum[v];
        current[v] = zeroth[v];
        before[v] = first[v];
      }
      for (int32_t e = start[p]; e < start[p + 1]; ++e) {
        const Entry &entry = plan.entries[e];
        const int64_t at = int64_t{entry.cell} * kCols;
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) {
          const F16 g = load(open.load + offset[v] + at), i = load(open.drive + offset[v] + at);
          load_[v] = fma(set1(entry.part), g, load_[v]);
          current[v] = fma(set1(entry.current), i, current[v]);
          sum[v] = add(sum[v], g);
          zeroth[v] = fma(set1(entry.sign), i, zeroth[v]);
          first[v] = fma(set1(entry.moment), i, first[v]);
        }
      }
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) {
        float(&at)[3][16] = state[p][v];
        F16 a = load(at[1]);
        F16 b = fma(lead[v], a, load(at[0]));
        F16 c = load(at[2]);
        if (divide) {
          const F16 inverse = div(set1(1.0f), b);
          a = mul(a, inverse);
          c = mul(c, inverse);
          b = set1(1.0f);
        }
        // The source inside the segment sees what flows past the segment's centre.
        const F16 past = fma(load_[v], mul(b, half), a);
        c = fma(past, mul(mul(add(before[v], first[v]), half), cell[v]), c);
        store(at[0], b);
        store(at[1], fma(load_[v], b, a));
        store(at[2], fma(current[v], b, c));
      }
    }
  }
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) {
    const F16 last = add(carried[v], load(open.last + column[v]));
    F16 total = set1(0.0f);
    for (int p = 0; p < groups; ++p) {
      const float(&at)[3][16] = state[p][v];
      const F16 a = load(at[1]);
      F16 c = load(at[2]);
      if (open.vOff)
        c = fma(mul(load(open.vOff + column[v]), set1(-1.0f)), a, c);
      total =
          fma(div(c, fma(last, a, load(at[0]))), set1(plan.groups.width[groups - 1 - p]), total);
    }
    store(charge[v], add(load(charge[v]), total));
  }
}

/// charge[panel][row][32]: vectors of which each has a plan; panels all on one side. Two panels of
/// cells stay in the second cache while all vectors go over them.
inline void segmentRows(const RawOpen &open, const Walk &walk, const SegmentPlan *plans,
                        int64_t rows, int64_t panel0, int64_t panel1, int64_t tileStride,
                        float *charge) {
  int64_t offset[4], column[4];
  float *out[4];
  for (int64_t p = panel0; p < panel1;) {
    const int64_t n = p + 2 <= panel1 ? 2 : 1;
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t v = 0; v < 2 * n; ++v) {
        const int64_t panel = p + v / 2, lane = v % 2 * 16;
        offset[v] = panel * walk.panelRows * kCols + lane;
        column[v] = panel * kCols + lane;
        out[v] = charge + (panel - panel0) * tileStride + r * kCols + lane;
      }
      if (n == 2)
        segmentColumns<4>(open, walk, plans[r], offset, column, out);
      else
        segmentColumns<2>(open, walk, plans[r], offset, column, out);
    }
    p += n;
  }
}

/// tiles[panel][row][32]: charges of a row group in panels [panel0, panel1).
inline void openTiles(const RawConversion &c, int64_t row0, int64_t rows, int64_t panel0,
                      int64_t panel1, float *tiles, int64_t tileStride) {
  const RawOpen &open = *c.block.open;
  const int64_t padded = paddedInputs(c.input.inputs);
  for (int64_t i = 0; i < (panel1 - panel0) * tileStride; i += 16)
    store(tiles + i, set1(0.0f));
  Walk walk;
  walk.rows = walk.panelRows = c.block.rows;
  Entry entries[kMaxRows];
  SegmentPlan plans[kGroupRows];
  // As many vectors as there is room for their entries.
  int64_t together = open.segments ? kMaxRows / (walk.rows > 0 ? walk.rows : 1) : 1;
  together = together < 1 ? 1 : (together < kGroupRows ? together : kGroupRows);
  for (int64_t first = 0; first < rows; first += together)
    for (int side = 0; side < 2; ++side) {
      const int64_t begin =
          side == 0 ? panel0 : (panel0 > open.firstSidePanels ? panel0 : open.firstSidePanels);
      const int64_t end =
          side == 1 ? panel1 : (panel1 < open.firstSidePanels ? panel1 : open.firstSidePanels);
      if (begin >= end)
        continue;
      walk.reversed = side == 1;
      const int64_t last = first + together < rows ? first + together : rows;
      for (int64_t r = first; r < last; ++r) {
        const float *ticks = c.input.ticks + row0 * padded + r * 16;
        for (int64_t i = 0; i < walk.rows; ++i) {
          const int64_t cell = walk.cell(i);
          const float d = ticks[cell / 16 * rows * 16 + cell % 16];
          walk.size[i] = d < 0.0f ? -d : d;
          walk.sign[i] = d < 0.0f ? -1.0f : 1.0f;
        }
        SegmentPlan &plan = plans[r - first];
        plan.entries = entries + (r - first) * walk.rows;
        if (open.segments)
          planSegments(open, walk, static_cast<int>(c.longest), plan);
        else
          exactRow(open, walk, begin, end, tileStride,
                   tiles + (begin - panel0) * tileStride + r * kCols);
      }
      if (open.segments)
        segmentRows(open, walk, plans, last - first, begin, end, tileStride,
                    tiles + (begin - panel0) * tileStride + first * kCols);
    }
}

} // namespace
