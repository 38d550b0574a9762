//===- ScaleTest.cpp - conductance scales -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/model/Scale.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

using namespace aimc::model;

namespace {

const DeviceRange kRange{0.5, 25.0};
double pcm(double r) { return (0.26348 + 1.9650 * r - 1.1731 * r * r) / 25.0; }

struct Weights {
  int64_t rows = 300, cols = 7;
  std::vector<float> data;
  Weights() {
    std::mt19937 engine(3);
    std::normal_distribution<float> n;
    for (int64_t c = 0; c < rows * cols; ++c)
      data.push_back(n(engine) * 0.05f);
    for (int64_t j = 0; j < cols; ++j) // outliers, more in later columns
      for (int64_t k = 0; k < j; ++k)
        data[static_cast<size_t>(k * 11 * cols + j)] = 0.3f + 0.1f * static_cast<float>(k);
  }
  WeightView view() const { return {data.data(), rows, cols, cols, 1}; }
  double at(int64_t i, int64_t j) const { return double(data[static_cast<size_t>(i * cols + j)]); }
};

/// Error that a column has at scale c, by simulating its devices: programs each pair many times.
double sampledError(const Weights &w, int64_t j, double c, unsigned seed) {
  std::mt19937 engine(seed);
  std::normal_distribution<double> n;
  const double span = kRange.gMaxUS - kRange.gMinUS;
  double sum = 0.0;
  constexpr int kDraws = 60;
  for (int draw = 0; draw < kDraws; ++draw)
    for (int64_t i = 0; i < w.rows; ++i) {
      const double u = std::clamp(w.at(i, j) / c, -1.0, 1.0);
      double pair[2] = {kRange.gMinUS + span * std::max(u, 0.0),
                        kRange.gMinUS + span * std::max(-u, 0.0)};
      for (double &g : pair)
        g += kRange.gMaxUS * pcm(g / kRange.gMaxUS) * n(engine);
      const double e = (pair[0] - pair[1]) / span * c - w.at(i, j);
      sum += e * e;
    }
  return sum / kDraws;
}

TEST(Scale, OptimalHasTheLeastSampledError) {
  const Weights w;
  std::vector<float> scale(7), top(7);
  const auto report =
      chooseScales(w.view(), {ScaleRule::Kind::Optimal, 0}, kRange, pcm, scale.data());
  const auto atMax = chooseScales(w.view(), {}, kRange, pcm, top.data());
  EXPECT_EQ(atMax.clipped, 0);
  EXPECT_EQ(atMax.clipError, 0.0);
  EXPECT_LE(report.clipError + report.noiseError, atMax.noiseError);
  double whole = 0.0;
  for (int64_t j = 0; j < w.cols; ++j) {
    const auto c = double(scale[static_cast<size_t>(j)]);
    EXPECT_LE(c, double(top[static_cast<size_t>(j)]));
    const double here = sampledError(w, j, c, 1);
    whole += here;
    // Sampling error of the comparison: about 1% each.
    for (double factor : {0.5, 0.7, 1.4, 2.0})
      if (c * factor <= double(top[static_cast<size_t>(j)])) {
        EXPECT_LT(here, 1.03 * sampledError(w, j, c * factor, 2)) << j << " " << factor;
      }
  }
  EXPECT_NEAR(report.clipError + report.noiseError, whole, 0.03 * whole);
  EXPECT_LT(scale[6], 0.9f * top[6]); // outliers are worth clipping
}

TEST(Scale, SigmaAndMax) {
  const Weights w;
  std::vector<float> scale(7), top(7);
  const auto report =
      chooseScales(w.view(), *parseScaleRule("sigma:2.5"), kRange, {}, scale.data());
  columnScales(w.view(), top.data());
  int64_t clipped = 0;
  for (int64_t j = 0; j < w.cols; ++j) {
    double mean = 0.0, power = 0.0;
    for (int64_t i = 0; i < w.rows; ++i) {
      mean += w.at(i, j) / 300.0;
      power += w.at(i, j) * w.at(i, j) / 300.0;
    }
    const double expected = std::min(2.5 * std::sqrt(power - mean * mean), double(top[size_t(j)]));
    EXPECT_NEAR(double(scale[size_t(j)]), expected, 1e-6);
    for (int64_t i = 0; i < w.rows; ++i)
      clipped += std::abs(w.at(i, j)) > double(scale[size_t(j)]) ? 1 : 0;
  }
  EXPECT_EQ(report.clipped, clipped);
  EXPECT_EQ(report.noiseError, 0.0);
  EXPECT_EQ(report.cells, 2100);
}

TEST(Scale, DegenerateColumns) {
  const std::vector<float> data = {0, 2, 0, 2, 0, 2}; // zeros; a constant
  const WeightView view{data.data(), 3, 2, 2, 1};
  for (const char *rule : {"max", "sigma:3", "optimal"}) {
    float scale[2] = {-1, -1};
    const auto report = chooseScales(view, *parseScaleRule(rule), kRange, pcm, scale);
    EXPECT_EQ(scale[0], 0.0f) << rule;
    EXPECT_GT(scale[1], 1.5f) << rule;
    EXPECT_LE(scale[1], 2.0f) << rule;
    EXPECT_TRUE(std::isfinite(report.noiseError));
  }
  float one = 0;
  const float single = -0.7f;
  chooseScales({&single, 1, 1, 1, 1}, *parseScaleRule("sigma:3"), kRange, pcm, &one);
  EXPECT_EQ(one, 0.7f);
}

/// A column of n weights, by name; those that hardly vary are where sigma means nothing.
std::vector<float> hardColumn(const std::string &name, size_t n, float size) {
  std::mt19937 engine(5);
  std::normal_distribution<float> normal;
  std::vector<float> column(n);
  for (size_t i = 0; i < n; ++i)
    column[i] = name == "constant"        ? size
                : name == "nearly"        ? size * (1 + 1e-6f * normal(engine))
                : name == "one differs"   ? size * (i == n / 2 ? 1.01f : 1.0f)
                : name == "two values"    ? size * (i % 2 ? 1.0f : 1.1f)
                : name == "far from zero" ? size * (1 + 0.1f * normal(engine))
                                          : size * normal(engine);
  return column;
}

TEST(Scale, SigmaKeepsColumnsThatHardlyVary) {
  for (size_t n : {1, 2, 3, 10, 64, 100, 300, 384, 512})
    for (float size : {0.07f, 0.1f, 1.0f / 3, -0.3f, 123.4f, 1e-30f, 1e30f, -1e-41f})
      for (const char *name : {"constant", "nearly", "one differs", "two values", "far from zero"})
        for (const char *rule : {"sigma:0.1", "sigma:1", "sigma:2", "sigma:3.5"}) {
          const std::vector<float> column = hardColumn(name, n, size);
          const auto rows = static_cast<int64_t>(n);
          float scale = 0, top = 0;
          const auto report = chooseScales({column.data(), rows, 1, 1, 1}, *parseScaleRule(rule),
                                           kRange, {}, &scale);
          columnScales({column.data(), rows, 1, 1, 1}, &top);
          const std::string what = std::string(name) + " " + std::to_string(n) + " of " +
                                   std::to_string(size) + " " + rule;
          EXPECT_LE(scale, top) << what;
          if (std::string(name) == "constant") {
            EXPECT_EQ(scale, top) << what;
          }
          // What clipping takes is at most what a fixed part of the spread holds.
          EXPECT_LE(report.clipError, 0.02 * report.power) << what;
        }
}

TEST(Scale, SigmaIsPlainAroundZero) {
  // And one law on both sides of the point where the mean counts.
  for (double q : {0.5, 1.0, 2.0, 3.0})
    for (double mean : {0.0, 0.3, -0.99, 0.999999, -1.000001, 1.5}) {
      const double found = sigmaScale(1e3, mean, 1.0, q);
      const double extra = std::max(std::abs(mean) - 1, 0.0);
      EXPECT_NEAR(found, q + std::max(q, 1.0) * extra, 1e-12) << q << " " << mean;
    }
  EXPECT_EQ(sigmaScale(2.0, 0.1, 1.0, 3.0), 2.0);
  EXPECT_EQ(sigmaScale(0.0, 0.0, 0.0, 3.0), 0.0);
  EXPECT_GT(static_cast<float>(sigmaScale(1e-44, 0.0, 1e-44, 1e-6)), 0.0f);
}

TEST(Scale, NoiseOfSeveralPairsIsThatOfTheirDevices) {
  DeviceModel device;
  device.kind = DeviceKind::Pcm;
  device.range = kRange;
  const double span = kRange.gMaxUS - kRange.gMinUS;
  std::mt19937 engine(9);
  std::normal_distribution<double> normal;
  for (const std::vector<double> &factors :
       {std::vector<double>{1}, {1, 1}, {1, 4}, {1, 2, 4}, {1, 1, 1, 1}}) {
    const RelativeNoise noise = programmingNoise(device, factors);
    double total = 0;
    for (double f : factors)
      total += f;
    for (double u : {0.0, 0.1, 0.5, 0.77, 1.0}) {
      std::vector<double> plus(factors.size()), minus(factors.size());
      targetPairs(u, std::span<const double>(factors), kRange.gMinUS, kRange.gMaxUS, plus.data(),
                  minus.data());
      double power = 0;
      constexpr int kDraws = 20000;
      for (int draw = 0; draw < kDraws; ++draw) {
        double error = 0;
        for (size_t k = 0; k < factors.size(); ++k)
          error +=
              factors[k] / total * kRange.gMaxUS * pcm(plus[k] / kRange.gMaxUS) * normal(engine);
        power += error * error / kDraws;
      }
      const double r = (kRange.gMinUS + span * u) / kRange.gMaxUS;
      EXPECT_NEAR(noise(r) * kRange.gMaxUS, std::sqrt(power), 0.03 * std::sqrt(power))
          << factors.size() << " pairs at " << u;
    }
  }
  device.kind = DeviceKind::Ideal;
  EXPECT_FALSE(programmingNoise(device, std::vector<double>{1, 1}));
}

TEST(Scale, RulesParseOrNot) {
  EXPECT_TRUE(parseScaleRule("max"));
  EXPECT_EQ(parseScaleRule("sigma:3")->sigmas, 3.0);
  for (const char *bad : {"", "Max", "sigma", "sigma:", "sigma:0", "sigma:-1", "sigma:3x",
                          "sigma:nan", "sigma:inf", "optimal "})
    EXPECT_FALSE(parseScaleRule(bad)) << bad;
}

} // namespace
