//===- AihwkitCompat.cpp - tile reads as AIHWKIT simulates them -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/model/AihwkitCompat.h"

#include "aimc/model/Ladder.h"
#include "aimc/model/Programming.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace aimc::model {

namespace {

constexpr double kRestV = 0.4, kReadV = 0.2;
constexpr double kNoConductance = 1e-12; ///< keeps quotients finite where all cells are off

/// Thevenin conductance and voltage times conductance of the cells of one segment.
struct Segment {
  double conductance = 0, current = 0;
};

/// Current into the ADC, from the far segment to the near one.
double outputCurrent(std::span<const Segment> segments, double wire, double adcLevelV) {
  double resistance = 0, voltage = 0;
  for (size_t s = 0; s < segments.size(); ++s) {
    const double g = segments[s].conductance + kNoConductance, own = segments[s].current / g;
    if (s == 0) {
      resistance = 1 / g;
      voltage = own;
      continue;
    }
    const double far = resistance + wire, near = 1 / g;
    resistance = far * near / (far + near);
    voltage = (voltage / far + own / near) * resistance;
  }
  return (voltage - adcLevelV) / (resistance + 0.5 * wire);
}

} // namespace

std::vector<double> aihwkitCharges(const AihwkitRead &read, const double *gPlus,
                                   const double *gMinus, int64_t rows, int64_t cols,
                                   std::span<const int32_t> samples, int32_t steps) {
  const int64_t perSegment = rows / read.segments;
  const double wire = wireFromOhm(read.wireOhm) * static_cast<double>(perSegment);

  // Between two numbers of samples that occur nothing changes.
  std::vector<int32_t> ends{steps};
  for (int32_t s : samples)
    if (std::abs(s) > 0 && std::abs(s) < steps)
      ends.push_back(std::abs(s));
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());

  std::vector<double> charges(static_cast<size_t>(cols), 0.0);
  std::vector<Segment> segments(static_cast<size_t>(read.segments));
  for (int64_t j = 0; j < cols; ++j) {
    const bool upwards = j % 2 == 1;
    double sum = 0, first = 0, last = 0;
    int32_t begin = 0;
    for (int32_t end : ends) {
      std::fill(segments.begin(), segments.end(), Segment{});
      for (int64_t i = 0; i < rows; ++i) {
        const auto at = static_cast<size_t>(i * cols + j);
        const int32_t s = samples[static_cast<size_t>(i)];
        const double sign = std::abs(s) > begin ? (s > 0 ? 1 : -1) : 0;
        const int64_t place = (upwards ? rows - 1 - i : i) / perSegment;
        Segment &segment = segments[static_cast<size_t>(place)];
        segment.conductance += gPlus[at] + gMinus[at];
        segment.current +=
            (kRestV + sign * kReadV) * gPlus[at] + (kRestV - sign * kReadV) * gMinus[at];
      }
      last = outputCurrent(segments, wire, read.adcLevelV);
      if (begin == 0)
        first = last;
      sum += last * static_cast<double>(end - begin);
      begin = end;
    }
    charges[static_cast<size_t>(j)] = read.trapezoid ? sum + 0.5 * first - 0.5 * last : sum;
  }
  return charges;
}

namespace {

/// One pass: what rows are driven for, and what its result counts.
struct Pass {
  std::vector<int32_t> samples;
  int32_t steps;
  double factor;
};

/// Ticks of an input as passes of the mode.
std::vector<Pass> passesOf(const AihwkitRead &read, std::span<const int32_t> ticks) {
  const int magnitude = read.bits - 1;
  std::vector<Pass> passes;
  const auto add = [&](int32_t steps, double factor, auto &&part) {
    Pass pass{{ticks.begin(), ticks.end()}, steps, factor};
    for (int32_t &k : pass.samples)
      k = (k < 0 ? -1 : 1) * part(std::abs(k));
    passes.push_back(std::move(pass));
  };
  switch (read.mode) {
  case AihwkitMode::OnePass:
    add(int32_t(1) << magnitude, 1, [](int32_t k) { return k; });
    break;
  case AihwkitMode::Split: {
    const int shift = read.lsbBits;
    const int32_t base = int32_t(1) << shift;
    add(base, 1, [=](int32_t k) { return k % base; });
    add(int32_t(1) << (magnitude - shift), base, [=](int32_t k) { return k / base; });
    break;
  }
  case AihwkitMode::BitWise:
    for (int bit = 0; bit < magnitude; ++bit)
      add(2, static_cast<double>(int32_t(1) << bit), [=](int32_t k) { return k >> bit & 1; });
    break;
  }
  return passes;
}

} // namespace

void aihwkitRead(const AihwkitRead &read, const double *weights, int64_t rows, int64_t cols,
                 int64_t arrayRows, const float *x, int64_t n, double *y) {
  const double one[] = {1.0};
  const auto significance =
      read.significance.empty() ? std::span<const double>(one) : read.significance;
  const size_t pairs = significance.size();
  const auto cells = static_cast<size_t>(arrayRows * cols);
  const int64_t above = (arrayRows - rows) / 2;

  // The scale is the largest weight of this call.
  double top = 0;
  for (int64_t k = 0; k < rows * cols; ++k)
    top = std::max(top, std::abs(weights[k]));
  top = std::max(top, 1e-7);
  double fullScaleUS = 0;
  for (double f : significance)
    fullScaleUS += f * (read.gMaxUS - read.gMinUS);
  std::vector<std::vector<double>> plus(pairs, std::vector<double>(cells, read.gMinUS)),
      minus = plus;
  std::vector<double> g(pairs), h(pairs);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < cols; ++j) {
      targetPairs(weights[i * cols + j] / top, significance, read.gMinUS, read.gMaxUS, g.data(),
                  h.data());
      for (size_t p = 0; p < pairs; ++p) {
        plus[p][static_cast<size_t>((above + i) * cols + j)] = g[p];
        minus[p][static_cast<size_t>((above + i) * cols + j)] = h[p];
      }
    }

  // Inputs are scaled and rounded in single precision there.
  const int32_t levels = (int32_t(1) << (read.bits - 1)) - 1;
  const auto step = static_cast<float>(2.0 / ((int32_t(1) << read.bits) - 2));
  std::vector<int32_t> ticks(static_cast<size_t>(arrayRows));
  for (int64_t b = 0; b < n; ++b) {
    const float *row = x + b * rows;
    float range = static_cast<float>(read.inputRange);
    if (read.inputRange <= 0) {
      range = 0;
      for (int64_t i = 0; i < rows; ++i)
        range = std::max(range, std::fabs(row[i]));
    }
    std::fill_n(y + b * cols, cols, 0.0);
    if (!(range > 0))
      continue;
    const float scale = 1.0f / range;
    if (std::isinf(scale))
      continue;
    std::fill(ticks.begin(), ticks.end(), 0);
    for (int64_t i = 0; i < rows; ++i)
      ticks[static_cast<size_t>(above + i)] =
          static_cast<int32_t>(std::clamp(std::nearbyint(row[i] * scale / step),
                                          -static_cast<float>(levels), static_cast<float>(levels)));
    for (const Pass &pass : passesOf(read, ticks))
      for (size_t p = 0; p < pairs; ++p) {
        const auto charges = aihwkitCharges(read, plus[p].data(), minus[p].data(), arrayRows, cols,
                                            pass.samples, pass.steps);
        for (int64_t j = 0; j < cols; ++j) {
          double charge = charges[static_cast<size_t>(j)];
          if (read.lsb > 0)
            charge = std::trunc(charge / read.lsb) * read.lsb;
          y[b * cols + j] += pass.factor * significance[p] * charge * top / fullScaleUS / kReadV /
                             levels * static_cast<double>(range);
        }
      }
  }
}

} // namespace aimc::model
