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

constexpr int kLaneGroups = 32;
constexpr int64_t kMaxChunks = 1024; ///< 16384 rows

/// Chunk c of 16 rows is at ticks + c * stride and out + c * outStride. Returns the column's G_out
/// over the read.
inline float arriveRow(const RawReference &r, const float *ticks, int64_t stride, float *out,
                       int64_t outStride, int longest) {
  const int64_t chunks = (r.rows + 15) / 16;
  int ends[kMaxTicks + 1] = {};
  alignas(64) int32_t tick[16];
  for (int64_t c = 0; c < chunks; ++c) {
    const int64_t n = r.rows - c * 16 < 16 ? r.rows - c * 16 : 16;
    const float *d = ticks + c * stride;
    for (int64_t i = 0; i < n; ++i)
      ++ends[endTick(d[i] < 0.0f ? -d[i] : d[i], longest)];
  }
  TickGroups groups;
  cutTicks(ends, longest, kLaneGroups, groups);
  if (groups.count == 0) {
    for (int64_t c = 0; c < chunks; ++c)
      store(out + c * outStride, set1(0.0f));
    return 0.0f;
  }
  alignas(64) float width[kLaneGroups] = {}, on[kLaneGroups];
  for (int g = 0; g < groups.count; ++g)
    width[g] = groups.width[g];
  // Per chunk: T of each group, on its way as b.
  alignas(64) float table[kMaxChunks * kLaneGroups];
  F16 b[2] = {set1(1.0f), set1(1.0f)}, a[2] = {set1(0.0f), set1(0.0f)};
  const F16 conductance = set1(r.conductance);
  for (int64_t step = 0; step < chunks; ++step) {
    const int64_t c = r.reversed ? chunks - 1 - step : step;
    const int64_t n = r.rows - c * 16 < 16 ? r.rows - c * 16 : 16;
    const float *d = ticks + c * stride;
    float part[kLaneGroups] = {}, full[kLaneGroups] = {};
    for (int64_t i = 0; i < n; ++i) {
      const float size = d[i] < 0.0f ? -d[i] : d[i];
      const int g = groups.of[endTick(size, longest)];
      const float share = (size - groups.begin[g]) * groups.perWidth[g];
      part[g] += share;
      full[g] += size > 0.0f ? 1.0f : 0.0f;
    }
    float beyond = 0.0f;
    for (int g = kLaneGroups; g-- > 0;) {
      on[g] = part[g] + beyond;
      beyond += full[g];
    }
    const F16 wire = set1(chunkWire(r, step));
    for (int v = 0; v < 2; ++v) {
      b[v] = fma(wire, a[v], b[v]);
      store(table + c * kLaneGroups + 16 * v, b[v]);
      a[v] = fma(mul(conductance, load(on + 16 * v)), b[v], a[v]);
    }
  }
  const F16 wire = set1(chunkWire(r, chunks));
  alignas(64) float leaks[kLaneGroups];
  F16 factor[2];
  for (int v = 0; v < 2; ++v) {
    b[v] = fma(wire, a[v], b[v]);
    factor[v] = div(load(width + 16 * v), b[v]);
    store(leaks + 16 * v, mul(factor[v], a[v]));
  }
  alignas(64) float share[16], before[kLaneGroups];
  for (int64_t c = 0; c < chunks; ++c) {
    const int64_t n = r.rows - c * 16 < 16 ? r.rows - c * 16 : 16;
    const float *d = ticks + c * stride;
    float *arrived = table + c * kLaneGroups;
    for (int v = 0; v < 2; ++v)
      store(arrived + 16 * v, mul(load(arrived + 16 * v), factor[v]));
    float sum = 0.0f;
    for (int g = 0; g < kLaneGroups; ++g) {
      before[g] = sum;
      sum += arrived[g];
    }
    for (int64_t i = 0; i < 16; ++i) {
      const float size = i < n ? (d[i] < 0.0f ? -d[i] : d[i]) : 0.0f;
      const int g = groups.of[endTick(size, longest)];
      tick[i] = g;
      share[i] = (size - groups.begin[g]) * groups.perWidth[g];
    }
    const I16 group = loadi(tick);
    const F16 ticksThrough = fma(load(share), lookup32(arrived, group), lookup32(before, group));
    const I16 sign = andi(asInt(load(d)), seti(static_cast<int32_t>(0x80000000u)));
    store(out + c * outStride, asFloat(xori(asInt(ticksThrough), sign)));
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
