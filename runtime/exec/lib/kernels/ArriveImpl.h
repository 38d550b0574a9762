//===- ArriveImpl.h - pulses through a reference column --------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// What one_product multiplies with: for each input vector, the ticks that arrive at the ADC of a
// column of equal cells (docs/Physics.md section 2). The ladder has 16 cells in one place and
// answers for all groups of ticks at once, one group a lane. Written with b and a, the potential
// and the current at a place per potential at the far end: b += R a, a += G b, T = b / b_out.
// Which rows conduct when is found out once for all references.
// Included after one of the Lanes headers.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "ProductImpl.h"
#include "SlotsImpl.h"

namespace {

using aimc::exec::RawReference;
using aimc::model::chunkWire;

/// Groups of ticks of a reference: one a lane. What they leave out is a third of what the
/// reference itself leaves out.
constexpr int kLaneGroups = aimc::model::kReferenceGroups;
static_assert(kLaneGroups == 16 && aimc::model::kChunkCells == 16);
constexpr int64_t kMaxChunks = kMaxRows / 16;
/// References whose ladders are walked at once: a step waits for the one before.
constexpr int kLadders = 4;

/// What the pulses of one vector are to every reference.
struct Arriving {
  int64_t rows = 0, chunks = 0;
  bool any = false;
  alignas(64) float width[kLaneGroups];
  alignas(64) float on[kMaxChunks * kLaneGroups]; ///< conducting rows of a chunk in each group
  alignas(64) float part[kMaxRows];               ///< of its last group that a row conducts for
  alignas(64) int32_t last[kMaxRows];             ///< that group
};

/// Chunk c of 16 rows is at ticks + c * stride.
inline void findArriving(Arriving &in, int64_t rows, const float *ticks, int64_t stride,
                         int longest) {
  const int64_t chunks = (rows + 15) / 16;
  in.rows = rows;
  in.chunks = chunks;
  F16 highest = set1(0.0f);
  for (int64_t c = 0; c < chunks; ++c)
    highest = max(highest, abs(load(ticks + c * stride)));
  const float stretch = aimc::model::stretchOf(largest(highest), longest);
  const F16 shorten = set1(1.0f / stretch);
  int ends[kMaxTicks + 1] = {};
  for (int64_t c = 0; c < chunks; ++c) {
    int32_t *tick = in.last + c * 16;
    endTicks(mul(load(ticks + c * stride), shorten), longest, tick);
    const int64_t n = rows - c * 16 < 16 ? rows - c * 16 : 16;
    for (int64_t i = 0; i < n; ++i)
      ++ends[tick[i]];
  }
  TickGroups groups;
  cutTicks(ends, longest, kLaneGroups, groups);
  aimc::model::stretchGroups(stretch, groups);
  in.any = groups.count > 0;
  if (!in.any)
    return;
  // Lanes beyond the last group: no row reaches them, and they have no width.
  alignas(64) float perWidth[kLaneGroups], start[kLaneGroups];
  for (int g = 0; g < kLaneGroups; ++g) {
    const bool used = g < groups.count;
    in.width[g] = used ? groups.width[g] : 0.0f;
    perWidth[g] = used ? groups.perWidth[g] : 1.0f;
    start[g] = (used ? groups.begin[g] : 2.0f * kMaxTicks * stretch) * -perWidth[g];
  }
  const F16 slope = load(perWidth), zero = load(start);
  for (int64_t c = 0; c < chunks; ++c) {
    const int64_t n = rows - c * 16 < 16 ? rows - c * 16 : 16;
    alignas(64) float size[16];
    const F16 magnitude = abs(load(ticks + c * stride));
    store(size, magnitude);
    F16 on = set1(0.0f);
    for (int64_t i = 0; i < n; ++i)
      on = add(on, max(min(fma(set1(size[i]), slope, zero), set1(1.0f)), set1(0.0f)));
    store(in.on + c * kLaneGroups, on);
    int32_t *group = in.last + c * 16;
    for (int i = 0; i < 16; ++i)
      group[i] = groups.of[group[i]];
    const I16 index = loadi(group);
    store(in.part + c * 16, fma(magnitude, lookup16(perWidth, index), lookup16(start, index)));
  }
}

/// Sums of the lanes before each.
inline F16 sumBefore(F16 a) {
  F16 sum = shiftUp<1>(a);
  sum = add(sum, shiftUp<1>(sum));
  sum = add(sum, shiftUp<2>(sum));
  sum = add(sum, shiftUp<4>(sum));
  return add(sum, shiftUp<8>(sum));
}

/// Up to kLadders references: reference r's arrived ticks go to out + r * outReference, chunk c of
/// them c * outStride further, its G_out over the read to leak[r * leakStride].
inline void arriveThrough(const Arriving &in, const RawReference *references, int count,
                          const float *ticks, int64_t stride, float *out, int64_t outReference,
                          int64_t outStride, float *leak, int64_t leakStride) {
  const int64_t chunks = in.chunks;
  // Per chunk: b of each group, on its way to T.
  alignas(64) float table[kLadders][kMaxChunks * kLaneGroups];
  F16 b[kLadders], a[kLadders], conductance[kLadders];
  const RawReference *r[kLadders];
#pragma GCC unroll 4
  for (int k = 0; k < kLadders; ++k) {
    r[k] = references + (k < count ? k : count - 1);
    b[k] = set1(1.0f);
    a[k] = set1(0.0f);
    conductance[k] = set1(r[k]->conductance);
  }
  for (int64_t step = 0; step < chunks; ++step) {
#pragma GCC unroll 4
    for (int k = 0; k < kLadders; ++k) {
      const int64_t c = r[k]->reversed ? chunks - 1 - step : step;
      b[k] = fma(set1(chunkWire(*r[k], step)), a[k], b[k]);
      store(table[k] + c * kLaneGroups, b[k]);
      a[k] = fma(mul(conductance[k], load(in.on + c * kLaneGroups)), b[k], a[k]);
    }
  }
  for (int k = 0; k < count; ++k) {
    const F16 end = fma(set1(chunkWire(*r[k], chunks)), a[k], b[k]);
    const F16 factor = div(load(in.width), end);
    alignas(64) float leaks[kLaneGroups], before[kLaneGroups], arrived[kLaneGroups];
    store(leaks, mul(factor, a[k]));
    float sum = 0.0f;
    for (int g = 0; g < kLaneGroups; ++g)
      sum += leaks[g];
    leak[k * leakStride] = sum;
    float *to = out + k * outReference;
    for (int64_t c = 0; c < chunks; ++c) {
      const F16 through = mul(load(table[k] + c * kLaneGroups), factor);
      store(arrived, through);
      store(before, sumBefore(through));
      const I16 index = loadi(in.last + c * 16);
      const F16 size =
          fma(load(in.part + c * 16), lookup16(arrived, index), lookup16(before, index));
      const I16 sign =
          andi(asInt(load(ticks + c * stride)), seti(static_cast<int32_t>(0x80000000u)));
      store(to + c * outStride, asFloat(xori(asInt(size), sign)));
    }
  }
}

/// One vector through `count` references.
inline void arriveRow(const RawReference *references, int64_t count, const float *ticks,
                      int64_t stride, float *out, int64_t outReference, int64_t outStride,
                      float *leak, int64_t leakStride, int longest) {
  Arriving in;
  findArriving(in, references[0].rows, ticks, stride, longest);
  for (int64_t r = 0; r < count; r += kLadders) {
    float *to = out + r * outReference, *leakTo = leak + r * leakStride;
    const int n = count - r < kLadders ? static_cast<int>(count - r) : kLadders;
    if (in.any) {
      arriveThrough(in, references + r, n, ticks, stride, to, outReference, outStride, leakTo,
                    leakStride);
      continue;
    }
    for (int k = 0; k < n; ++k) {
      leakTo[k * leakStride] = 0.0f;
      for (int64_t c = 0; c < in.chunks; ++c)
        store(to + k * outReference + c * outStride, set1(0.0f));
    }
  }
}

void arrive(float *ticks, int64_t stride, float *leak, const RawInput &pulses,
            const RawReference *references, int64_t count, int32_t longest) {
  const int64_t padded = paddedInputs(pulses.inputs);
  if (count == 0)
    return;
  forGroups(pulses.rows, [&](int64_t row0, int64_t rows) {
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t at = row0 * padded + r * 16;
      arriveRow(references, count, pulses.ticks + at, rows * 16, ticks + at, stride, rows * 16,
                leak + row0 + r, pulses.rows, longest);
    }
  });
}

} // namespace
