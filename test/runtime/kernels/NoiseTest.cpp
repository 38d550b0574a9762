//===- NoiseTest.cpp - fused read noise -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "KernelFixture.h"

#include "aimc/model/Converter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

using namespace aimc;
using test::ProgrammedTile;
using test::TileSetup;

namespace {

TileSetup noisy(int64_t rows, int64_t cols, int64_t batch) {
  TileSetup s;
  s.rows = s.tileRows = rows;
  s.cols = s.tileCols = cols;
  s.batch = batch;
  s.noise = true;
  return s;
}

/// Exact variance of the output of batch row m, column j.
double exactVariance(const ProgrammedTile &t, int64_t m, int64_t j, const exec::Dac &dac) {
  const auto rows = static_cast<size_t>(t.s.rows);
  const std::span<const float> x(t.x.data() + m * t.s.rows, rows);
  const float range = dac.range > 0.0f ? dac.range : model::absMax(x);
  const float inverse = model::ticksPerUnit(range, dac.levels);
  std::vector<double> ns(rows), transfer(rows), plus(rows), minus(rows);
  for (size_t i = 0; i < rows; ++i) {
    const auto cell = i * static_cast<size_t>(t.s.tileCols) + static_cast<size_t>(j);
    ns[i] =
        t.s.tickNs * (dac.quantise ? model::quantise(x[i], inverse, dac.levels) : x[i] * inverse);
    transfer[i] = t.transfer[cell];
    plus[i] = t.plus[cell];
    minus[i] = t.minus[cell];
  }
  const double perCharge = model::digitalScale(double(t.scale[static_cast<size_t>(j)]), 0.2,
                                               t.s.tickNs, t.range.gMinUS, t.range.gMaxUS) *
                           double(range) / dac.levels;
  return model::readNoiseVariance<double>(ns, transfer, plus, minus, 0.2) * perCharge * perCharge;
}

/// sqrt(variance) that a read applied, from the difference to the noise-free read.
double appliedSigma(float noisyY, float quietY, float xi) {
  return (double(noisyY) - double(quietY)) / double(xi);
}

TEST(Noise, SigmaIsTheClosedFormForEveryOutput) {
  // Not a statistical test: the draw is known, so the applied sigma can be read off. The bound is
  // on sigma; what is quantised is the variance, so twice it.
  for (const exec::Dac &dac : {exec::Dac{}, exec::Dac{127, true, 30.0f},
                               exec::Dac{127, false, 0.0f}, exec::Dac{15, true, 0.0f}})
    for (int64_t rows : {1, 31, 384, 512, 1100}) {
      TileSetup s = noisy(rows, 33, 15);
      s.levels = dac.levels;
      const ProgrammedTile t(s);
      const model::Stream stream = model::makeStream(11, model::StreamKind::Read, 2, 3);
      const auto &k = exec::bestKernels();
      const auto noisyY = t.read(k, dac, &stream), quietY = t.read(k, dac);
      double worst = 0.0;
      for (int64_t m = 0; m < s.batch; ++m)
        for (int64_t j = 0; j < s.cols; ++j) {
          const auto at = static_cast<size_t>(m * s.cols + j);
          const float xi = model::normal(stream, uint32_t(m), uint32_t(j));
          const double sigma = std::sqrt(exactVariance(t, m, j, dac));
          if (std::abs(xi) < 0.1f || sigma == 0.0)
            continue; // rounding of the difference would dominate
          worst = std::max(worst, std::abs(appliedSigma(noisyY[at], quietY[at], xi) / sigma - 1.0));
        }
      EXPECT_LT(worst, 5e-3) << rows << " rows, " << dac.levels << " levels";
      RecordProperty("worst_relative_sigma_error_" + std::to_string(rows), std::to_string(worst));
    }
}

TEST(Noise, MomentsAndDistributionOverReads) {
  // One input vector, 5,000 reads: known mean and variance, four-sigma bounds.
  TileSetup s = noisy(96, 40, 1);
  const ProgrammedTile t(s);
  const auto &k = exec::bestKernels();
  const auto quiet = t.read(k, {});
  const int reads = 5000;
  std::vector<std::vector<double>> samples(static_cast<size_t>(s.cols));
  for (int r = 0; r < reads; ++r) {
    const model::Stream stream = model::makeStream(1, model::StreamKind::Read, 9, uint32_t(r));
    const auto y = t.read(k, {}, &stream);
    for (size_t j = 0; j < samples.size(); ++j)
      samples[j].push_back(y[j]);
  }
  for (size_t j = 0; j < samples.size(); ++j) {
    auto &y = samples[j];
    const double variance = exactVariance(t, 0, int64_t(j), {});
    double mean = 0.0, square = 0.0;
    for (double v : y)
      mean += v / reads;
    for (double v : y)
      square += (v - mean) * (v - mean) / (reads - 1);
    EXPECT_NEAR(mean, quiet[j], 4.5 * std::sqrt(variance / reads)) << j;
    EXPECT_NEAR(square / variance, 1.0, 4.5 * std::sqrt(2.0 / reads) + 0.01) << j;
    std::sort(y.begin(), y.end());
    double distance = 0.0;
    for (int i = 0; i < reads; ++i) {
      const double z = (y[static_cast<size_t>(i)] - quiet[j]) / std::sqrt(variance);
      const double cdf = 0.5 * std::erfc(-z / std::sqrt(2.0));
      distance = std::max({distance, cdf - double(i) / reads, double(i + 1) / reads - cdf});
    }
    EXPECT_LT(distance, 2.3 / std::sqrt(double(reads))) << "Kolmogorov-Smirnov, column " << j;
  }
}

TEST(Noise, DrawsDifferBetweenRowsColumnsAndReads) {
  TileSetup s = noisy(64, 64, 2);
  ProgrammedTile t(s);
  std::copy_n(t.x.begin(), s.rows, t.x.begin() + s.rows); // the same input twice
  const auto &k = exec::bestKernels();
  const model::Stream a = model::makeStream(1, model::StreamKind::Read, 9, 0);
  const model::Stream b = model::makeStream(1, model::StreamKind::Read, 9, 1);
  const auto ya = t.read(k, {}, &a), yb = t.read(k, {}, &b);
  int same = 0;
  for (size_t j = 0; j < 64; ++j)
    same += (ya[j] == ya[64 + j]) + (ya[j] == yb[j]);
  EXPECT_LT(same, 3);
  EXPECT_EQ(t.read(k, {}, &a), ya) << "the same read again is the same";
}

TEST(Noise, CountersReportSignalAndNoisePower) {
  TileSetup s = noisy(128, 50, 20);
  const ProgrammedTile t(s);
  const model::Stream stream = model::makeStream(1, model::StreamKind::Read, 9);
  for (const exec::Kernels *k : test::allKernels()) {
    exec::ReadCounters counters;
    const auto y = t.read(*k, {}, &stream, &counters);
    EXPECT_EQ(y, t.read(*k, {}, &stream)) << "counting changes nothing";
    const auto quiet = t.read(*k, {});
    double noise = 0.0, expected = 0.0;
    for (int64_t m = 0; m < s.batch; ++m)
      for (int64_t j = 0; j < s.cols; ++j) {
        const std::span<const float> x(t.x.data() + m * s.rows, size_t(s.rows));
        const double perCharge =
            model::digitalScale(double(t.scale[size_t(j)]), 0.2, 1.0, 0.1, 25.0) *
            double(model::absMax(x)) / 127;
        noise += exactVariance(t, m, j, {}) / (perCharge * perCharge);
        const double q = quiet[size_t(m * s.cols + j)] / perCharge;
        expected += q * q;
      }
    EXPECT_NEAR(counters.noisePower / noise, 1.0, 5e-3);
    EXPECT_NEAR(counters.signalPower / expected, 1.0, 1e-5);
    EXPECT_EQ(counters.codes, 1000);
  }
}

} // namespace
