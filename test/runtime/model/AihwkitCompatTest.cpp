//===- AihwkitCompatTest.cpp - single cells in closed form -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// What the comparison with AIHWKIT itself cannot run everywhere: each of its defects on a cell
// whose current is known by Ohm's law.
//
//===----------------------------------------------------------------------===//
#include "aimc/model/AihwkitCompat.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

using namespace aimc::model;

namespace {

constexpr double kPlus = 8, kMinus = 3;

double charge(AihwkitRead read, int32_t samples, int32_t steps) {
  read.segments = 1;
  const int32_t row[] = {samples};
  return aihwkitCharges(read, &kPlus, &kMinus, 1, 1, row, steps).front();
}

TEST(AihwkitCompat, APulseCountsHalfASampleMore) {
  AihwkitRead read;
  read.wireOhm = 0;
  read.adcLevelV = 0.4;
  for (int32_t k : {1, 2, 50, 127})
    for (int32_t sign : {1, -1})
      EXPECT_NEAR(charge(read, sign * k, 128), sign * 0.2 * (kPlus - kMinus) * (k + 0.5), 1e-9);
  EXPECT_NEAR(charge(read, 0, 128), 0, 1e-9);
  read.trapezoid = false;
  EXPECT_NEAR(charge(read, 50, 128), 0.2 * (kPlus - kMinus) * 50, 1e-9);
}

TEST(AihwkitCompat, TheAdcsLevelDrawsCurrentThroughTheWholeGrid) {
  AihwkitRead read;
  read.wireOhm = 0;
  EXPECT_NEAR(charge(read, 0, 128), -0.0005 * (kPlus + kMinus) * 128, 1e-9);
}

TEST(AihwkitCompat, OneCellBehindHalfAPieceOfWire) {
  AihwkitRead read;
  read.wireOhm = 2000;
  read.adcLevelV = 0.4;
  const double g = kPlus + kMinus, loss = 1 / (1 + g * 2000e-6 / 2);
  EXPECT_NEAR(charge(read, 10, 128), 0.2 * (kPlus - kMinus) * loss * 10.5, 1e-9);
}

TEST(AihwkitCompat, TheScaleIsFoundAgainFromTheWeights) {
  // Weights that drift by a common factor give outputs that drift by it too, from the same
  // conductances: the circuit sees nothing of it.
  AihwkitRead read;
  read.wireOhm = 500;
  read.segments = 2;
  const std::vector<double> w{0.4, -1.0, 0.7, 0.2}, drifted{0.2, -0.5, 0.35, 0.1};
  const std::vector<float> x{0.3f, -0.9f};
  std::vector<double> a(2), b(2);
  aihwkitRead(read, w.data(), 2, 2, 2, x.data(), 1, a.data());
  aihwkitRead(read, drifted.data(), 2, 2, 2, x.data(), 1, b.data());
  for (size_t j = 0; j < 2; ++j)
    EXPECT_NEAR(b[j], a[j] / 2, 1e-12);
  EXPECT_GT(std::abs(a[0]), 0.1);
}

TEST(AihwkitCompat, ModesAgreeButForTheirGains) {
  // Without ADC level and duplicated sample, passes add up to one pass.
  AihwkitRead read;
  read.wireOhm = 30;
  read.segments = 3;
  read.adcLevelV = 0.4;
  read.trapezoid = false;
  const double f[] = {1, 4};
  read.significance = f;
  const std::vector<double> w{0.4, -1.0, 0.7, 0.2, -0.3, 0.9};
  const std::vector<float> x{0.3f, -0.9f, 0.77f, 0, 0, 0};
  std::vector<double> whole(4), y(4);
  aihwkitRead(read, w.data(), 3, 2, 9, x.data(), 2, whole.data());
  for (AihwkitMode mode : {AihwkitMode::Split, AihwkitMode::BitWise}) {
    read.mode = mode;
    aihwkitRead(read, w.data(), 3, 2, 9, x.data(), 2, y.data());
    for (size_t j = 0; j < 4; ++j)
      EXPECT_NEAR(y[j], whole[j], 1e-9);
  }
  EXPECT_EQ(whole[2], 0) << "no input, no output";
  // 3 inputs: the ideal product to within the DAC's rounding and a little wire.
  EXPECT_NEAR(whole[0], 0.3 * 0.4 - 0.9 * 0.7 + 0.77 * -0.3, 0.01);
}

} // namespace
