//===- DeviceTableRows.cpp - rows of devices given by tables -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "DeviceTableRows.h"

#include "aimc/model/DeviceMath.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace aimc::model {

namespace {

const double kSqrt3 = std::sqrt(3.0);

std::string number(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", x);
  return text;
}

/// Mean and standard deviation at a target, uS.
struct Moments {
  double mean, deviation;
};

Moments momentsOf(const ProgrammingLaw &law, double g) {
  const double mean = law.mean.empty() ? g : law.mean.at(g);
  const double deviation = law.deviation.empty() ? 0.0 : law.deviation.at(g);
  return {mean, law.proportional ? deviation * g : deviation};
}

/// The two laws about a time and the share of the later one.
struct Between {
  const ProgrammingLaw *before, *after;
  double share;
};

Between lawsAt(const DeviceTable &table, double seconds) {
  const auto &laws = table.programming;
  if (seconds <= laws.front().timeS)
    return {&laws.front(), &laws.front(), 0};
  for (size_t k = 1; k < laws.size(); ++k)
    if (seconds <= laws[k].timeS)
      return {&laws[k - 1], &laws[k],
              std::log(seconds / laws[k - 1].timeS) / std::log(laws[k].timeS / laws[k - 1].timeS)};
  return {&laws.back(), &laws.back(), 0};
}

Moments momentsAt(const Between &laws, double g) {
  const Moments a = momentsOf(*laws.before, g);
  if (laws.share == 0)
    return a;
  const Moments b = momentsOf(*laws.after, g);
  return {a.mean + (b.mean - a.mean) * laws.share,
          a.deviation + (b.deviation - a.deviation) * laws.share};
}

} // namespace

double unitDraw(Distribution distribution, float xi) {
  return distribution == Distribution::Uniform
             ? (2.0 * static_cast<double>(device_math::normalCdf(xi)) - 1.0) * kSqrt3
             : static_cast<double>(xi);
}

DeviceRange tableRange(const DeviceTable &table) {
  DeviceRange range = table.range;
  const auto meet = [&](const Curve &curve) {
    if (curve.g.size() < 2) // a constant holds everywhere
      return;
    range.gMinUS = std::max(range.gMinUS, curve.g.front());
    range.gMaxUS = std::min(range.gMaxUS, curve.g.back());
  };
  for (const ProgrammingLaw &law : table.programming) {
    meet(law.mean);
    meet(law.deviation);
  }
  meet(table.driftMean);
  meet(table.driftDeviation);
  meet(table.readCoefficient);
  return range;
}

std::optional<std::string> tableTimes(const DeviceTable &table, double seconds) {
  const auto &laws = table.programming;
  if (laws.size() < 2)
    return std::nullopt;
  if (table.betweenTimes) {
    if (seconds >= laws.front().timeS && seconds <= laws.back().timeS)
      return std::nullopt;
    return "expected a time from " + number(laws.front().timeS) + " to " +
           number(laws.back().timeS) + " s, which the device table covers";
  }
  std::string list;
  for (size_t k = 0; k < laws.size(); ++k) {
    if (laws[k].timeS == seconds)
      return std::nullopt;
    list += (k == 0 ? "" : k + 1 == laws.size() ? " or " : ", ") + number(laws[k].timeS);
  }
  return "expected a time of " + list + " s, the only ones in the device table";
}

double tableSigma(const DeviceTable &table, double scale, double g) {
  if (table.programming.empty())
    return 0;
  const Moments moments = momentsOf(table.programming.front(), g);
  return std::hypot(moments.mean - g, scale * moments.deviation);
}

void tableProgramRow(const DeviceTable &table, double seconds, float scale, const float *xi,
                     int64_t n, float *g) {
  const Between laws = lawsAt(table, seconds);
  for (int64_t j = 0; j < n; ++j) {
    const Moments moments = momentsAt(laws, static_cast<double>(g[j]));
    const double unit = unitDraw(table.distribution, xi[j]);
    const double value = moments.mean + static_cast<double>(scale) * moments.deviation * unit;
    g[j] = static_cast<float>(value > 0.0 ? value : 0.0);
  }
}

void tableExponentRow(const DeviceTable &table, float scale, const float *programmed,
                      const float *xi, int64_t n, float *exponent) {
  for (int64_t j = 0; j < n; ++j) {
    const auto g = static_cast<double>(programmed[j]);
    const double deviation = table.driftDeviation.empty() ? 0.0 : table.driftDeviation.at(g);
    exponent[j] = scale * static_cast<float>(std::fabs(table.driftMean.at(g) +
                                                       deviation * static_cast<double>(xi[j])));
  }
}

void tableReadRow(const DeviceTable &table, const float *programmed, int64_t n, float *q) {
  for (int64_t j = 0; j < n; ++j)
    q[j] = static_cast<float>(table.readCoefficient.at(static_cast<double>(programmed[j])));
}

} // namespace aimc::model
