//===- DeviceTest.cpp - kinds of devices over their lives -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Expected numbers are written out from docs/Physics.md section 4, in double precision and with
// the standard library's functions, and do not call what they test. Draws of 0, 1 and -1 give
// means and standard deviations without sampling; test/validation/aihwkit samples.
//
//===----------------------------------------------------------------------===//
#include "aimc/model/Device.h"
#include "aimc/model/DeviceMath.h"
#include "aimc/model/Random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

using namespace aimc::model;

namespace {

DeviceModel deviceOf(DeviceKind kind, double gMin, double gMax) {
  DeviceModel m;
  m.kind = kind;
  m.range = {gMin, gMax};
  return m;
}

/// What a draw of 1 adds to a target, or a conductance.
double deviation(const DeviceModel &m, double g) {
  auto target = static_cast<float>(g), value = target;
  const float one = 1.0f;
  programRow(m, &value, &one, 1);
  return static_cast<double>(value) - static_cast<double>(target);
}

struct Aged {
  double life, drifted, deviated;
};
Aged age(const DeviceModel &m, double target, double programmed, double seconds, float xiLife,
         float xiRead) {
  const auto t = static_cast<float>(target), p = static_cast<float>(programmed);
  float life = 0, g = 0;
  lifeRow(m, &t, &p, &xiLife, 1, &life);
  driftRow(m, &p, &life, &xiRead, 1, seconds, &g);
  const float drifted = g;
  lowFrequencyRow(m, &p, &xiRead, 1, seconds, &g);
  return {life, drifted, g};
}

double clip(double x, double low, double high) { return std::min(std::max(x, low), high); }

TEST(DeviceMath, LogAndExpAreNearTheLibrarys) {
  using namespace device_math;
  double worstExp = 0, worstLog = 0;
  for (double x = -86.9; x < 88; x += 0.0037) {
    const auto f = static_cast<float>(x);
    worstExp = std::max(
        worstExp,
        std::abs(static_cast<double>(device_math::exp(f)) / std::exp(static_cast<double>(f)) - 1));
  }
  for (double x = 1e-30; x < 1e30; x *= 1.0013) {
    const auto f = static_cast<float>(x);
    const double exact = std::log(static_cast<double>(f));
    worstLog = std::max(worstLog, std::abs(static_cast<double>(device_math::log(f)) - exact) /
                                      std::max(1.0, std::abs(exact)));
  }
  EXPECT_LT(worstExp, 5e-7);
  EXPECT_LT(worstLog, 3e-7);
  EXPECT_LT(device_math::exp(-100.0f), 1e-37f);
  EXPECT_EQ(device_math::log(1.0f), 0.0f);
  for (double x = -6; x <= 6; x += 0.01)
    EXPECT_NEAR(static_cast<double>(normalCdf(static_cast<float>(x))),
                0.5 * std::erfc(-x / std::sqrt(2.0)), 3e-7)
        << x;
}

TEST(Device, PcmProgramsAsBefore) {
  const DeviceModel m = deviceOf(DeviceKind::Pcm, 0.1, 25);
  const Stream s = makeStream(3, StreamKind::Programming, 7);
  std::vector<float> a(513), b, xi(513);
  for (size_t i = 0; i < a.size(); ++i) {
    a[i] = static_cast<float>(0.1 + 24.9 * static_cast<double>(i) / 512);
    xi[i] = normal(s, 0, static_cast<uint32_t>(i));
  }
  b = a;
  programRow(m, a.data(), xi.data(), 513);
  pcmProgramRow(b.data(), xi.data(), 513, m.range);
  EXPECT_EQ(a, b);
}

TEST(Device, PcmLowFrequencyNoise) {
  const DeviceModel m = deviceOf(DeviceKind::Pcm, 0.1, 25);
  for (double g : {0.01, 0.5, 5.0, 24.0})
    for (double seconds : {0.0, 60.0, 86400.0}) {
      const Aged a = age(m, g, g, seconds, 0.5f, 1.0f);
      const double l = std::log(std::max(g / 25, 1e-7));
      const double nu =
          clip(-0.0155 * l + 0.0244, 0.049, 0.1) + 0.5 * clip(-0.0125 * l - 0.0059, 0.008, 0.045);
      const double t = seconds + 20;
      EXPECT_NEAR(a.life, nu, 1e-6);
      const double drifted = g * std::pow(t / 20, -nu);
      EXPECT_NEAR(a.drifted / drifted, 1, 2e-6);
      const double q = std::min(0.0088 / std::max(std::pow(g / 25, 0.65), 1e-3), 0.2);
      const double growth = std::sqrt(std::log((t + 250e-9) / 500e-9));
      EXPECT_NEAR((a.deviated - a.drifted) / (drifted * q * growth), 1, 3e-5) << g;
    }
  EXPECT_EQ(age(m, 5, 5, 60, 0, -100).deviated, 0) << "never negative";
}

TEST(Device, Hermes) {
  struct {
    DeviceKind kind;
    double gMax, start, c[4], branch;
  } const kinds[] = {
      {DeviceKind::Hermes1, 10.35, 200, {0.15781817, 2.32443916, -2.16310839, 0.68841818}, 0.1591},
      {DeviceKind::Hermes2, 20.7, 300, {0.16603222, 4.71806468, -8.48101252, 4.68961419}, 0.16}};
  for (const auto &k : kinds)
    for (double part : {0.5, 1.0}) // sigma follows g_max
      for (double r : {0.01, 0.09, 0.12, 0.25, 0.31, 0.6, 1.0}) {
        const DeviceModel m = deviceOf(k.kind, 0, k.gMax * part);
        const double g = r * k.gMax * part;
        const double sigma = part * (k.c[0] + k.c[1] * r + k.c[2] * r * r + k.c[3] * r * r * r);
        EXPECT_NEAR(deviation(m, g), sigma, 3e-6 * (1 + g));
        EXPECT_NEAR(programmingSigma(m, g), sigma, 1e-12);
        const double l = std::log(r);
        const double mean = r < 0.0945 ? clip(-0.0387 * l - 0.0182, 0.072, 0.13)
                                       : -0.0436 * r * r - 0.0126 * r + 0.0736;
        const bool one = k.kind == DeviceKind::Hermes1;
        const double spread = one ? (r < 0.3039 ? clip(-0.0120 * l - 0.0023, 0.0124, 0.04)
                                                : -0.0165 * r * r + 0.0116 * r + 0.0104)
                                  : (r < 0.3055 ? clip(-0.0117 * l - 0.0057, 0.0091, 0.04)
                                                : -0.0118 * r * r + 0.0093 * r + 0.0073);
        const double q =
            one ? (r < k.branch ? clip(-0.0078 * l + 0.0038, 0.0179, 0.04)
                                : 0.0664 * r * r * r - 0.1352 * r * r + 0.0768 * r + 0.0088)
                : (r < k.branch ? clip(-0.0117 * l - 0.0069, 0.015, 0.04)
                                : 0.0069 * r * r * r - 0.0280 * r * r + 0.0211 * r + 0.0123);
        const Aged a = age(m, g, g, 5000, -1.0f, 1.0f);
        EXPECT_NEAR(a.life, std::abs(mean - spread), 1e-6);
        const double t = 5000 + k.start, drifted = g * std::pow(t / k.start, -a.life);
        EXPECT_NEAR(a.drifted / drifted, 1, 2e-6);
        EXPECT_NEAR((a.deviated - a.drifted) / a.drifted,
                    q * std::sqrt(std::log((t + 512e-9) / 1024e-9)), 2e-5);
      }
}

TEST(Device, ReramWanDeviatesFromItsTargetAtThreeTimes) {
  const DeviceModel m = deviceOf(DeviceKind::ReramWan, 0, 40);
  struct {
    double seconds, c[5];
  } const laws[] = {{1, {0.348, 16.030, -43.853, 45.393, -16.815}},
                    {86400, {0.701, 22.086, -50.773, 47.095, -16.458}},
                    {172800, {0.782, 20.274, -43.507, 37.062, -11.934}}};
  for (double r : {0.05, 0.3, 0.8, 1.0})
    for (const auto &law : laws) {
      double sigma = 0;
      for (int k = 4; k >= 0; --k)
        sigma = sigma * r + law.c[k];
      const double g = 40 * r;
      if (law.seconds == 1) {
        EXPECT_NEAR(deviation(m, g), sigma, 1e-4);
        EXPECT_EQ(age(m, g, g + 0.5, 1, 0, 1).deviated, static_cast<float>(g + 0.5))
            << "one second is when programming is measured";
      } else {
        EXPECT_NEAR(age(m, g, g + 0.5, law.seconds, 0, 1).deviated, g + sigma, 1e-4);
      }
    }
}

TEST(Device, ReramCmoRelaxesWithTheLogarithmOfTime) {
  DeviceModel m = deviceOf(DeviceKind::ReramCmo, 9, 88.2);
  EXPECT_NEAR(deviation(m, 50), 0.0112185391 + 0.01129027418 * 50, 1e-5);
  m.acceptancePercent = 0.2;
  EXPECT_NEAR(deviation(m, 50), 0.00081107 + 0.00106879 * 50, 1e-5);
  for (double seconds : {1.0, 3600.0}) {
    const double l = std::log(seconds);
    const Aged a = age(m, 50, 50, seconds, 2.0f, 1.0f);
    const double drifted = 50 - 0.08900206 * l + 2 * (0.04201137 * l + 0.41183342);
    EXPECT_NEAR(a.drifted, drifted, 1e-5);
    const double sigma =
        0.0277316483 * std::log10(drifted) * std::sqrt(std::log((seconds + 1e-6) / 2e-6));
    EXPECT_NEAR(a.deviated - a.drifted, sigma, 2e-5);
  }
  EXPECT_EQ(age(m, 50, 50, 0, 2, 1).deviated, 50) << "nothing has happened yet";
  EXPECT_EQ(age(m, 9, 9, 3600, -5, 0).deviated, 9) << "bounded by its range";
  EXPECT_EQ(age(m, 88.2, 88.2, 3600, 9, 0).deviated, 88.2f);
}

TEST(Device, ARowGivesTheBitsOfItsDevicesOneByOne) {
  // Vectors and their remainders, whatever instructions were chosen.
  const Stream s = makeStream(4, StreamKind::Drift, 0);
  const int n = 133;
  for (DeviceKind kind : {DeviceKind::Pcm, DeviceKind::Hermes1, DeviceKind::Hermes2,
                          DeviceKind::ReramWan, DeviceKind::ReramCmo}) {
    const DeviceModel m = deviceOf(kind, 1, 10);
    std::vector<float> target(n), g, xi(n), life(n), later(n);
    for (int i = 0; i < n; ++i) {
      target[static_cast<size_t>(i)] = 1 + 9 * static_cast<float>(i) / n;
      xi[static_cast<size_t>(i)] = normal(s, 1, static_cast<uint32_t>(i));
    }
    g = target;
    programRow(m, g.data(), xi.data(), n);
    lifeRow(m, target.data(), g.data(), xi.data(), n, life.data());
    driftRow(m, g.data(), life.data(), xi.data(), n, 86400, later.data());
    lowFrequencyRow(m, g.data(), xi.data(), n, 86400, later.data());
    for (size_t i = 0; i < n; ++i) {
      float one = target[i], oneLife = 0, oneLater = 0;
      programRow(m, &one, &xi[i], 1);
      lifeRow(m, &target[i], &one, &xi[i], 1, &oneLife);
      driftRow(m, &one, &oneLife, &xi[i], 1, 86400, &oneLater);
      lowFrequencyRow(m, &one, &xi[i], 1, 86400, &oneLater);
      EXPECT_EQ(one, g[i]);
      EXPECT_EQ(oneLife, life[i]);
      EXPECT_EQ(oneLater, later[i]) << static_cast<int>(kind) << " " << i;
    }
  }
}

TEST(Device, IdealStaysPut) {
  const DeviceModel m = deviceOf(DeviceKind::Ideal, 0.1, 25);
  EXPECT_EQ(deviation(m, 10), 0);
  EXPECT_EQ(age(m, 10, 10, 1e6, 3, 3).deviated, 10);
  EXPECT_FALSE(m.programs() || m.drifts() || m.fluctuates() || m.noisyReads());
}

TEST(Device, ScalesActOnDeviations) {
  for (DeviceKind kind : {DeviceKind::Pcm, DeviceKind::Hermes1, DeviceKind::ReramWan}) {
    DeviceModel m = deviceOf(kind, 0, 10);
    const double once = deviation(m, 5);
    m.programmingScale = 3;
    EXPECT_NEAR(deviation(m, 5), 3 * once, 1e-5);
    EXPECT_NEAR(programmingSigma(m, 5), 3 * once, 1e-5);
    m.programmingScale = 0;
    EXPECT_EQ(deviation(m, 5), 0);
  }
  DeviceModel m = deviceOf(DeviceKind::Pcm, 0, 25);
  m.driftScale = 2;
  m.readScale = 0;
  const Aged a = age(m, 25, 25, 20, 0, 5);
  EXPECT_NEAR(a.drifted, 25 * std::pow(2, -2 * 0.049), 1e-4);
  EXPECT_EQ(a.deviated, a.drifted);
}

TEST(Device, RangesAndTimesAreChecked) {
  const auto text = [](DeviceKind kind, double gMin, double gMax) {
    return checkRange(deviceOf(kind, gMin, gMax)).value_or("");
  };
  EXPECT_EQ(text(DeviceKind::Pcm, 0, 1000), "");
  EXPECT_EQ(text(DeviceKind::Hermes1, 0, 10.35), "");
  EXPECT_NE(text(DeviceKind::Hermes1, 0, 10.4).find("from 0 to 10.35 uS"), std::string::npos);
  EXPECT_NE(text(DeviceKind::Hermes2, 0, 25).find("from 0 to 20.7 uS"), std::string::npos);
  EXPECT_NE(text(DeviceKind::ReramCmo, 0.1, 88).find("from 1 to 100 uS"), std::string::npos);
  EXPECT_EQ(text(DeviceKind::ReramCmo, 9, 88.2), "");
  const auto time = [](DeviceKind kind, double seconds) {
    return checkTime(deviceOf(kind, 0, 10), seconds).value_or("");
  };
  EXPECT_EQ(time(DeviceKind::ReramWan, 86400), "");
  EXPECT_NE(time(DeviceKind::ReramWan, 3600).find("1, 86400 or 172800 s"), std::string::npos);
  EXPECT_NE(time(DeviceKind::ReramCmo, 0.5).find("at least 1 s"), std::string::npos);
  EXPECT_EQ(time(DeviceKind::ReramCmo, 0), "");
  EXPECT_NE(time(DeviceKind::Pcm, -1), "");
  EXPECT_NE(time(DeviceKind::Pcm, std::nan("")), "");
  EXPECT_EQ(time(DeviceKind::Hermes2, 1e9), "");
}

TEST(Device, TablesInterpolate) {
  auto table = std::make_shared<DeviceTable>();
  table->programming = {{0, {{1, 11}, {2, 10}}, {{1, 11}, {0.5, 1.5}}, false}};
  table->driftMean = {{1, 11}, {0.1, 0.0}};
  table->driftDeviation = {{0}, {0.01}};
  table->driftStartS = 2;
  table->readCoefficient = {{1, 11}, {0.2, 0.1}};
  table->readS = 1e-6;
  DeviceModel m = deviceOf(DeviceKind::Table, 1, 11);
  m.table = table;
  EXPECT_EQ(checkRange(m), std::nullopt);
  // Half way: mean 6 = 2 + 0.5 * 8, deviation 1.
  EXPECT_NEAR(deviation(m, 6), (6 + 1.0) - 6, 1e-6);
  EXPECT_NEAR(deviation(m, 1), (2 + 0.5) - 1, 1e-6);
  EXPECT_NEAR(programmingSigma(m, 1), std::hypot(1.0, 0.5), 1e-12) << "bias counts";
  const Aged a = age(m, 6, 6, 14, 1, 1);
  EXPECT_NEAR(a.life, 0.06, 1e-7);
  EXPECT_NEAR(a.drifted, 6 * std::pow(8, -0.06), 1e-5);
  EXPECT_NEAR(a.deviated / a.drifted, 1 + 0.15 * std::sqrt(std::log((16 + 1e-6) / 2e-6)), 1e-5);
  EXPECT_EQ(age(m, 50, 50, 14, 1, 1).life, 0.01f) << "constant beyond the ends";
  m.range.gMaxUS = 12;
  EXPECT_NE(checkRange(m).value_or("").find("from 1 to 11 uS"), std::string::npos);
}

TEST(Device, TablesOfTimes) {
  auto table = std::make_shared<DeviceTable>();
  table->programming = {{1, {}, {{0}, {0.1}}, true}, {100, {}, {{0}, {0.3}}, true}};
  DeviceModel m = deviceOf(DeviceKind::Table, 1, 11);
  m.table = table;
  EXPECT_NEAR(deviation(m, 10), 1, 1e-5) << "proportional to g";
  EXPECT_NEAR(age(m, 10, 12, 100, 0, 1).deviated, 13, 1e-5);
  EXPECT_EQ(age(m, 10, 12, 1, 0, 1).deviated, 12);
  EXPECT_NE(checkTime(m, 10).value_or("").find("1 or 100 s"), std::string::npos);
  table->betweenTimes = true;
  EXPECT_EQ(checkTime(m, 10), std::nullopt);
  EXPECT_NEAR(age(m, 10, 12, 10, 0, 1).deviated, 12, 1e-5) << "half way in log(time)";
  EXPECT_NE(checkTime(m, 1000).value_or("").find("from 1 to 100 s"), std::string::npos);
}

TEST(Device, UniformTablesHaveHalfWidths) {
  auto table = std::make_shared<DeviceTable>();
  table->distribution = Distribution::Uniform;
  table->programming = {{0, {}, {{0}, {0.5 / std::sqrt(3.0)}}, false}}; // half width 0.5 uS
  DeviceModel m = deviceOf(DeviceKind::Table, 1, 11);
  m.table = table;
  const Stream s = makeStream(1, StreamKind::Programming, 0);
  const int n = 100000;
  std::vector<float> g(n, 6.0f), xi(n);
  for (int i = 0; i < n; ++i)
    xi[static_cast<size_t>(i)] = normal(s, 0, static_cast<uint32_t>(i));
  programRow(m, g.data(), xi.data(), n);
  // Kolmogorov-Smirnov against the uniform distribution on [5.5, 6.5], 1.95 / sqrt(n): 0.1%.
  std::sort(g.begin(), g.end());
  double worst = 0;
  for (int i = 0; i < n; ++i)
    worst = std::max(
        worst, std::abs(static_cast<double>(g[static_cast<size_t>(i)]) - 5.5 - (i + 0.5) / n));
  EXPECT_LT(worst, 1.95 / std::sqrt(n));
}

} // namespace
