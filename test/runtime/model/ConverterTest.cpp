//===- ConverterTest.cpp - input and output converters -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/model/Converter.h"
#include "aimc/model/Adc.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

using namespace aimc::model;

namespace {

TEST(Dac, LevelsOfASignedConverter) {
  EXPECT_EQ(converterLevels(8), 127);
  EXPECT_EQ(converterLevels(2), 1);
  EXPECT_EQ(converterLevels(12), 2047);
}

TEST(Dac, NearestTickAwayFromBoundaries) {
  const float range = 3.2f, inverse = ticksPerUnit(range, 127);
  for (int i = -400; i <= 400; ++i) {
    const double x = i / 100.0, exact = x / 3.2 * 127;
    if (std::abs(std::abs(exact - std::floor(exact)) - 0.5) < 1e-4)
      continue;
    const double expected = std::clamp(std::round(exact), -127.0, 127.0);
    EXPECT_EQ(quantise(static_cast<float>(x), inverse, 127), static_cast<float>(expected)) << x;
  }
}

TEST(Dac, RangeEndsAreFullScaleAndBeyondIsClamped) {
  for (float range : {1e-30f, 0.37f, 1.0f, 1e20f}) {
    const float inverse = ticksPerUnit(range, 127);
    EXPECT_EQ(quantise(range, inverse, 127), 127.0f);
    EXPECT_EQ(quantise(-range, inverse, 127), -127.0f);
    EXPECT_EQ(quantise(2 * range, inverse, 127), 127.0f);
    EXPECT_EQ(quantise(0.0f, inverse, 127), 0.0f);
  }
}

TEST(Dac, NothingToConvertGivesNoPulses) {
  EXPECT_EQ(absMax(std::vector<float>{0.0f, -0.0f}), 0.0f);
  EXPECT_EQ(ticksPerUnit(0.0f, 127), 0.0f);
  EXPECT_EQ(ticksPerUnit(std::numeric_limits<float>::denorm_min(), 127), 0.0f);
}

TEST(Adc, LinearRoundsToNearestEven) {
  const auto code = [](double q) { return adcCode(q, AdcKind::Linear, 7.0); };
  EXPECT_EQ(code(1.4), 1.0);
  EXPECT_EQ(code(1.5), 2.0);
  EXPECT_EQ(code(2.5), 2.0);
  EXPECT_EQ(code(-1.6), -2.0);
}

TEST(Adc, OscillatorDropsTheFraction) {
  const auto code = [](double q) { return adcCode(q, AdcKind::Cco, 7.0); };
  EXPECT_EQ(code(1.99), 1.0);
  EXPECT_EQ(code(-1.99), -1.0);
  EXPECT_EQ(code(0.99), 0.0);
  EXPECT_NEAR(ccoLsbFc(6.24), 16.03, 0.005);
}

TEST(Adc, SaturatesAtTheCounterWidth) {
  const Adc adc{AdcKind::Linear, 4, 1.0};
  EXPECT_EQ(adc.maxCode(), 7.0);
  for (AdcKind kind : {AdcKind::Linear, AdcKind::Cco}) {
    EXPECT_EQ(adcCode(100.0, kind, adc.maxCode()), 7.0);
    EXPECT_EQ(adcCode(-100.0, kind, adc.maxCode()), -7.0);
  }
  EXPECT_EQ(adcCode(100.25, AdcKind::Ideal, adc.maxCode()), 100.25);
}

} // namespace
