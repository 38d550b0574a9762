//===- ReadNoiseTest.cpp - read noise against sampling -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/model/ReadNoise.h"
#include "aimc/model/Reference.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

using namespace aimc::model;

namespace {

TEST(ReadNoise, PublishedValues) {
  const struct {
    double g, t, sigma;
  } rows[] = {{5, 1, 0.247},  {5, 32, 0.127},  {5, 128, 0.103},  {5, 512, 0.084},
              {25, 1, 0.763}, {25, 32, 0.395}, {25, 128, 0.321}, {25, 512, 0.261}};
  for (const auto &row : rows)
    EXPECT_NEAR(readNoiseLine(row.t).sigma(row.g), row.sigma, 6e-4) << row.g << " " << row.t;
}

TEST(ReadNoise, TimeIsClampedToTheValidRange) {
  EXPECT_EQ(readNoiseLine(0.2).sigma(10.0), readNoiseLine(1.0).sigma(10.0));
  EXPECT_EQ(readNoiseLine(1e6).sigma(10.0), readNoiseLine(4096.0).sigma(10.0));
}

struct Read {
  TileView tile;
  BlockWindow window;
  ReadCircuit circuit;
  std::vector<float> plus, minus;
  std::vector<double> ticks, t, gp, gm, ns;

  Read(int64_t rows, double ohm, unsigned seed) : ticks(static_cast<size_t>(rows)) {
    std::mt19937 engine(seed);
    std::uniform_real_distribution<float> g(0.1f, 25.0f);
    std::uniform_int_distribution<int> d(-127, 127);
    for (auto &tick : ticks) {
      plus.push_back(g(engine));
      minus.push_back(0.1f);
      tick = d(engine);
    }
    ticks[0] = 0.0;
    tile = {plus.data(), minus.data(), rows, 1, 1};
    window = {0, rows, 0, 1};
    circuit.wires.columnOhm = ohm;
    gp.assign(plus.begin(), plus.end());
    gm.assign(minus.begin(), minus.end());
    ns = ticks;
    std::vector<double> load(gp);
    for (size_t i = 0; i < load.size(); ++i)
      load[i] += gm[i];
    t.resize(load.size());
    columnTransfer<double>(load, wireFromOhm(ohm), t);
  }
};

TEST(ReadNoise, ClosedFormVarianceMatchesPerDeviceSampling) {
  // With 20,000 samples a variance is known to 1% (one sigma); the bound is four of these. The
  // fluctuation also loads the column here, which the closed form leaves out.
  for (double ohm : {0.0, 0.35, 2.0}) {
    const Read read(64, ohm, 5);
    const double expected = readNoiseVariance<double>(read.ns, read.t, read.gp, read.gm, 0.2);
    const double mean0 = referenceCharges(read.tile, read.window, read.ticks, read.circuit)[0];
    std::mt19937_64 engine(99);
    std::normal_distribution<double> normal;
    const NormalSource source = [&] { return normal(engine); };
    const int samples = 20000;
    std::vector<double> q;
    for (int i = 0; i < samples; ++i)
      q.push_back(
          referenceCharges(read.tile, read.window, read.ticks, read.circuit, source, true)[0]);
    double mean = 0.0, square = 0.0;
    for (double v : q)
      mean += v / samples;
    for (double v : q)
      square += (v - mean) * (v - mean) / (samples - 1);
    EXPECT_NEAR(mean, mean0, 4 * std::sqrt(expected / samples));
    EXPECT_NEAR(square / expected, 1.0, 4 * std::sqrt(2.0 / samples));
    std::sort(q.begin(), q.end());
    double distance = 0.0;
    for (int i = 0; i < samples; ++i) {
      const double z = (q[static_cast<size_t>(i)] - mean0) / std::sqrt(expected);
      const double cdf = 0.5 * std::erfc(-z / std::sqrt(2.0));
      distance = std::max({distance, cdf - double(i) / samples, double(i + 1) / samples - cdf});
    }
    EXPECT_LT(distance, 1.95 / std::sqrt(double(samples))) << "Kolmogorov-Smirnov, 0.1% level";
  }
}

TEST(ReadNoise, LoadingByTheFluctuationIsSecondOrder) {
  // The same draws with and without loading: the difference bounds what the closed form neglects.
  const Read read(512, 1.0, 8);
  const double sigma = std::sqrt(readNoiseVariance<double>(read.ns, read.t, read.gp, read.gm, 0.2));
  double worst = 0.0;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    double q[2];
    for (bool loads : {false, true}) {
      std::mt19937_64 engine(seed);
      std::normal_distribution<double> normal;
      const NormalSource source = [&] { return normal(engine); };
      q[loads] =
          referenceCharges(read.tile, read.window, read.ticks, read.circuit, source, loads)[0];
    }
    worst = std::max(worst, std::abs(q[1] - q[0]) / sigma);
  }
  RecordProperty("worst_loading_in_sigma", std::to_string(worst));
  EXPECT_LT(worst, 0.15);
}

TEST(ReadNoise, NeglectedLoadingMovesTheVarianceByAFewPercentAtMost) {
  // First order in every fluctuation, loads included, by the adjoint of the fold: the exact small
  // signal variance. 512 rows at full size; the closed form leaves the loads out.
  const struct {
    double ohm, bound;
  } cases[] = {{0.0, 1e-9}, {0.15, 0.01}, {0.35, 0.02}, {1.0, 0.05}};
  for (const auto &c : cases)
    for (unsigned seed : {1u, 2u, 3u}) {
      const Read read(512, c.ohm, seed);
      std::vector<double> plusBar(512, 0.0), minusBar(512, 0.0), scratch(5 * 512);
      foldAdjoint<double>(read.gp, read.gm, wireFromOhm(c.ohm), 0.2, read.ns, plusBar, minusBar,
                          scratch);
      double full = 0.0;
      for (size_t i = 0; i < 512; ++i) {
        if (read.ns[i] == 0.0)
          continue;
        const auto line = readNoiseLine(std::abs(read.ns[i]));
        full += std::pow(plusBar[i] * line.sigma(read.gp[i]), 2) +
                std::pow(minusBar[i] * line.sigma(read.gm[i]), 2);
      }
      const double closed = readNoiseVariance<double>(read.ns, read.t, read.gp, read.gm, 0.2);
      EXPECT_NEAR(closed / full, 1.0, c.bound) << c.ohm << " ohm, seed " << seed;
      RecordProperty("closed_over_full_" + std::to_string(c.ohm) + "_" + std::to_string(seed),
                     std::to_string(closed / full));
    }
}

TEST(ReadNoise, OneProductFormIsWithinItsBound) {
  // Worst relative error of the variance over random reads and wires; sigma errs by half of it.
  double worst = 0.0;
  for (unsigned seed = 0; seed < 50; ++seed)
    for (double ohm : {0.0, 0.35, 2.0})
      for (double tick : {1.0, 4.0}) {
        Read read(256, ohm, seed);
        if (seed % 3 == 1) // short pulses
          for (double &d : read.ticks)
            d = std::trunc(d / 12);
        for (size_t i = 0; i < read.ns.size(); ++i)
          read.ns[i] = read.ticks[i] * tick;
        const auto table = makeReadNoiseTable(127, tick);
        double product = 0.0, delta = 0.0, slope = 0.0;
        for (size_t i = 0; i < read.ticks.size(); ++i) {
          const auto &row = table.rows[static_cast<size_t>(std::abs(read.ticks[i]))];
          product +=
              row.power * readNoiseWeight(0.2, read.t[i], read.gp[i], read.gm[i], table.ratio0);
          delta += row.powerDelta;
          slope += readNoiseSlope(0.2, read.t[i], read.gp[i], read.gm[i], table.ratio0) /
                   static_cast<double>(read.ticks.size());
        }
        const double exact = readNoiseVariance<double>(read.ns, read.t, read.gp, read.gm, 0.2);
        worst = std::max(worst, std::abs((product + delta * slope) / exact - 1.0));
      }
  RecordProperty("worst_relative_variance_error", std::to_string(worst));
  EXPECT_LT(worst, 1e-3);
  EXPECT_GT(worst, 0.0);
}

} // namespace
