//===- CompensationTest.cpp - compensated tiles by Kirchhoff's law -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/model/Compensation.h"

#include "NetworkOracle.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

using namespace aimc::model;
using aimc::test::NetworkOracle;

namespace {

constexpr double kMin = 0.1, kMax = 25.0;

struct Wanted {
  BlockWindow window;
  std::vector<float> u;
  Wanted(BlockWindow w, unsigned seed) : window(w) {
    std::mt19937 engine(seed);
    std::normal_distribution<float> n(0.0f, 0.35f);
    for (int64_t c = 0; c < w.rows * w.cols; ++c)
      u.push_back(std::clamp(n(engine), -1.0f, 1.0f));
  }
  CompensationBlock block(Compensate mode) const {
    return {window, mode, u.data(), window.cols, nullptr};
  }
};

CompensationTile makeTile(int64_t rows, int64_t cols, double ohm) {
  CompensationTile tile;
  tile.rows = rows;
  tile.cols = cols;
  tile.range = {kMin, kMax};
  tile.wires.columnOhm = ohm;
  return tile;
}

/// The tile that the targets of all blocks make.
NetworkOracle program(const CompensationTile &tile, const std::vector<Wanted> &wanted,
                      const std::vector<std::vector<float>> &targets) {
  NetworkOracle network{
      tile.rows, tile.cols, {}, {}, tile.wires, tile.readout == Readout::Alternating, {}};
  const auto cells = static_cast<size_t>(tile.rows * tile.cols);
  network.plus.assign(cells, static_cast<float>(kMin));
  network.minus = network.plus;
  network.wires.rowOhm = std::max(tile.wires.rowOhm, 1e-4);
  for (size_t b = 0; b < wanted.size(); ++b) {
    const BlockWindow &w = wanted[b].window;
    for (int64_t i = 0; i < w.rows; ++i)
      for (int64_t j = 0; j < w.cols; ++j) {
        const float u = targets[b][static_cast<size_t>(i * w.cols + j)];
        const auto c = static_cast<size_t>((w.row + i) * tile.cols + w.col + j);
        (u > 0 ? network.plus : network.minus)[c] =
            static_cast<float>(kMin + (kMax - kMin) * std::abs(static_cast<double>(u)));
      }
  }
  return network;
}

/// Relative error of what a block multiplies with, divided by its factors, from node equations.
double errorOf(const NetworkOracle &network, const Wanted &wanted,
               const std::vector<float> &factor) {
  double error = 0.0, power = 0.0;
  const BlockWindow &w = wanted.window;
  for (int64_t i = 0; i < w.rows; ++i) {
    Eigen::VectorXd sign = Eigen::VectorXd::Zero(network.rows);
    sign(w.row + i) = 1.0;
    const Eigen::VectorXd current = network.currents(sign, 1.0);
    for (int64_t j = 0; j < w.cols; ++j) {
      const double u = static_cast<double>(wanted.u[static_cast<size_t>(i * w.cols + j)]);
      const double got =
          current(w.col + j) / (kMax - kMin) / static_cast<double>(factor[static_cast<size_t>(j)]);
      error += (got - u) * (got - u);
      power += u * u;
    }
  }
  return std::sqrt(error / power);
}

class CompensateMidrail : public testing::TestWithParam<std::tuple<bool, double>> {};

TEST_P(CompensateMidrail, GivesTheWantedMatrixOnASharedTile) {
  const auto [alternating, rowOhm] = GetParam();
  CompensationTile tile = makeTile(16, 8, 40.0);
  tile.wires.adcOhm = 50.0;
  tile.wires.rowOhm = rowOhm;
  if (rowOhm > 0)
    tile.wires.driverOhm = 20.0;
  tile.readout = alternating ? Readout::Alternating : Readout::Single;
  // Two blocks share columns; one keeps its targets and only loads; two rows stay unused.
  const std::vector<Wanted> wanted = {{{0, 6, 0, 5}, 1}, {{6, 5, 1, 6}, 2}, {{11, 3, 0, 4}, 3}};
  const CompensationBlock blocks[] = {wanted[0].block(Compensate::Weights),
                                      wanted[1].block(Compensate::Weights),
                                      wanted[2].block(Compensate::None)};
  const auto results = compensateTile(tile, blocks);
  std::vector<std::vector<float>> before, after;
  for (size_t b = 0; b < 3; ++b) {
    before.push_back(wanted[b].u);
    after.push_back(results[b].target);
    for (float u : results[b].target)
      EXPECT_LE(std::abs(u), 1.0f);
  }
  EXPECT_EQ(results[2].target, wanted[2].u);
  EXPECT_EQ(results[2].columnFactor, std::vector<float>(4, 1.0f));
  const NetworkOracle raw = program(tile, wanted, before), done = program(tile, wanted, after);
  for (size_t b = 0; b < 3; ++b) {
    const double was =
        errorOf(raw, wanted[b], std::vector<float>(size_t(wanted[b].window.cols), 1));
    const double is = errorOf(done, wanted[b], results[b].columnFactor);
    EXPECT_NEAR(results[b].errorBefore, was, 0.01 * was + 2e-5);
    EXPECT_NEAR(results[b].errorAfter, is, 0.01 * is + 2e-5);
    if (b < 2) {
      EXPECT_GT(was, 0.02);
      EXPECT_LT(is, 2e-4);
    }
  }
  // Each column uses the whole range.
  for (size_t b = 0; b < 2; ++b)
    for (int64_t j = 0; j < wanted[b].window.cols; ++j) {
      float top = 0;
      for (int64_t i = 0; i < wanted[b].window.rows; ++i)
        top = std::max(top, std::abs(results[b].target[size_t(i * wanted[b].window.cols + j)]));
      EXPECT_GT(top, 0.999f);
    }
}
INSTANTIATE_TEST_SUITE_P(Tiles, CompensateMidrail,
                         testing::Combine(testing::Bool(), testing::Values(0.0, 15.0)));

TEST(CompensateTile, GainIsTheBestFactorOfEachColumn) {
  CompensationTile tile = makeTile(12, 5, 100.0);
  const std::vector<Wanted> wanted = {{{0, 12, 0, 5}, 4}};
  const CompensationBlock block = wanted[0].block(Compensate::Gain);
  const auto result = compensateTile(tile, {&block, 1})[0];
  EXPECT_EQ(result.target, wanted[0].u);
  EXPECT_LT(result.errorAfter, result.errorBefore);
  const NetworkOracle network = program(tile, wanted, {wanted[0].u});
  const double best = errorOf(network, wanted[0], result.columnFactor);
  EXPECT_NEAR(result.errorAfter, best, 0.01 * best);
  for (size_t j = 0; j < 5; ++j)
    for (float factor : {0.98f, 1.02f}) {
      auto moved = result.columnFactor;
      moved[j] *= factor;
      EXPECT_GT(errorOf(network, wanted[0], moved), best) << j;
    }
}

TEST(CompensateTile, ZeroColumnsSingleCellsAndZeroWire) {
  CompensationTile tile = makeTile(3, 3, 0.0);
  Wanted wanted({1, 1, 0, 3}, 4);
  wanted.u = {0.0f, 0.5f, -1.0f};
  for (Compensate mode : {Compensate::None, Compensate::Gain, Compensate::Weights}) {
    const CompensationBlock block = wanted.block(mode);
    const auto result = compensateTile(tile, {&block, 1})[0];
    EXPECT_EQ(result.target[0], 0.0f);
    EXPECT_EQ(result.columnFactor[0], 1.0f);
    EXPECT_LT(result.errorAfter, 1e-6);
    for (size_t j = 0; j < 3; ++j)
      EXPECT_NEAR(result.target[j] / result.columnFactor[j], wanted.u[j], 1e-6f);
  }
}

/// A block of open rows with Gaussian weights and inputs; relative error to the wanted product.
struct OpenStudy {
  static constexpr int64_t kRows = 256, kCols = 16;
  Wanted wanted{{0, kRows, 0, kCols}, 6};
  CompensationTile tile = makeTile(kRows, kCols, 1.5);
  OpenStudy() { tile.idle = Idle::Open; }

  double run(Compensate mode, double headroom) {
    const CompensationBlock block = wanted.block(mode);
    const auto result = compensateTile(tile, {&block, 1})[0];
    std::vector<float> plus(size_t(kRows * kCols)), minus(plus);
    for (size_t c = 0; c < plus.size(); ++c) {
      plus[c] = float(kMin + (kMax - kMin) * std::max(double(result.target[c]), 0.0));
      minus[c] = float(kMin + (kMax - kMin) * std::max(-double(result.target[c]), 0.0));
    }
    const TileView view{plus.data(), minus.data(), kRows, kCols, kCols};
    const auto fold = foldOneProduct(view, tile.wires, tile.readout, wanted.window,
                                     rowActivity(nullptr, kRows, onePass(8)[0]));
    double error = 0.0, power = 0.0;
    std::mt19937 engine(31);
    std::normal_distribution<double> n(0.0, 127.0 / 3.0);
    for (int b = 0; b < 8; ++b) {
      std::vector<double> x(kRows), ticks(kRows), size(kRows);
      for (size_t i = 0; i < x.size(); ++i) {
        x[i] = std::clamp(n(engine), -127.0, 127.0);
        size[i] = std::abs(x[i]);
        ticks[i] = std::nearbyint(size[i]);
      }
      double factor = 1.0;
      if (mode == Compensate::WeightsAndPulses)
        factor = predistortPulses(fold.pulses, size, 127, ticks, headroom);
      for (size_t i = 0; i < x.size(); ++i) {
        EXPECT_TRUE(ticks[i] >= 0 && ticks[i] <= 127 && ticks[i] == std::floor(ticks[i]));
        ticks[i] = x[i] < 0 ? -ticks[i] : ticks[i];
      }
      const auto charge = openExact(view, tile.wires, tile.readout, wanted.window, ticks, 1, 1);
      for (size_t j = 0; j < charge.size(); ++j) {
        double ideal = 0.0;
        for (size_t i = 0; i < x.size(); ++i)
          ideal += x[i] * double(wanted.u[i * kCols + j]) * (kMax - kMin);
        const double e = charge[j] * factor / double(result.columnFactor[j]) - ideal;
        error += e * e;
        power += ideal * ideal;
      }
    }
    return std::sqrt(error / power);
  }
};

TEST(CompensateOpen, EachStepRemovesMore) {
  OpenStudy study;
  for (Readout readout : {Readout::Single, Readout::Alternating}) {
    study.tile.readout = readout;
    const double none = study.run(Compensate::None, 0), gain = study.run(Compensate::Gain, 0),
                 weights = study.run(Compensate::Weights, 0),
                 pulses = study.run(Compensate::WeightsAndPulses, kPulseHeadroom),
                 filled = study.run(Compensate::WeightsAndPulses, 0.0);
    EXPECT_LT(gain, none / 1.5);
    EXPECT_LT(weights, gain / 1.3);
    if (readout == Readout::Single) {
      EXPECT_LT(pulses, weights / 3);
      EXPECT_LT(pulses, 0.012); // rounding alone: 0.0067
      EXPECT_LT(filled, 1.01 * pulses);
    } else {
      EXPECT_LT(pulses, weights); // one length serves two read-out sides
    }
  }
}

TEST(CompensateTile, ModesParseOrNot) {
  EXPECT_EQ(parseCompensate("weights+pulses"), Compensate::WeightsAndPulses);
  EXPECT_EQ(parseCompensate("weights_pulses"), Compensate::WeightsAndPulses);
  EXPECT_EQ(parseCompensate("none"), Compensate::None);
  EXPECT_FALSE(parseCompensate("pulses"));
}

} // namespace
