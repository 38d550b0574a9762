//===- ArriveImpl.h - pulses through a reference column --------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// What one_product multiplies with: for each input vector, the ticks that arrive at the ADC of a
// column of equal cells (docs/Physics.md section 2). The ladder has 16 cells in one place and
// answers for all groups of ticks at once, one group a lane. Written with b and a, the potential
// and the current at a place per potential at the far end: b += R a, a += G b, T = b / b_out.
// Included after one of the Lanes headers.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "ProductImpl.h"
#include "SlotsImpl.h"

namespace {

using aimc::exec::chunkWire;
using aimc::exec::RawReference;

/// Groups of ticks of a reference: one a lane. What they leave out is a third of what the
/// reference itself leaves out.
constexpr int kLaneGroups = 16;
constexpr int64_t kMaxChunks = kMaxRows / 16;

/// Chunk c of 16 rows is at ticks + c * stride and out + c * outStride. Returns the column's G_out
/// over the read.
inline float arriveRow(const RawReference &r, const float *ticks, int64_t stride, float *out,
                       int64_t outStride, int longest) {
  const int64_t chunks = (r.rows + 15) / 16;
  alignas(64) int32_t ended[kMaxRows];
  int ends[kMaxTicks + 1] = {};
  for (int64_t c = 0; c < chunks; ++c) {
    int32_t *tick = ended + c * 16;
    endTicks(load(ticks + c * stride), longest, tick);
    const int64_t n = r.rows - c * 16 < 16 ? r.rows - c * 16 : 16;
    for (int64_t i = 0; i < n; ++i)
      ++ends[tick[i]];
  }
  TickGroups groups;
  cutTicks(ends, longest, kLaneGroups, groups);
  if (groups.count == 0) {
    for (int64_t c = 0; c < chunks; ++c)
      store(out + c * outStride, set1(0.0f));
    return 0.0f;
  }
  // Lanes beyond the last group: no row reaches them, and they have no width.
  alignas(64) float width[kLaneGroups], perWidth[kLaneGroups], start[kLaneGroups];
  for (int g = 0; g < kLaneGroups; ++g) {
    const bool used = g < groups.count;
    width[g] = used ? groups.width[g] : 0.0f;
    perWidth[g] = used ? groups.perWidth[g] : 1.0f;
    start[g] = (used ? groups.begin[g] : 2.0f * kMaxTicks) * -perWidth[g];
  }
  const F16 slope = load(perWidth), zero = load(start);
  // Per chunk: b of each group, on its way to T.
  alignas(64) float table[kMaxChunks * kLaneGroups];
  F16 b = set1(1.0f), a = set1(0.0f);
  const F16 conductance = set1(r.conductance);
  for (int64_t step = 0; step < chunks; ++step) {
    const int64_t c = r.reversed ? chunks - 1 - step : step;
    const int64_t n = r.rows - c * 16 < 16 ? r.rows - c * 16 : 16;
    alignas(64) float size[16];
    store(size, abs(load(ticks + c * stride)));
    F16 on = set1(0.0f);
    for (int64_t i = 0; i < n; ++i)
      on = add(on, max(min(fma(set1(size[i]), slope, zero), set1(1.0f)), set1(0.0f)));
    b = fma(set1(chunkWire(r, step)), a, b);
    store(table + c * kLaneGroups, b);
    a = fma(mul(conductance, on), b, a);
  }
  b = fma(set1(chunkWire(r, chunks)), a, b);
  const F16 factor = div(load(width), b);
  alignas(64) float leaks[kLaneGroups], before[kLaneGroups], arrived[kLaneGroups];
  store(leaks, mul(factor, a));
  alignas(64) int32_t group[16];
  for (int64_t c = 0; c < chunks; ++c) {
    store(arrived, mul(load(table + c * kLaneGroups), factor));
    float sum = 0.0f;
    for (int g = 0; g < kLaneGroups; ++g) {
      before[g] = sum;
      sum += arrived[g];
    }
    for (int i = 0; i < 16; ++i)
      group[i] = groups.of[ended[c * 16 + i]];
    const I16 index = loadi(group);
    const F16 d = load(ticks + c * stride);
    const F16 part = fma(abs(d), lookup16(perWidth, index), lookup16(start, index));
    const F16 through = fma(part, lookup16(arrived, index), lookup16(before, index));
    const I16 sign = andi(asInt(d), seti(static_cast<int32_t>(0x80000000u)));
    store(out + c * outStride, asFloat(xori(asInt(through), sign)));
  }
  float leak = 0.0f;
  for (int g = 0; g < kLaneGroups; ++g)
    leak += leaks[g];
  return leak;
}

void arrive(float *ticks, float *leak, const RawInput &pulses, const RawReference &reference,
            int32_t longest) {
  const int64_t padded = paddedInputs(pulses.inputs);
  forGroups(pulses.rows, [&](int64_t row0, int64_t rows) {
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t at = row0 * padded + r * 16;
      leak[row0 + r] =
          arriveRow(reference, pulses.ticks + at, rows * 16, ticks + at, rows * 16, longest);
    }
  });
}

} // namespace
