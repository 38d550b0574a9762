//===- ProgrammingTest.cpp - targets, programming noise and drift -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/model/Programming.h"
#include "aimc/model/Drift.h"
#include "aimc/model/Random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

using namespace aimc::model;

namespace {

constexpr DeviceRange kRange{0.1, 25.0};

TEST(Programming, TargetsInvertToTheWeight) {
  for (double w : {-2.0, -0.5, 0.0, 0.7, 2.0}) {
    const auto pair = targetPair(w, 2.0, 0.1, 25.0);
    EXPECT_NEAR((pair.plus - pair.minus) / (25.0 - 0.1) * 2.0, w, 1e-12);
    EXPECT_EQ(std::min(pair.plus, pair.minus), 0.1);
  }
  EXPECT_EQ(targetPair(5.0, 2.0, 0.1, 25.0).plus, 25.0) << "clipped weights saturate";
  EXPECT_EQ(targetPair(0.0, 0.0, 0.1, 25.0).plus, 0.1) << "a column of zeros rests";
}

TEST(Programming, BlockAndTransposedViewAgree) {
  const int64_t rows = 7, cols = 133;
  std::vector<float> w(static_cast<size_t>(rows * cols)), t(w.size());
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < cols; ++j)
      t[static_cast<size_t>(j * rows + i)] = w[static_cast<size_t>(i * cols + j)] =
          std::sin(static_cast<float>(i * 31 + j * 7));
  const WeightView straight{w.data(), rows, cols, cols, 1}, turned{t.data(), rows, cols, 1, rows};
  std::vector<float> scaleA(cols), scaleB(cols);
  columnScales(straight, scaleA.data());
  columnScales(turned, scaleB.data());
  EXPECT_EQ(scaleA, scaleB);
  std::vector<float> plusA(w.size()), minusA(w.size()), plusB(w.size()), minusB(w.size());
  targetBlock(straight, scaleA.data(), kRange, plusA.data(), minusA.data(), cols);
  targetBlock(turned, scaleB.data(), kRange, plusB.data(), minusB.data(), cols);
  EXPECT_EQ(plusA, plusB);
  EXPECT_EQ(minusA, minusB);
  for (int64_t j = 0; j < cols; ++j) {
    float top = 0.0f;
    for (int64_t i = 0; i < rows; ++i) {
      const auto at = static_cast<size_t>(i * cols + j);
      top = std::max(top, std::abs(w[at]));
      const auto s = static_cast<double>(scaleA[static_cast<size_t>(j)]);
      EXPECT_NEAR((plusA[at] - minusA[at]) / 24.9 * s, w[at], 3e-6 * s);
    }
    EXPECT_EQ(scaleA[static_cast<size_t>(j)], top);
  }
}

TEST(Programming, NoiseHasTheStatedMomentsInEveryBin) {
  const Stream s = makeStream(9, StreamKind::Programming, 0);
  const int64_t n = 100000;
  std::vector<float> xi(n), g(n);
  // r of the published fit, with sigma computed by hand from its coefficients at g_max 25.
  const struct {
    double r, sigma;
  } bins[] = {{0.2, 0.609556}, {0.4, 0.861784}, {0.6, 1.020164}, {0.8, 1.084696}, {1.0, 1.05538}};
  uint32_t row = 0;
  for (const auto &bin : bins) {
    for (int64_t i = 0; i < n; ++i)
      xi[static_cast<size_t>(i)] = normal(s, row, static_cast<uint32_t>(i));
    ++row;
    g.assign(n, static_cast<float>(25.0 * bin.r));
    pcmProgramRow(g.data(), xi.data(), n, kRange);
    double mean = 0.0, square = 0.0;
    for (float v : g) {
      mean += v;
      square += double(v) * v;
    }
    mean /= n;
    const double sigma = std::sqrt(square / n - mean * mean);
    EXPECT_NEAR(mean, 25.0 * bin.r, 4 * bin.sigma / std::sqrt(double(n))) << bin.r;
    EXPECT_NEAR(sigma / bin.sigma, 1.0, 4 / std::sqrt(2.0 * n)) << bin.r;
  }
}

TEST(Programming, ConductanceIsNeverNegative) {
  float g[3] = {0.1f, 0.1f, 0.1f};
  const float xi[3] = {-6.0f, -0.1f, 0.0f};
  pcmProgramRow(g, xi, 3, kRange);
  EXPECT_EQ(g[0], 0.0f);
  EXPECT_GT(g[1], 0.0f);
  EXPECT_EQ(g[2], 0.1f);
}

TEST(Programming, DigitalScaleUndoesTheAnalogGain) {
  // One cell, no wire, full-scale input: charge V t (G+ - G-) must come back as w.
  const double w = -0.37, s = 0.9, volt = 0.2, tick = 1.5;
  const auto pair = targetPair(w, s, 0.1, 25.0);
  const double charge = volt * 127 * tick * (pair.plus - pair.minus);
  EXPECT_NEAR(charge * digitalScale(s, volt, tick, 0.1, 25.0) / 127, w, 1e-12);
}

TEST(Drift, ExponentAndDecay) {
  // log r = 0: both clamp at their lower ends, as the published limits say.
  EXPECT_NEAR(pcmDriftExponent(25.0, 25.0, 0.0), 0.049, 1e-12);
  EXPECT_NEAR(pcmDriftExponent(25.0, 25.0, 1.0), 0.057, 1e-12);
  EXPECT_NEAR(pcmDriftExponent(0.0, 25.0, 0.0), 0.1, 1e-12);
  EXPECT_GE(pcmDriftExponent(25.0, 25.0, -20.0), 0.0) << "absolute value";
  EXPECT_EQ(pcmDrifted(10.0, 0.05, 0.0), 10.0);
  EXPECT_NEAR(pcmDrifted(10.0, 0.05, 20.0 * 1023), 10.0 * std::pow(1024.0, -0.05), 1e-9);
  float g[2] = {10.0f, 20.0f};
  const float xi[2] = {0.0f, 0.0f};
  pcmDriftRow(g, xi, 2, kRange, 3600.0);
  EXPECT_LT(g[0], 10.0f);
  EXPECT_GT(g[0], 7.0f);
}

} // namespace
