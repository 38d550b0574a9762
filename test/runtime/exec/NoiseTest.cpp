//===- NoiseTest.cpp - programming and read noise, seen from outside ------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A chip is observed as a user observes it: unit inputs read out the programmed weights, repeated
// inputs read out the noise. Bounds are 5 standard errors of the statistic under test, so a right
// implementation fails a check about once in two million seeds.
//
//===----------------------------------------------------------------------===//
#include "Oracle.h"

#include "aimc/model/ReadNoise.h"

#include <gtest/gtest.h>

using namespace aimc::test;
using nlohmann::json;

namespace {
constexpr double kStandardErrors = 5.0;
constexpr int64_t kSide = 64;

Matrix constant(int64_t rows, int64_t cols, float value) {
  return {rows, cols, std::vector<float>(size_t(rows * cols), value)};
}

json only(std::initializer_list<const char *> on) {
  json effects = {{"wire", false},
                  {"dac", false},
                  {"adc", false},
                  {"programming", false},
                  {"read_noise", false}};
  for (const char *effect : on)
    effects[effect] = true;
  return effects;
}
} // namespace

TEST(ProgrammingNoise, EffectiveWeightsHaveTheDevicesMeanAndSpread) {
  // Two levels of weights, so that both devices of a pair are at known targets.
  PackageBuilder builder;
  Matrix w = constant(kSide, kSide, 0.5f);
  for (int64_t j = 0; j < kSide; ++j)
    w.data[size_t(j)] = 1.0f; // row 0 sets every column's scale
  builder.add("w", w);
  TemporaryFolder folder;
  builder.write(folder.path);
  double gMin = 0.1, gMax = 25.0, span = gMax - gMin;
  double plus = gMin + 0.5 * span;
  double sigmaPlus = aimc::model::pcmProgrammingSigma(plus, gMax);
  // The minus device rests at g_min, where programming is cut at 0 uS: mean and variance of a
  // rectified Gaussian.
  double sigmaMinus = aimc::model::pcmProgrammingSigma(gMin, gMax), a = gMin / sigmaMinus;
  double density = std::exp(-a * a / 2) / std::sqrt(2 * M_PI), below = std::erfc(-a / M_SQRT2) / 2;
  double meanMinus = gMin * below + sigmaMinus * density;
  double squareMinus =
      (gMin * gMin + sigmaMinus * sigmaMinus) * below + gMin * sigmaMinus * density;
  double varianceMinus = squareMinus - meanMinus * meanMinus;
  double mean = (plus - meanMinus) / span;
  double sigma = std::sqrt(sigmaPlus * sigmaPlus + varianceMinus) / span;

  double sum = 0, squares = 0;
  int64_t n = 0;
  for (int seed = 0; seed < 4; ++seed) {
    SessionPointer session =
        openSession(folder.path, {{"seed", seed}, {"effects", only({"programming"})}});
    for (int64_t i = 1; i < kSide; ++i) {
      Matrix unit = constant(1, kSide, 0.0f);
      unit.data[size_t(i)] = 1.0f;
      Matrix row = runGrid(session.get(), folder.path, "grid_1", unit)[0];
      for (float v : row.data) {
        sum += v;
        squares += double(v) * v;
        ++n;
      }
    }
  }
  double gotMean = sum / double(n), gotSigma = std::sqrt(squares / double(n) - gotMean * gotMean);
  EXPECT_NEAR(gotMean, mean, kStandardErrors * sigma / std::sqrt(double(n)));
  EXPECT_NEAR(gotSigma, sigma, kStandardErrors * sigma / std::sqrt(2.0 * double(n)));
}

TEST(ProgrammingNoise, ScaleMultipliesTheSpread) {
  PackageBuilder builder;
  builder.add("w", constant(kSide, kSide, 1.0f));
  TemporaryFolder folder;
  builder.write(folder.path);
  auto spread = [&](double scale) {
    json target = {{"device", {{"g_min_us", 10.0}, {"programming_noise_scale", scale}}}};
    SessionPointer session =
        openSession(folder.path, {{"effects", only({"programming"})}, {"target", target}});
    Matrix y = runGrid(session.get(), folder.path, "grid_1", constant(1, kSide, 1.0f))[0];
    double squares = 0; // the same draws, so the ratio is exact
    for (float v : y.data)
      squares += (v - double(kSide)) * (v - double(kSide));
    return std::sqrt(squares);
  };
  EXPECT_NEAR(spread(0.5) / spread(1.0), 0.5, 1e-3);
  EXPECT_LT(spread(0.0), 1e-3 * spread(1.0));
}

TEST(Drift, ConductancesFollowThePowerLaw) {
  PackageBuilder builder;
  builder.target["device"]["g_min_us"] = 0.0;
  builder.add("w", constant(kSide, kSide, 1.0f));
  TemporaryFolder folder;
  builder.write(folder.path);
  // At r = 1: mu_nu = 0.049, sigma_nu = 0.008; mean of exp(-nu L) is exp(-mu L + (sigma L)^2 / 2).
  double time = 86400, l = std::log((time + 20) / 20);
  double mean = std::exp(-0.049 * l + 0.008 * 0.008 * l * l / 2);
  double sigma = mean * std::sqrt(std::exp(0.008 * 0.008 * l * l) - 1);
  SessionPointer session = openSession(folder.path, {{"time_s", time}, {"effects", only({})}});
  Matrix y = runGrid(session.get(), folder.path, "grid_1", constant(1, kSide, 1.0f))[0];
  double sum = 0;
  for (float v : y.data)
    sum += v / double(kSide);
  EXPECT_NEAR(sum / double(kSide), mean, kStandardErrors * sigma / double(kSide));
  EXPECT_LT(sum / double(kSide), 0.75);
}

TEST(ReadNoise, HasTheClosedFormsVarianceAndNoBias) {
  PackageBuilder builder;
  builder.add("w", randomMatrix(kSide, 40, 3));
  TemporaryFolder folder;
  builder.write(folder.path);
  constexpr int64_t reads = 4000;
  Matrix one = randomMatrix(1, kSide, 8), x{reads, kSide, {}};
  for (int64_t r = 0; r < reads; ++r)
    x.data.insert(x.data.end(), one.data.begin(), one.data.end());
  json manifest = builder.manifest();
  // Without a DAC pulses have any length; the variance follows the exact duration.
  for (auto [scale, dac] : {std::pair{1.0, true}, {2.0, true}, {1.0, false}}) {
    json effects = only({"wire"});
    effects["dac"] = dac;
    json target = {{"device", {{"read_noise_scale", scale}}}};
    SessionPointer quiet = openSession(folder.path, {{"effects", effects}});
    effects["read_noise"] = true;
    SessionPointer noisy = openSession(folder.path, {{"effects", effects}, {"target", target}});
    Matrix y = runGrid(noisy.get(), folder.path, "grid_4000", x)[0];
    Matrix exact = runGrid(quiet.get(), folder.path, "grid_1", one)[0];

    // The column's variance from the physics, in output units.
    OracleOptions o;
    OracleTile tile = oracleTile(manifest["targets"]["pcm"], manifest["weights"][0]["blocks"][0],
                                 builder.weights[0], o);
    float range = aimc::model::absMax(one.data), inverse = aimc::model::ticksPerUnit(range, 127);
    std::vector<double> ns(kSide), transfer(kSide), load(kSide), plus(kSide), minus(kSide);
    for (int64_t i = 0; i < kSide; ++i)
      ns[size_t(i)] = dac ? aimc::model::quantise(one.data[size_t(i)], inverse, 127)
                          : one.data[size_t(i)] * inverse;
    double worstMean = 0, sumRatio = 0;
    for (int64_t j = 0; j < 40; ++j) {
      for (int64_t i = 0; i < kSide; ++i) {
        plus[size_t(i)] = tile.plus[size_t(i * kSide + j)];
        minus[size_t(i)] = tile.minus[size_t(i * kSide + j)];
        load[size_t(i)] = plus[size_t(i)] + minus[size_t(i)];
      }
      aimc::model::columnTransfer<double>(load, aimc::model::wireFromOhm(0.35), transfer);
      double variance =
          aimc::model::readNoiseVariance<double>(ns, transfer, plus, minus, 0.2) * scale * scale;
      double factor =
          aimc::model::digitalScale<double>(tile.scale[size_t(j)], 0.2, 1.0, 0.1, 25.0) * range /
          127;
      variance *= factor * factor;
      double sum = 0, squares = 0;
      for (int64_t r = 0; r < reads; ++r) {
        double d = y.at(r, j) - double(exact.at(0, j));
        sum += d;
        squares += d * d;
      }
      worstMean = std::max(worstMean, std::fabs(sum) / std::sqrt(double(reads) * variance));
      sumRatio += squares / double(reads) / variance;
      EXPECT_NEAR(squares / double(reads) / variance, 1.0,
                  kStandardErrors * std::sqrt(2.0 / double(reads)));
    }
    EXPECT_LT(worstMean, kStandardErrors);
    EXPECT_NEAR(sumRatio / 40, 1.0,
                kStandardErrors * std::sqrt(2.0 / (40.0 * double(reads))) + 2e-3);
  }
}

TEST(ReadNoise, DrawsAreIndependentOfEachOther) {
  // Two call sites over one weight, and two row blocks of it, must not share draws.
  PackageBuilder builder;
  builder.add("w", randomMatrix(kSide, 40, 3));
  builder.grids = {{{"layer", "l"}, {"weights", {0, 0}}, {"input_range", nullptr}}};
  TemporaryFolder folder;
  builder.write(folder.path);
  constexpr int64_t reads = 4000;
  Matrix one = randomMatrix(1, kSide, 8), x{reads, kSide, {}};
  for (int64_t r = 0; r < reads; ++r)
    x.data.insert(x.data.end(), one.data.begin(), one.data.end());
  SessionPointer session = openSession(folder.path, {{"effects", only({"dac", "read_noise"})}});
  auto y = runGrid(session.get(), folder.path, "grid_4000", x);
  auto correlation = [&](auto &&first, auto &&second, int64_t n) {
    double sa = 0, sb = 0, saa = 0, sbb = 0, sab = 0;
    for (int64_t i = 0; i < n; ++i) {
      double a = first(i), b = second(i);
      sa += a, sb += b, saa += a * a, sbb += b * b, sab += a * b;
    }
    double m = double(n);
    return (sab / m - sa / m * sb / m) /
           std::sqrt((saa / m - sa / m * sa / m) * (sbb / m - sb / m * sb / m));
  };
  double bound = kStandardErrors / std::sqrt(double(reads));
  for (int64_t j = 0; j + 1 < 40; j += 7) {
    auto column = [&](size_t output, int64_t col, int64_t shift) {
      return [&, output, col, shift](int64_t i) { return double(y[output].at(i + shift, col)); };
    };
    EXPECT_LT(std::fabs(correlation(column(0, j, 0), column(1, j, 0), reads)), bound);
    EXPECT_LT(std::fabs(correlation(column(0, j, 0), column(0, j + 1, 0), reads)), bound);
    EXPECT_LT(std::fabs(correlation(column(0, j, 0), column(0, j, 1), reads - 1)), bound);
  }
}
