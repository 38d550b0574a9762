//===- QuantilesTest.cpp - what a converter's range keeps -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/model/Quantiles.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

using namespace aimc::model;

namespace {

/// Sorted magnitudes: of a normal distribution, of one with a few large values, of rectified ones.
std::vector<double> magnitudes(int kind) {
  std::mt19937 engine(2);
  std::normal_distribution<double> normal;
  std::vector<double> values(100000);
  for (size_t i = 0; i < values.size(); ++i) {
    const double x = normal(engine);
    values[i] = kind == 2 ? std::max(x, 0.0) : std::abs(x) * (kind == 1 && i % 100 == 0 ? 30 : 1);
  }
  std::sort(values.begin(), values.end());
  return values;
}

TEST(Quantiles, WhatALimitTakesIsWhatTheSamplesLose) {
  for (int kind : {0, 1, 2}) {
    const std::vector<double> sorted = magnitudes(kind);
    std::vector<double> shares(kBodyShares.begin(), kBodyShares.end()), values;
    shares.insert(shares.end(), {0.999, 0.9999, 1.0});
    for (double share : shares)
      values.push_back(sorted[static_cast<size_t>(
          std::max(std::ceil(share * static_cast<double>(sorted.size())) - 1, 0.0))]);
    const Quantiles seen(shares, values);
    double power = 0;
    for (double x : sorted)
      power += x * x / static_cast<double>(sorted.size());
    EXPECT_NEAR(seen.power(), power, 0.15 * power) << kind;
    for (double limit : {0.01, 0.3, 1.0, 1.5, 2.0, 2.5}) {
      double lost = 0, beyond = 0;
      for (double x : sorted) {
        const double over = std::max(x - limit, 0.0);
        lost += over * over / static_cast<double>(sorted.size());
        beyond += x > limit ? 1.0 / static_cast<double>(sorted.size()) : 0.0;
      }
      // Mass spread evenly where it thins out: at most too much.
      EXPECT_GE(seen.clipped(limit), 0.95 * lost - 1e-3 * power) << kind << " " << limit;
      EXPECT_LE(seen.clipped(limit), 1.2 * lost + 1e-3 * power) << kind << " " << limit;
      EXPECT_NEAR(seen.beyond(limit), beyond, 0.02) << kind << " " << limit;
    }
    EXPECT_EQ(seen.clipped(sorted.back()), 0.0);
  }
}

TEST(Quantiles, BestRangeHasTheLeastError) {
  const std::vector<double> shares{0.5, 0.999, 0.9999, 1.0}, values{0.3, 1, 2, 8};
  const Quantiles seen(shares, values);
  for (double codes : {3.0, 31.0, 2047.0}) {
    const auto error = [&](double range) {
      return seen.clipped(range) + roundingError(true) * range * range / codes / codes;
    };
    const double best = seen.bestRange(codes, roundingError(true), 1.0);
    EXPECT_GE(best, 1.0);
    for (double other : {1.0, 1.3, 2.0, 4.0, 8.0})
      EXPECT_LE(error(best), 1.001 * error(other)) << codes << " " << other;
  }
}

TEST(Quantiles, FewBitsAreAnErrorOfAnEighth) {
  EXPECT_NEAR(effectiveBits(1, 1.0 / 64), 3.0, 0.02);
  EXPECT_NEAR(effectiveBits(1, 1), 0.5, 1e-12);
  EXPECT_TRUE(keepsFewBits(1, 1.0 / 60));
  EXPECT_FALSE(keepsFewBits(1, 1.0 / 66));
  EXPECT_FALSE(keepsFewBits(1, 0));
  EXPECT_FALSE(keepsFewBits(0, 0));
}

} // namespace
