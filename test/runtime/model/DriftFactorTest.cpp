//===- DriftFactorTest.cpp - moments of charges from moments of codes -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The oracle draws charges with the standard library's generator and rounds them itself.
//
//===----------------------------------------------------------------------===//
#include "aimc/model/DriftFactor.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

using namespace aimc::model;

namespace {

struct Drawn {
  double powerA = 0, powerB = 0, product = 0;
};

Drawn codesOf(AdcKind kind, double a, double b, double rho) {
  constexpr int kDraws = 60000;
  std::mt19937_64 generator(7);
  std::normal_distribution<double> normal;
  auto code = [&](double charge) {
    return kind == AdcKind::Linear ? std::round(charge) : std::trunc(charge);
  };
  Drawn sums;
  for (int i = 0; i < kDraws; ++i) {
    const double x = normal(generator), y = normal(generator);
    const double p = code(a * x), q = code(b * (rho * x + std::sqrt(1 - rho * rho) * y));
    sums.powerA += p * p / kDraws;
    sums.powerB += q * q / kDraws;
    sums.product += p * q / kDraws;
  }
  return sums;
}

class Codes : public testing::TestWithParam<AdcKind> {};

TEST_P(Codes, ChargesAreFoundAgain) {
  // quiet columns reach the first code rarely, loud ones many codes
  for (double a : {0.45, 0.8, 1.15, 1.7, 4.0})
    for (double ratio : {0.7, 1.0, 1.3})
      for (double rho : {-0.9, 0.5, 0.9, 0.97}) {
        const double b = ratio * a;
        if (GetParam() == AdcKind::Cco && std::min(a, b) < 0.45)
          continue; // one code in fifty
        const Drawn drawn = codesOf(GetParam(), a, b, rho);
        const double sigmaA = chargeSigma(GetParam(), drawn.powerA);
        const double sigmaB = chargeSigma(GetParam(), drawn.powerB);
        const std::string what =
            std::to_string(a) + " " + std::to_string(b) + " " + std::to_string(rho);
        EXPECT_NEAR(sigmaA / a, 1, 0.02) << what;
        EXPECT_NEAR(sigmaB / b, 1, 0.02) << what;
        EXPECT_NEAR(chargeProduct(GetParam(), drawn.product, sigmaA, sigmaB) / (a * b), rho, 0.04)
            << what;
      }
}

TEST_P(Codes, TheLawsOfQuietAndLoudColumnsMeet) {
  double before = 0;
  for (double sigma = 0.2; sigma < 3; sigma *= 1.01) {
    const double power = codePower(GetParam(), sigma);
    EXPECT_GT(power, before);
    EXPECT_NEAR(chargeSigma(GetParam(), power) / sigma, 1, 3e-3) << sigma;
    // A charge with itself.
    EXPECT_NEAR(chargeProduct(GetParam(), power, sigma, sigma) / (sigma * sigma), 1, 0.02) << sigma;
    before = power;
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, Codes, testing::Values(AdcKind::Linear, AdcKind::Cco),
                         [](const auto &info) {
                           return info.param == AdcKind::Linear ? "linear" : "cco";
                         });

TEST(DriftFactor, AnIdealConverterHidesNothing) {
  EXPECT_EQ(codePower(AdcKind::Ideal, 3), 9);
  EXPECT_EQ(chargeSigma(AdcKind::Ideal, 9), 3);
  EXPECT_EQ(chargeProduct(AdcKind::Ideal, -2.5, 3, 3), -2.5);
}

TEST(DriftFactor, AColumnCountsByWhatItsCodesTell) {
  EXPECT_EQ(driftFactor({.cross = 3, .power = 2}), 1.5);
  EXPECT_EQ(driftFactor(DriftMoments{}), 1);
  EXPECT_EQ(driftFactor({.cross = -3, .power = 2}), 0);
  const double whole = 1.5;
  EXPECT_NEAR(driftFactor({.cross = 2, .power = 1, .squares = 1e6}, whole), 2, 0.005);
  EXPECT_EQ(driftFactor({.cross = 2, .power = 1, .squares = 0}, whole), whole);
  EXPECT_EQ(driftFactor({.cross = 0, .power = 0, .squares = 10}, whole), whole);
  // noise whose power happens to be near nothing
  EXPECT_NEAR(driftFactor({.cross = 1, .power = 1e-3, .squares = 1e6, .signal = 1e-4}, whole),
              whole, 0.01);
  double last = whole;
  for (double squares : {0.1, 1.0, 4.0, 40.0, 4000.0}) {
    const double now = driftFactor({.cross = 2, .power = 1, .squares = squares}, whole);
    EXPECT_GT(now, last);
    EXPECT_LT(now, 2);
    last = now;
  }
}

} // namespace
