//===- Arrival.cpp - pulses through reference columns -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Written with b and a, the potential and the current at a place per potential at the far end:
// b += R a, a += G b, T = b / b_out; the kernels walk the same way.
//
//===----------------------------------------------------------------------===//
#include "aimc/model/Clones.h"
#include "aimc/model/OneProduct.h"

#include <algorithm>
#include <cmath>

namespace aimc::model {

namespace {
constexpr int kLanes = kReferenceGroups;
} // namespace

void Arrival::set(const double *ticks, int64_t count, int longest) {
  rows = count;
  chunks = (rows + kChunkCells - 1) / kChunkCells;
  const auto n = static_cast<size_t>(rows);
  size.resize(n);
  sign.resize(n);
  part.resize(n);
  last.resize(n);
  on.assign(static_cast<size_t>(chunks * kLanes), 0.0);
  b.resize(on.size());
  bar.resize(on.size());
  int ends[kMaxTicks + 1] = {};
  const auto top = static_cast<double>(std::min(longest, kMaxTicks));
  double highest = 0.0;
  for (size_t i = 0; i < n; ++i)
    highest = std::max(highest, std::abs(ticks[i]));
  const double stretch = stretchOf(highest, std::min(longest, kMaxTicks));
  for (size_t i = 0; i < n; ++i) {
    size[i] = std::abs(ticks[i]);
    sign[i] = ticks[i] > 0.0 ? 1.0 : ticks[i] < 0.0 ? -1.0 : 0.0;
    // The tick that it ends in. What is not a number conducts in the first one, whose walk then has
    // none either, nor any row of the read.
    const double held = std::isnan(size[i]) ? 1.0 : std::min(size[i] / stretch, top);
    const int whole = static_cast<int>(held),
              end = whole + (static_cast<double>(whole) < held ? 1 : 0);
    last[i] = end; // for now the tick
    ++ends[end];
  }
  cutTicks(ends, std::min(longest, kMaxTicks), kLanes, groups, [](float *values, int many) {
    for (int t = 0; t < many; ++t)
      values[t] = std::sqrt(values[t]);
  });
  stretchGroups(static_cast<float>(stretch), groups);
  double per[kLanes] = {}, begin[kLanes] = {};
  for (int g = 0; g < groups.count; ++g) {
    per[g] = 1.0 / static_cast<double>(groups.width[g]);
    begin[g] = static_cast<double>(groups.begin[g]);
  }
  for (int64_t c = 0; c < chunks; ++c) {
    // A row conducts for all groups before its last one, for a part of that.
    double ending[kLanes] = {}, parts[kLanes] = {}, later = 0.0;
    for (int64_t i = c * kChunkCells; i < std::min(rows, (c + 1) * kChunkCells); ++i) {
      const auto row = static_cast<size_t>(i);
      const int g = groups.count > 0 ? groups.of[last[row]] : 0;
      last[row] = g;
      part[row] = (size[row] - begin[g]) * per[g];
      ending[g] += 1.0;
      parts[g] += std::min(part[row], 1.0);
    }
    for (int g = groups.count; g-- > 0;) {
      on[static_cast<size_t>(c * kLanes + g)] = parts[g] + later;
      later += ending[g];
    }
  }
}

/// Potentials of every chunk into `b`, those behind the ADC's resistance into `end`.
AIMC_CLONES
void Arrival::walk(const ReferenceColumn &column) {
  const auto g = static_cast<double>(column.conductance);
  double now[kLanes];
  std::fill_n(now, kLanes, 1.0);
  std::fill_n(current, kLanes, 0.0);
  for (int64_t step = 0; step <= chunks; ++step) {
    const auto wire = static_cast<double>(chunkWire(column, step));
    for (int k = 0; k < kLanes; ++k)
      now[k] += wire * current[k];
    if (step == chunks)
      break;
    const int64_t c = (column.reversed ? chunks - 1 - step : step) * kLanes;
    for (int k = 0; k < kLanes; ++k) {
      b[static_cast<size_t>(c + k)] = now[k];
      current[k] += g * on[static_cast<size_t>(c + k)] * now[k];
    }
  }
  std::copy_n(now, kLanes, end);
}

AIMC_CLONES
double Arrival::through(const ReferenceColumn &column, double *z) {
  if (groups.count == 0) {
    std::fill_n(z, rows, 0.0);
    return 0.0;
  }
  walk(column);
  double leak = 0.0, factor[kLanes] = {};
  for (int g = 0; g < groups.count; ++g) {
    factor[g] = static_cast<double>(groups.width[g]) / end[g];
    leak += factor[g] * current[g];
  }
  for (int64_t c = 0; c < chunks; ++c) {
    double arrived[kLanes], before[kLanes], sum = 0.0;
    for (int k = 0; k < kLanes; ++k) {
      arrived[k] = b[static_cast<size_t>(c * kLanes + k)] * factor[k];
      before[k] = sum;
      sum += arrived[k];
    }
    for (int64_t i = c * kChunkCells; i < std::min(rows, (c + 1) * kChunkCells); ++i) {
      const auto row = static_cast<size_t>(i);
      z[i] = sign[row] * (part[row] * arrived[last[row]] + before[last[row]]);
    }
  }
  return leak;
}

AIMC_CLONES
void Arrival::throughAdjoint(const ReferenceColumn &column, const double *zBar, double *ticksBar) {
  if (groups.count == 0) { // a first pulse would have the column for itself
    for (int64_t i = 0; i < rows; ++i)
      ticksBar[i] += zBar[i];
    return;
  }
  walk(column);
  double width[kLanes] = {}, per[kLanes] = {}, inverse[kLanes], endBar[kLanes] = {};
  for (int g = 0; g < groups.count; ++g) {
    width[g] = static_cast<double>(groups.width[g]);
    per[g] = 1.0 / width[g];
  }
  for (int k = 0; k < kLanes; ++k)
    inverse[k] = 1.0 / end[k];
  // From z to b of every chunk and group, and to b at the end.
  for (int64_t c = 0; c < chunks; ++c) {
    double whole[kLanes] = {}, partly[kLanes] = {}, running = 0.0;
    for (int64_t i = c * kChunkCells; i < std::min(rows, (c + 1) * kChunkCells); ++i) {
      const auto row = static_cast<size_t>(i);
      const double v = sign[row] * zBar[i];
      whole[last[row]] += v;
      partly[last[row]] += v * part[row];
      ticksBar[i] += zBar[i] * b[static_cast<size_t>(c * kLanes + last[row])] * inverse[last[row]];
    }
    for (int k = kLanes; k-- > 0;) {
      const auto cell = static_cast<size_t>(c * kLanes + k);
      const double arrivedBar = (partly[k] + running) * width[k] * inverse[k];
      running += whole[k];
      bar[cell] = arrivedBar;
      endBar[k] -= arrivedBar * b[cell] * inverse[k];
    }
  }
  const auto g = static_cast<double>(column.conductance);
  double bBar[kLanes], aBar[kLanes];
  const auto after = static_cast<double>(chunkWire(column, chunks));
  for (int k = 0; k < kLanes; ++k) {
    bBar[k] = endBar[k];
    aBar[k] = after * endBar[k];
  }
  for (int64_t step = chunks; step-- > 0;) {
    const int64_t c = (column.reversed ? chunks - 1 - step : step) * kLanes;
    const auto wire = static_cast<double>(chunkWire(column, step));
    for (int k = 0; k < kLanes; ++k) {
      const auto cell = static_cast<size_t>(c + k);
      const double own = bar[cell];
      bar[cell] = aBar[k] * g * b[cell]; // now of the conducting rows
      bBar[k] += aBar[k] * g * on[cell] + own;
      aBar[k] += wire * bBar[k];
    }
  }
  for (int64_t i = 0; i < rows; ++i) {
    const auto row = static_cast<size_t>(i);
    // Nothing of a pulse that outlasts the read; the sign is 0 where there is no pulse.
    const double inside = part[row] > 1.0 ? 0.0 : sign[row];
    ticksBar[i] +=
        inside * per[last[row]] * bar[static_cast<size_t>(i / kChunkCells * kLanes + last[row])];
  }
}

} // namespace aimc::model
