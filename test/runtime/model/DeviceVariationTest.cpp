//===- DeviceVariationTest.cpp - stuck devices, spreads, pairs -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/model/DeviceVariation.h"
#include "aimc/model/Programming.h"
#include "aimc/model/Random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

using namespace aimc::model;

namespace {

TEST(DeviceVariation, StuckDevicesStayAndCount) {
  const Stream s = makeStream(5, StreamKind::Stuck, 1);
  const int n = 200000;
  std::vector<float> u(n), g(n, 7.0f);
  uniforms(s, 3, 0, n, u.data());
  stuckRow(g.data(), u.data(), n, 0.03, 0.01, {0.1, 25.0});
  int off = 0, on = 0, free = 0;
  for (float x : g) {
    off += x == 0.1f;
    on += x == 25.0f;
    free += x == 7.0f;
  }
  EXPECT_EQ(off + on + free, n);
  EXPECT_NEAR(off, 0.03 * n, 4 * std::sqrt(0.03 * n));
  EXPECT_NEAR(on, 0.01 * n, 4 * std::sqrt(0.01 * n));
  const std::vector<float> before = g;
  for (float &x : g)
    x *= 0.9f; // drift
  stuckRow(g.data(), u.data(), n, 0.03, 0.01, {0.1, 25.0});
  for (size_t i = 0; i < g.size(); ++i)
    EXPECT_EQ(before[i] != 7.0f, g[i] == before[i]);
  std::vector<float> all(n, 7.0f);
  stuckRow(all.data(), u.data(), n, 1, 0, {0.1, 25.0});
  EXPECT_EQ(std::count(all.begin(), all.end(), 0.1f), n);
  stuckRow(all.data(), u.data(), n, 0, 1, {0.1, 25.0});
  EXPECT_EQ(std::count(all.begin(), all.end(), 25.0f), n);
}

TEST(DeviceVariation, SpreadsMultiply) {
  float g[3] = {10, 10, 10};
  const float column[3] = {1.0f, 0.5f, 2.0f}, xi[3] = {0.0f, 1.0f, -30.0f};
  spreadRow(g, 1.1f, column, 0.1, xi, 3);
  EXPECT_NEAR(g[0], 11, 1e-5);
  EXPECT_NEAR(g[1], 10 * 1.1 * 0.5 * 1.1, 1e-5);
  EXPECT_EQ(g[2], 0) << "no negative conductance";
  EXPECT_NEAR(spreadFactor(0.2, -1), 0.8, 1e-7);
}

TEST(Random, UniformsArePlacedLikeNormalsAndUniform) {
  const Stream s = makeStream(11, StreamKind::Stuck, 2);
  std::vector<float> whole(300), part(123);
  uniforms(s, 9, 0, 300, whole.data());
  uniforms(s, 9, 77, 123, part.data());
  for (size_t i = 0; i < part.size(); ++i)
    EXPECT_EQ(part[i], whole[77 + i]) << "a column's draw does not depend on the range";
  for (uint32_t column : {0u, 7u, 8u, 31u, 32u, 299u}) {
    const auto w = draw(s, column / 32 * 8 + column % 8, 9);
    EXPECT_EQ(whole[column], static_cast<float>(w[column % 32 / 8] >> 8) / 16777216.0f);
  }
  const Stream day = atTime(s, 86400), again = atTime(s, 86400), other = atTime(s, 86401);
  EXPECT_EQ(day.key[0], again.key[0]);
  EXPECT_NE(day.key[0], other.key[0]);
  EXPECT_EQ(atTime(s, 0.0).key[0], atTime(s, -0.0).key[0]);
}

TEST(Programming, PairsFillFromTheLowest) {
  const double f[] = {1, 3};
  double plus[2], minus[2];
  for (double u : {-1.0, -0.6, -0.25, -0.1, 0.0, 0.2, 0.25, 0.7, 1.0}) {
    targetPairs<double>(u, f, 0.1, 25, plus, minus);
    EXPECT_NEAR((1 * (plus[0] - minus[0]) + 3 * (plus[1] - minus[1])) / (4 * 24.9), u, 1e-12);
    // The low pair covers a quarter of the range; the high one moves only beyond it.
    const double low = std::min(std::abs(u) / 0.25, 1.0);
    EXPECT_NEAR(std::max(plus[0], minus[0]), 0.1 + 24.9 * low, 1e-12);
    if (std::abs(u) <= 0.25) {
      EXPECT_EQ(std::max(plus[1], minus[1]), 0.1);
    }
    EXPECT_EQ(std::min(plus[0], minus[0]), 0.1);
  }
  // One pair is targetPair to the bit, in single precision too.
  const double one[] = {1};
  for (int i = -300; i <= 300; ++i) {
    const float w = static_cast<float>(i) / 277.0f, s = 1.0f;
    float p, q;
    targetPairs<float>(w / s, one, 0.1f, 25.0f, &p, &q);
    EXPECT_EQ(p, targetPair(w, s, 0.1f, 25.0f).plus);
    EXPECT_EQ(q, targetPair(w, s, 0.1f, 25.0f).minus);
  }
}

TEST(Programming, BlocksOfPairsAgreeWithSingleWeights) {
  const int64_t rows = 5, cols = 70;
  std::vector<float> w(static_cast<size_t>(rows * cols)), scale(cols), plus(w.size()),
      minus(w.size());
  for (size_t i = 0; i < w.size(); ++i)
    w[i] = std::sin(static_cast<float>(i) * 0.7f);
  const WeightView view{w.data(), rows, cols, cols, 1};
  columnScales(view, scale.data());
  const double f[] = {1, 2, 5};
  const auto shares = pairShares(f);
  for (size_t k = 0; k < 3; ++k) {
    targetBlockOfPair(view, scale.data(), {0.1, 25}, shares[k], plus.data(), minus.data(), cols);
    for (size_t i = 0; i < w.size(); ++i) {
      float p[3], q[3];
      targetPairs<float>(w[i] / scale[i % static_cast<size_t>(cols)], f, 0.1f, 25.0f, p, q);
      EXPECT_EQ(plus[i], p[k]);
      EXPECT_EQ(minus[i], q[k]);
    }
  }
}

} // namespace
