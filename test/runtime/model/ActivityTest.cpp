//===- ActivityTest.cpp - row activity against sampled codes -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/model/Activity.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

using namespace aimc::model;

namespace {

/// One row's histogram: mostly small, a lump in the middle, nothing at some bins.
std::vector<float> lumpy() {
  std::vector<float> h(kActivityBins, 0.0f);
  h[0] = 0.5f;
  h[1] = 0.2f;
  h[7] = 0.2f;
  h[31] = 0.1f;
  return h;
}

class Activity : public testing::TestWithParam<int> {};

TEST_P(Activity, MatchesSampledCodes) {
  const int bits = GetParam();
  const auto h = lumpy();
  std::vector<DacPass> passes = onePass(bits);
  if (bits > 3)
    for (const DacPass &pass : splitPasses(bits, 2))
      passes.push_back(pass);
  for (const DacPass &pass : bitSerialPasses(bits))
    passes.push_back(pass);
  std::mt19937 engine(7);
  std::discrete_distribution<int> bin(h.begin(), h.end());
  std::uniform_real_distribution<double> inside(0.0, 1.0);
  constexpr int kSamples = 200000;
  std::vector<int> codes(kSamples);
  const int levels = (1 << (bits - 1)) - 1;
  for (int &k : codes) // a converter as docs/Physics.md 3 states it
    k = static_cast<int>(std::lround((bin(engine) + inside(engine)) / 32.0 * levels));

  for (const DacPass &pass : passes) {
    const RowActivity activity = rowActivity(h.data(), 1, pass, 1 << 10);
    std::vector<double> p(static_cast<size_t>(activity.slots), 0.0), u(p);
    double power = 0.0;
    int longest = 0;
    for (int code : codes) {
      const int d = code / (1 << pass.shift) % (1 << pass.bits);
      longest = std::max(longest, d);
      power += double(d) * d;
      for (int s = 1; s <= d; ++s) {
        p[static_cast<size_t>(s - 1)] += 1.0;
        u[static_cast<size_t>(s - 1)] += d;
      }
    }
    EXPECT_LE(longest, pass.longest());
    EXPECT_NEAR(activity.power[0], power / kSamples, 0.02 * (power / kSamples) + 1e-3);
    double sum = 0.0;
    for (size_t s = 0; s < p.size(); ++s) {
      EXPECT_NEAR(activity.probability[s], p[s] / kSamples, 0.006) << s;
      EXPECT_NEAR(activity.share[s], u[s] / power, 0.006) << s;
      sum += static_cast<double>(activity.share[s]);
    }
    EXPECT_NEAR(sum, 1.0, 1e-5);
  }
}
INSTANTIATE_TEST_SUITE_P(Bits, Activity, testing::Values(2, 5, 8, 9));

TEST(ActivitySlots, LumpingKeepsTheSums) {
  const auto h = lumpy();
  const DacPass pass = onePass(8)[0];
  const RowActivity fine = rowActivity(h.data(), 1, pass, 127),
                    coarse = rowActivity(h.data(), 1, pass, 10);
  EXPECT_EQ(fine.slots, 127);
  EXPECT_EQ(coarse.slots, 10);
  size_t tick = 0;
  for (size_t s = 0; s < 10; ++s) {
    double p = 0.0, u = 0.0;
    for (double t = 0; t < coarse.width[s]; t += 1.0, ++tick) {
      p += static_cast<double>(fine.probability[tick]);
      u += static_cast<double>(fine.share[tick]);
    }
    EXPECT_NEAR(coarse.probability[s] * coarse.width[s], p, 1e-5);
    EXPECT_NEAR(coarse.share[s], u, 1e-5);
  }
  EXPECT_EQ(tick, 127u);
}

TEST(ActivitySlots, SilentRowsConductNeverAndCountLikeTheOthers) {
  std::vector<float> h(3 * kActivityBins, 0.0f);
  h[20] = 1.0f;                    // row 0: long pulses
  h[kActivityBins] = 1.0f;         // row 1: below half a code of a 5-bit converter
  h[2 * kActivityBins + 3] = 0.0f; // row 2: nothing recorded, so the default
  const RowActivity a = rowActivity(h.data(), 3, onePass(5)[0], 100);
  EXPECT_GT(a.power[0], 0.0);
  EXPECT_EQ(a.power[1], 0.0);
  EXPECT_GT(a.power[2], 0.0);
  double sum = 0.0;
  for (size_t s = 0; s < static_cast<size_t>(a.slots); ++s) {
    EXPECT_EQ(a.probability[s * 3 + 1], 0.0f);
    EXPECT_NEAR(a.share[s * 3 + 1], (a.share[s * 3] + a.share[s * 3 + 2]) / 2, 1e-6);
    sum += static_cast<double>(a.share[s * 3 + 1]);
  }
  EXPECT_NEAR(sum, 1.0, 1e-5);
}

TEST(ActivitySlots, DefaultIsAClippedGaussian) {
  const auto moment = secondMoments(nullptr, 1);
  std::mt19937 engine(5);
  std::normal_distribution<double> n(0.0, 1.0 / 3.0);
  double sum = 0.0;
  constexpr int kSamples = 400000;
  for (int k = 0; k < kSamples; ++k) {
    const double x = std::clamp(n(engine), -1.0, 1.0);
    sum += x * x;
  }
  EXPECT_NEAR(moment[0], sum / kSamples, 1e-3);
}

} // namespace
