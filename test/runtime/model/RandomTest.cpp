//===- RandomTest.cpp - random numbers -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/model/Random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

using namespace aimc::model;

namespace {

TEST(Random, TransformAgreesWithTheLibraryInDoublePrecision) {
  double worst = 0.0;
  uint32_t a = 1, b = 7;
  for (int i = 0; i < 200000; ++i) {
    a = a * 1664525u + 1013904223u;
    b = b * 22695477u + 1u;
    const auto pair = boxMuller(a, b);
    const double u = (double(a >> 1) + 0.5) / 2147483648.0;
    const double radius = std::sqrt(-2.0 * std::log(u)), angle = b / 4294967296.0 * 2.0 * M_PI;
    worst = std::max({worst, std::abs(pair.first - radius * std::cos(angle)),
                      std::abs(pair.second - radius * std::sin(angle))});
  }
  // u near 1 is rounded to 24 bits: sqrt(2 * 2^-24) is the largest radius that can be lost.
  EXPECT_LT(worst, 5e-4);
}

TEST(Random, TransformIsFiniteAtTheEnds) {
  for (uint32_t a : {0u, 1u, 2u, 0x7fffffffu, 0x80000000u, 0xfffffffeu, 0xffffffffu})
    for (uint32_t b : {0u, 0x1fffffffu, 0x20000000u, 0x40000000u, 0x80000000u, 0xffffffffu}) {
      const auto pair = boxMuller(a, b);
      EXPECT_LE(std::abs(pair.first), 6.67f);
      EXPECT_LE(std::abs(pair.second), 6.67f);
    }
  EXPECT_NEAR(boxMuller(0, 0).first, 6.6604, 1e-3);
}

TEST(Random, NormalByKolmogorovSmirnov) {
  const Stream s = makeStream(42, StreamKind::Read, 3);
  std::vector<double> x;
  for (uint32_t row = 0; row < 100; ++row)
    for (uint32_t col = 0; col < 1000; ++col)
      x.push_back(normal(s, row, col));
  std::sort(x.begin(), x.end());
  double distance = 0.0;
  const auto n = static_cast<double>(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    const double cdf = 0.5 * std::erfc(-x[i] / std::sqrt(2.0));
    distance = std::max({distance, cdf - double(i) / n, double(i + 1) / n - cdf});
  }
  EXPECT_LT(distance, 1.95 / std::sqrt(n)); // 0.1% level
}

TEST(Random, NeighboursAreUncorrelated) {
  const Stream s = makeStream(1, StreamKind::Programming, 0);
  double rows = 0.0, cols = 0.0, pairs = 0.0;
  const uint32_t n = 400;
  for (uint32_t i = 0; i < n; ++i)
    for (uint32_t j = 0; j < n; ++j) {
      const double x = normal(s, i, j);
      rows += x * normal(s, i + 1, j);
      cols += x * normal(s, i, j + 1);
      pairs += x * normal(s, i, j ^ 8); // the other half of a Box-Muller pair
    }
  const double bound = 4.0 / n; // 4 sigma of a mean of n^2 products
  EXPECT_LT(std::abs(rows) / (n * n), bound);
  EXPECT_LT(std::abs(cols) / (n * n), bound);
  EXPECT_LT(std::abs(pairs) / (n * n), bound);
}

TEST(Random, EveryPartOfTheIdentityMatters) {
  std::set<uint32_t> first;
  int streams = 0;
  for (uint64_t seed : {0ull, 1ull, 1ull << 40})
    for (auto kind : {StreamKind::Programming, StreamKind::Read, StreamKind::Drift})
      for (uint64_t id : {0ull, 1ull, 1ull << 33})
        for (uint32_t sub : {0u, 1u}) {
          first.insert(draw(makeStream(seed, kind, id, sub), 0, 0)[0]);
          ++streams;
        }
  EXPECT_EQ(first.size(), static_cast<size_t>(streams));
  const Stream s = makeStream(0, StreamKind::Read, 0);
  EXPECT_NE(draw(s, 0, 1), draw(s, 1, 0));
}

} // namespace
