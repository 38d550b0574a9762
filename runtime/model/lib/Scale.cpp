//===- Scale.cpp - the conductance scale of a column -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/model/Scale.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

namespace aimc::model {

namespace {

/// Variance of a pair that holds |u|, in units of (g_max - g_min)^2, tabulated over |u| in [0, 1].
class PairVariance {
public:
  PairVariance(const RelativeNoise &noise, DeviceRange range) {
    if (!noise)
      return;
    const double rMin = range.gMinUS / range.gMaxUS, span = 1.0 - rMin;
    const double rest = noise(rMin) / span;
    table.resize(kSteps + 1);
    for (size_t i = 0; i <= kSteps; ++i) {
      const double u = static_cast<double>(i) / static_cast<double>(kSteps);
      const double driven = noise(rMin + span * u) / span;
      table[i] = driven * driven + rest * rest;
    }
  }
  bool silent() const { return table.empty(); }
  double operator()(double u) const {
    const double at = std::min(u, 1.0) * static_cast<double>(kSteps);
    const size_t i = std::min(static_cast<size_t>(at), kSteps - 1);
    const double w = at - static_cast<double>(i);
    return table[i] + w * (table[i + 1] - table[i]);
  }

private:
  static constexpr size_t kSteps = 256;
  std::vector<double> table;
};

struct Cost {
  double clip = 0, noise = 0;
  double sum() const { return clip + noise; }
};

Cost costOf(const std::vector<double> &magnitude, double c, const PairVariance &variance) {
  Cost cost;
  for (double w : magnitude) {
    const double over = w > c ? w - c : 0.0;
    cost.clip += over * over;
    if (!variance.silent())
      cost.noise += c * c * variance(w / c);
  }
  return cost;
}

/// Minimum over c in (0, top]: a coarse scan on a geometric grid, then golden section inside the
/// best bracket. The cost is smooth with one minimum for all but contrived columns; the scan finds
/// the right valley.
double bestClip(const std::vector<double> &magnitude, double top, const PairVariance &variance) {
  constexpr int kGrid = 12;
  const double ratio = std::pow(0.04, 1.0 / kGrid);
  double best = top, bestCost = costOf(magnitude, top, variance).sum(), c = top;
  for (int i = 0; i < kGrid; ++i) {
    c *= ratio;
    const double cost = costOf(magnitude, c, variance).sum();
    if (cost < bestCost) {
      bestCost = cost;
      best = c;
    }
  }
  double lo = best * ratio, hi = std::min(top, best / ratio);
  const double golden = 0.6180339887498949;
  double a = hi - golden * (hi - lo), b = lo + golden * (hi - lo);
  double atA = costOf(magnitude, a, variance).sum(), atB = costOf(magnitude, b, variance).sum();
  for (int i = 0; i < 8; ++i) {
    if (atA < atB) {
      hi = b;
      b = a;
      atB = atA;
      a = hi - golden * (hi - lo);
      atA = costOf(magnitude, a, variance).sum();
    } else {
      lo = a;
      a = b;
      atA = atB;
      b = lo + golden * (hi - lo);
      atB = costOf(magnitude, b, variance).sum();
    }
  }
  const double found = atA < atB ? a : b;
  return std::min(atA, atB) < bestCost ? found : best;
}

} // namespace

std::optional<ScaleRule> parseScaleRule(std::string_view text) {
  if (text == "max")
    return ScaleRule{};
  if (text == "optimal")
    return ScaleRule{ScaleRule::Kind::Optimal, 0};
  constexpr std::string_view kPrefix = "sigma:";
  if (!text.starts_with(kPrefix))
    return std::nullopt;
  const std::string number(text.substr(kPrefix.size()));
  char *end = nullptr;
  const double q = std::strtod(number.c_str(), &end);
  if (number.empty() || *end != '\0' || !std::isfinite(q) || q <= 0.0)
    return std::nullopt;
  return ScaleRule{ScaleRule::Kind::Sigma, q};
}

RelativeNoise programmingNoise(const DeviceModel &device, std::span<const double> significance) {
  if (!device.programs())
    return {};
  return [device, shares = pairShares(significance)](double r) {
    const double span = device.range.gMaxUS - device.range.gMinUS;
    const double u = (r * device.range.gMaxUS - device.range.gMinUS) / span;
    double variance = 0;
    for (const PairShare &pair : shares) { // pair k contributes its share of the whole range
      const double part = std::clamp((u - pair.start) / pair.share, 0.0, 1.0);
      const double sigma = pair.share * programmingSigma(device, device.range.gMinUS + span * part);
      variance += sigma * sigma;
    }
    return std::sqrt(variance) / device.range.gMaxUS;
  };
}

ScaleReport &ScaleReport::operator+=(const ScaleReport &part) {
  cells += part.cells;
  clipped += part.clipped;
  clipError += part.clipError;
  noiseError += part.noiseError;
  power += part.power;
  return *this;
}

ScaleReport chooseScales(const WeightView &w, const ScaleRule &rule, DeviceRange range,
                         const RelativeNoise &noise, float *scale) {
  const PairVariance variance(noise, range);
  ScaleReport report;
  report.cells = w.rows * w.cols;
  std::vector<double> magnitude(static_cast<size_t>(w.rows));
  for (int64_t j = 0; j < w.cols; ++j) {
    const auto at = [&](int64_t i) {
      return static_cast<double>(w.data[i * w.rowStride + j * w.colStride]);
    };
    double top = 0.0, sum = 0.0, power = 0.0;
    for (int64_t i = 0; i < w.rows; ++i) {
      const double value = at(i);
      magnitude[static_cast<size_t>(i)] = std::abs(value);
      top = std::max(top, std::abs(value));
      sum += value;
      power += value * value;
    }
    double c = top;
    if (rule.kind == ScaleRule::Kind::Sigma && w.rows > 0) {
      const auto rows = static_cast<double>(w.rows);
      const double mean = sum / rows;
      double spread = std::max(0.0, power / rows - mean * mean);
      if (spread < mean * mean) { // where the difference would be rounding
        spread = 0.0;
        for (int64_t i = 0; i < w.rows; ++i)
          spread += (at(i) - mean) * (at(i) - mean) / rows;
      }
      c = sigmaScale(top, mean, std::sqrt(spread), rule.sigmas);
    } else if (rule.kind == ScaleRule::Kind::Optimal && top > 0.0 && !variance.silent()) {
      c = bestClip(magnitude, top, variance);
      c = std::min(top, std::max(c, double(std::numeric_limits<float>::denorm_min())));
    }
    scale[j] = static_cast<float>(c);
    const auto used = static_cast<double>(scale[j]);
    report.power += power;
    if (used <= 0.0)
      continue;
    const Cost cost = costOf(magnitude, used, variance);
    report.clipError += cost.clip;
    report.noiseError += cost.noise;
    for (double m : magnitude)
      report.clipped += m > used ? 1 : 0;
  }
  return report;
}

} // namespace aimc::model
