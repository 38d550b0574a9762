//===- OpenRowsTest.cpp - disconnected idle rows against nodal analysis -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/model/OpenRows.h"

#include "NetworkOracle.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

using namespace aimc::model;
using aimc::test::NetworkOracle;

namespace {

constexpr double kVolt = 0.2, kTickNs = 2.0;

/// A block in a tile, far and near rows idle. Lines are nearly perfect in the oracle.
struct Scene {
  NetworkOracle tile;
  BlockWindow window;
  std::vector<float> factor;
  Wires wires; ///< without the oracle's row wire
  Scene(int64_t rows, int64_t cols, BlockWindow w, double ohm, double adcOhm, bool alternating,
        bool spread)
      : window(w) {
    std::mt19937 engine(3);
    std::uniform_real_distribution<float> g(0.1f, 25.0f), f(0.6f, 1.4f);
    tile = {rows, cols, {}, {}, {}, alternating, {}};
    for (int64_t c = 0; c < rows * cols; ++c) {
      tile.plus.push_back(g(engine));
      tile.minus.push_back(g(engine));
      factor.push_back(f(engine));
    }
    wires.columnOhm = ohm;
    wires.adcOhm = adcOhm;
    if (spread)
      wires.columnFactor = factor.data();
    tile.wires = wires;
    tile.wires.rowOhm = 1e-4;
  }
  Scene(const Scene &) = delete;
  TileView view() const {
    return {tile.plus.data(), tile.minus.data(), tile.rows, tile.cols, tile.cols};
  }
  Readout readout() const { return tile.alternating ? Readout::Alternating : Readout::Single; }

  /// Charge by one solve of the node equations per tick.
  Eigen::VectorXd tickByTick(const std::vector<double> &ticks, int longest, double offset) {
    Eigen::VectorXd charge = Eigen::VectorXd::Zero(tile.cols);
    for (int s = 1; s <= longest; ++s) {
      tile.open.assign(static_cast<size_t>(tile.rows), true);
      Eigen::VectorXd sign = Eigen::VectorXd::Zero(tile.rows);
      bool any = false;
      for (int64_t i = 0; i < window.rows; ++i) {
        const double d = ticks[static_cast<size_t>(i)];
        if (std::abs(d) < s)
          continue;
        any = true;
        tile.open[static_cast<size_t>(window.row + i)] = false;
        sign(window.row + i) = d < 0 ? -1.0 : 1.0;
      }
      if (any)
        charge += kTickNs * tile.currents(sign, kVolt, offset);
    }
    return charge;
  }
};

std::vector<double> randomTicks(int64_t rows, int top, unsigned seed) {
  std::mt19937 engine(seed);
  std::uniform_int_distribution<int> d(-top, top);
  std::vector<double> ticks(static_cast<size_t>(rows));
  for (double &t : ticks)
    t = d(engine);
  return ticks;
}

class OpenExact : public testing::TestWithParam<std::tuple<bool, bool, double>> {};

TEST_P(OpenExact, MatchesOneNodalSolvePerTick) {
  const auto [alternating, spread, offset] = GetParam();
  Scene s(14, 5, {3, 9, 1, 4}, 30.0, 12.0, alternating, spread);
  const auto ticks = randomTicks(9, 7, 5);
  const auto expected = s.tickByTick(ticks, 7, offset);
  const auto charges =
      openExact(s.view(), s.wires, s.readout(), s.window, ticks, kVolt, kTickNs, offset);
  for (int64_t j = 0; j < s.window.cols; ++j)
    EXPECT_NEAR(charges[static_cast<size_t>(j)], expected(s.window.col + j), 1e-5) << j;
  // Segments of one cell lump nothing.
  const auto single =
      openSegments(s.view(), s.wires, s.readout(), s.window, ticks, kVolt, kTickNs, 1, offset);
  for (size_t j = 0; j < charges.size(); ++j)
    EXPECT_NEAR(single[j], charges[j], 1e-9);
}
INSTANTIATE_TEST_SUITE_P(Readouts, OpenExact,
                         testing::Combine(testing::Bool(), testing::Bool(),
                                          testing::Values(0.0, 0.01)));

double relativeError(const std::vector<double> &a, const std::vector<double> &b) {
  double error = 0.0, power = 0.0;
  for (size_t j = 0; j < a.size(); ++j) {
    error += (a[j] - b[j]) * (a[j] - b[j]);
    power += b[j] * b[j];
  }
  return std::sqrt(error / power);
}

/// A tile whose pairs hold clipped Gaussian weights, and inputs of the same kind.
struct Layer {
  int64_t rows = 512, cols = 24;
  std::vector<float> plus, minus;
  Layer() {
    std::mt19937 engine(12);
    std::normal_distribution<float> n(0.0f, 1.0f / 3.0f);
    for (int64_t c = 0; c < rows * cols; ++c) {
      const float w = std::clamp(n(engine), -1.0f, 1.0f);
      plus.push_back(0.1f + 24.9f * std::max(w, 0.0f));
      minus.push_back(0.1f + 24.9f * std::max(-w, 0.0f));
    }
  }
  TileView view() const { return {plus.data(), minus.data(), rows, cols, cols}; }
  BlockWindow window() const { return {0, rows, 0, cols}; }
};

std::vector<double> gaussianTicks(int64_t rows, unsigned seed) {
  std::mt19937 engine(seed);
  std::normal_distribution<double> n(0.0, 127.0 / 3.0);
  std::vector<double> ticks(static_cast<size_t>(rows));
  for (double &t : ticks)
    t = std::nearbyint(std::clamp(n(engine), -127.0, 127.0));
  return ticks;
}

TEST(OpenSegments, AreOfSecondOrder) {
  const Layer layer;
  Wires wires;
  wires.columnOhm = 0.35;
  const auto ticks = gaussianTicks(layer.rows, 1);
  const auto exact = openExact(layer.view(), wires, Readout::Single, layer.window(), ticks, 1, 1);
  const auto at = [&](int64_t cells) {
    return relativeError(
        openSegments(layer.view(), wires, Readout::Single, layer.window(), ticks, 1, 1, cells),
        exact);
  };
  const double coarse = at(64), middle = at(32), fine = at(16);
  EXPECT_LT(fine, 2e-4);
  EXPECT_LT(middle, coarse / 2.5);
  EXPECT_LT(fine, middle / 2.0);
}

TEST(OneProduct, StaysBelowTheRoundingOfTheConverter) {
  const Layer layer;
  for (Readout readout : {Readout::Single, Readout::Alternating})
    for (auto [ohm, bound] : {std::pair{0.15, 1.5e-3}, {1.0, 6e-3}}) {
      Wires wires;
      wires.columnOhm = ohm;
      const auto activity = rowActivity(nullptr, layer.rows, onePass(8)[0]);
      std::vector<float> ratio(layer.plus.size());
      const auto fold = foldOneProduct(layer.view(), wires, readout, layer.window(), activity,
                                       ratio.data(), layer.cols);
      std::vector<double> got, exact, last(512), first(512);
      for (unsigned b = 0; b < 6; ++b) {
        const auto ticks = gaussianTicks(layer.rows, 100 + b);
        const auto e = openExact(layer.view(), wires, readout, layer.window(), ticks, 1, 1);
        exact.insert(exact.end(), e.begin(), e.end());
        referenceTicks(fold.atLastRow, ticks, last);
        referenceTicks(fold.atFirstRow, ticks, first);
        for (int64_t j = 0; j < layer.cols; ++j) {
          const auto &z = readAtFirstRow(readout, j) ? first : last;
          double q = 0.0;
          for (int64_t i = 0; i < layer.rows; ++i) {
            const auto c = static_cast<size_t>(i * layer.cols + j);
            q += z[static_cast<size_t>(i)] * static_cast<double>(ratio[c]) *
                 (static_cast<double>(layer.plus[c]) - static_cast<double>(layer.minus[c]));
          }
          got.push_back(q);
        }
      }
      EXPECT_LT(relativeError(got, exact), bound) << ohm;
      EXPECT_GT(relativeError(got, exact), bound / 20) << "suspiciously good";
    }
}

TEST(ReferenceTicks, AreWhatOneRowAddsToAColumnOfEqualCells) {
  // A column with G- = 0 and one with a single pair swapped differ by twice that row's share.
  const int64_t rows = 21;
  const float g = 18.0f;
  Wires wires;
  wires.columnOhm = 40.0;
  wires.adcOhm = 25.0;
  const auto ticks = randomTicks(13, 9, 2);
  const BlockWindow window{5, 13, 0, 2};
  for (int64_t col : {0, 1}) {
    std::vector<float> plus(42, g), minus(42, 0.0f);
    const auto read = [&] {
      return openExact({plus.data(), minus.data(), rows, 2, 2}, wires, Readout::Alternating, window,
                       ticks, 1, 1)[static_cast<size_t>(col)];
    };
    const TileView view{plus.data(), minus.data(), rows, 2, 2};
    const auto column = referenceColumn(view, wires, window, col == 1, g);
    std::vector<double> z(13);
    referenceTicks(column, ticks, z);
    const double all = read();
    for (size_t i = 0; i < 13; ++i) {
      const size_t c = (5 + i) * 2 + static_cast<size_t>(col);
      std::swap(plus[c], minus[c]);
      EXPECT_NEAR(z[i], (all - read()) / (2.0 * static_cast<double>(g)), 1e-9) << i;
      std::swap(plus[c], minus[c]);
    }
  }
}

TEST(MeanField, IsTheAverageOfLinearCircuits) {
  // Each slot is a midrail circuit whose block conducts with p G; rows outside are open.
  for (bool alternating : {false, true}) {
    Scene s(11, 4, {2, 7, 0, 4}, 50.0, 20.0, alternating, true);
    RowActivity activity;
    activity.rows = 7;
    activity.slots = 3;
    activity.width = {4, 5, 6};
    std::mt19937 engine(9);
    std::uniform_real_distribution<float> u(0.05f, 1.0f);
    for (int k = 0; k < 21; ++k) {
      activity.probability.push_back(u(engine));
      activity.share.push_back(u(engine));
    }
    std::vector<float> transfer(28), out(4);
    meanField(s.view(), s.wires, s.readout(), s.window, activity, transfer.data(), 4, out.data());
    std::vector<double> expected(28, 0.0), expectedOut(4, 0.0);
    for (size_t slot = 0; slot < 3; ++slot) {
      NetworkOracle scaled = s.tile;
      scaled.open.assign(11, true);
      for (size_t i = 0; i < 7; ++i) {
        scaled.open[2 + i] = false;
        for (size_t j = 0; j < 4; ++j) {
          scaled.plus[(2 + i) * 4 + j] *= activity.probability[slot * 7 + i];
          scaled.minus[(2 + i) * 4 + j] *= activity.probability[slot * 7 + i];
        }
      }
      for (int64_t i = 0; i < 7; ++i) {
        Eigen::VectorXd sign = Eigen::VectorXd::Zero(11);
        sign(2 + i) = 1.0;
        const Eigen::VectorXd current = scaled.currents(sign, 1.0);
        for (int64_t j = 0; j < 4; ++j) {
          const auto c = static_cast<size_t>((2 + i) * 4 + j);
          expected[static_cast<size_t>(i * 4 + j)] +=
              static_cast<double>(activity.share[slot * 7 + static_cast<size_t>(i)]) * current(j) /
              (static_cast<double>(scaled.plus[c]) - static_cast<double>(scaled.minus[c]));
        }
      }
      const Eigen::VectorXd leak = scaled.currents(Eigen::VectorXd::Zero(11), 0.0, 0.1);
      for (int64_t j = 0; j < 4; ++j)
        expectedOut[static_cast<size_t>(j)] += -leak(j) / 0.1 * activity.width[slot];
    }
    for (size_t c = 0; c < 28; ++c)
      EXPECT_NEAR(transfer[c], expected[c], 2e-5 * expected[c]) << c;
    for (size_t j = 0; j < 4; ++j)
      EXPECT_NEAR(out[j], expectedOut[j], 2e-6 * expectedOut[j]) << j;
  }
}

TEST(MeanField, AdjointAgreesWithFiniteDifferences) {
  const size_t n = 40, slots = 5;
  std::mt19937 engine(21);
  std::uniform_real_distribution<double> u(0.05, 1.0);
  std::normal_distribution<double> normal;
  std::vector<double> load(n), p(n * slots), share(n * slots), bar(n), grad(n, 0.0);
  std::vector<double> factor(n);
  for (size_t i = 0; i < n; ++i) {
    load[i] = 30.0 * u(engine);
    bar[i] = normal(engine);
    factor[i] = 0.5 + u(engine);
  }
  for (size_t k = 0; k < n * slots; ++k) {
    p[k] = u(engine);
    share[k] = u(engine);
  }
  const ColumnWire<double> wire{wireFromOhm(60.0), wireFromOhm(35.0), factor};
  const auto loss = [&] {
    double sum = 0.0;
    std::vector<double> loads(n), t(n);
    for (size_t s = 0; s < slots; ++s) {
      for (size_t i = 0; i < n; ++i)
        loads[i] = p[s * n + i] * load[i];
      columnTransfer<double>(loads, wire, t);
      for (size_t i = 0; i < n; ++i)
        sum += share[s * n + i] * bar[i] * t[i];
    }
    return sum;
  };
  meanFieldAdjoint(load, wire, p, share, bar, grad);
  double top = 0.0;
  for (double g : grad)
    top = std::max(top, std::abs(g));
  for (size_t i = 0; i < n; i += 3) {
    const double saved = load[i], step = 1e-3;
    load[i] = saved + step;
    const double up = loss();
    load[i] = saved - step;
    const double down = loss();
    load[i] = saved;
    EXPECT_NEAR(grad[i], (up - down) / (2 * step), 1e-7 * top) << i;
  }
}

TEST(ReferenceTicks, AdjointAgreesWithFiniteDifferences) {
  for (bool reversed : {false, true}) {
    ReferenceColumn column{9.0, wireFromOhm(20.0), wireFromOhm(300.0), reversed};
    const auto ticks = randomTicks(60, 15, 8);
    std::vector<double> bar(60), z(60);
    std::mt19937 engine(2);
    std::normal_distribution<double> normal;
    for (double &b : bar)
      b = normal(engine);
    const auto loss = [&](double g) {
      ReferenceColumn moved = column;
      moved.conductance = g;
      referenceTicks(moved, ticks, z);
      double sum = 0.0;
      for (size_t i = 0; i < 60; ++i)
        sum += bar[i] * z[i];
      return sum;
    };
    const double expected = (loss(9.001) - loss(8.999)) / 0.002;
    EXPECT_NEAR(referenceTicksAdjoint(column, ticks, bar), expected, 1e-6 * std::abs(expected));
  }
}

TEST(OneProduct, ZeroWireAndZeroInputs) {
  Scene s(9, 6, {1, 7, 2, 3}, 0.0, 0.0, true, false);
  const auto activity = rowActivity(nullptr, 7, onePass(8)[0]);
  std::vector<float> ratio(21);
  const auto fold =
      foldOneProduct(s.view(), s.wires, s.readout(), s.window, activity, ratio.data(), 3);
  for (float r : ratio)
    EXPECT_NEAR(r, 1.0f, 1e-6f);
  const auto ticks = randomTicks(7, 127, 3);
  std::vector<double> z(7, 5.0);
  referenceTicks(fold.atLastRow, ticks, z);
  for (size_t i = 0; i < 7; ++i)
    EXPECT_NEAR(z[i], ticks[i], 1e-9);
  EXPECT_EQ(referenceTicks(fold.atFirstRow, std::vector<double>(7, 0.0), z), 0.0);
  EXPECT_EQ(z, std::vector<double>(7, 0.0));
}

} // namespace
