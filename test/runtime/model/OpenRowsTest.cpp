//===- OpenRowsTest.cpp - disconnected idle rows against nodal analysis -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/model/OneProduct.h"

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

/// sum_i z_i M_ij of every column.
std::vector<double> throughReferences(const OneProduct &fold, const std::vector<double> &ticks,
                                      int64_t cols) {
  std::vector<double> z(ticks.size()), charge(static_cast<size_t>(cols), 0.0);
  Arrival arrival;
  arrival.set(ticks.data(), static_cast<int64_t>(ticks.size()), 127);
  for (size_t c = 0; c < fold.panels.order.size(); ++c) {
    const int64_t j = fold.panels.order[c];
    if (j < 0)
      continue;
    const auto r = static_cast<size_t>(fold.panelReference[c / kReferencePanel]);
    arrival.through(fold.references[r].column, z.data());
    for (size_t i = 0; i < z.size(); ++i)
      charge[static_cast<size_t>(j)] +=
          z[i] *
          static_cast<double>(fold.matrix[i * static_cast<size_t>(cols) + static_cast<size_t>(j)]);
  }
  return charge;
}

TEST(OneProduct, StaysBelowTheRoundingOfTheConverter) {
  const Layer layer;
  for (Readout readout : {Readout::Single, Readout::Alternating})
    for (auto [ohm, bound] : {std::pair{0.15, 1.5e-3}, {1.0, 7e-3}}) {
      Wires wires;
      wires.columnOhm = ohm;
      const auto activity = rowActivity(nullptr, layer.rows, onePass(8)[0]);
      const auto fold = foldOneProduct(layer.view(), wires, readout, layer.window(), activity);
      std::vector<double> got, exact;
      for (unsigned b = 0; b < 6; ++b) {
        const auto ticks = gaussianTicks(layer.rows, 100 + b);
        const auto e = openExact(layer.view(), wires, readout, layer.window(), ticks, 1, 1);
        exact.insert(exact.end(), e.begin(), e.end());
        const auto q = throughReferences(fold, ticks, layer.cols);
        got.insert(got.end(), q.begin(), q.end());
      }
      EXPECT_LT(relativeError(got, exact), bound) << ohm;
      EXPECT_GT(relativeError(got, exact), bound / 20) << "suspiciously good";
    }
}

/// Rows [5, 45) of 60 with wire as a reference column has it: cells of a chunk in one place.
struct Lumped {
  static constexpr int64_t kRows = 40, kTile = 60;
  BlockWindow window{5, kRows, 0, 2};
  std::vector<float> plus = std::vector<float>(2 * kTile, 18.0f),
                     minus = std::vector<float>(2 * kTile, 0.0f),
                     factor = std::vector<float>(2 * kTile, 1.0f);
  Wires wires;
  explicit Lumped(double ohm = 40.0) {
    wires.columnOhm = ohm;
    wires.adcOhm = 0.625 * ohm;
    const int64_t sizes[] = {16, 16, 8};
    for (int64_t i = 0; i < kRows; ++i)
      for (int64_t col : {0, 1}) {
        // Column 0 is read at the last row, column 1 at the first; chunks are counted from row 0.
        const int64_t chunk = i / 16;
        const bool ends = col == 0 ? i == kRows - 1 || i % 16 == 15 : i % 16 == 0;
        const int64_t next = col == 0 ? chunk + 1 : chunk - 1;
        float pieces = 0.0f;
        if (ends && next >= 0 && next < 3)
          pieces = 0.5f * static_cast<float>(sizes[chunk] + sizes[next]);
        else if (ends)
          pieces = 1.0f + 0.5f * static_cast<float>(sizes[chunk] - 1);
        factor[static_cast<size_t>((window.row + i) * 2 + col)] = pieces;
      }
  }
  TileView view() const { return {plus.data(), minus.data(), kTile, 2, 2}; }
  ReferenceColumn reference(int64_t col) const {
    return referenceColumn(view(), wires, window, col == 1, 18.0);
  }
  double charge(const std::vector<double> &ticks, int64_t col) const {
    Wires lumped = wires;
    lumped.columnFactor = factor.data();
    return openExact(view(), lumped, Readout::Alternating, window, ticks, 1,
                     1)[static_cast<size_t>(col)];
  }
};

TEST(Arrival, IsTheCircuitOfAReferenceColumn) {
  // A column with G- = 0 and one with a single pair swapped differ by twice that row's share. With
  // at most 16 ticks every tick is a group.
  Lumped column;
  const auto ticks = randomTicks(Lumped::kRows, 15, 2);
  for (int64_t col : {0, 1}) {
    std::vector<double> z(ticks.size());
    Arrival arrival;
    arrival.set(ticks.data(), Lumped::kRows, 127);
    arrival.through(column.reference(col), z.data());
    const double all = column.charge(ticks, col);
    for (size_t i = 0; i < z.size(); ++i) {
      const size_t c = (5 + i) * 2 + static_cast<size_t>(col);
      std::swap(column.plus[c], column.minus[c]);
      EXPECT_NEAR(z[i], (all - column.charge(ticks, col)) / 36.0, 3e-6) << i;
      std::swap(column.plus[c], column.minus[c]);
    }
  }
}

TEST(Arrival, GroupsOfTicksLeaveLittle) {
  // Of what wires take, which grows with their resistance, groups lose a share of second order in
  // their length.
  const auto ticks = randomTicks(Lumped::kRows, 127, 4);
  for (auto [ohm, bound] : {std::pair{40.0, 1e-3}, {4.0, 1e-4}, {0.4, 1e-5}}) {
    Lumped column(ohm);
    std::vector<double> z(ticks.size());
    Arrival arrival;
    arrival.set(ticks.data(), Lumped::kRows, 127);
    arrival.through(column.reference(0), z.data());
    double sum = 0.0, size = 0.0;
    for (double one : z) {
      sum += 18.0 * one;
      size += 18.0 * std::abs(one);
    }
    EXPECT_NEAR(sum, column.charge(ticks, 0), bound * size) << ohm;
  }
}

TEST(Arrival, AdjointAgreesWithFiniteDifferences) {
  for (bool reversed : {false, true}) {
    const ReferenceColumn column{40, 18.0f, 4e-5f, 4e-4f, reversed};
    std::mt19937 engine(5);
    std::normal_distribution<double> normal;
    std::vector<double> ticks(40), bar(40), z(40), grad(40, 0.0);
    for (size_t i = 0; i < 40; ++i) {
      ticks[i] = 30 * normal(engine);
      bar[i] = normal(engine);
    }
    ticks[7] = 0.0;
    Arrival arrival;
    const auto loss = [&] {
      arrival.set(ticks.data(), 40, 127);
      arrival.through(column, z.data());
      double sum = 0.0;
      for (size_t i = 0; i < 40; ++i)
        sum += bar[i] * z[i];
      return sum;
    };
    loss();
    arrival.throughAdjoint(column, bar.data(), grad.data());
    for (size_t i = 0; i < 40; ++i) {
      const double saved = ticks[i], step = 1e-5;
      ticks[i] = saved + step;
      const double up = loss();
      ticks[i] = saved - step;
      const double down = loss();
      ticks[i] = saved;
      EXPECT_NEAR(grad[i], (up - down) / (2 * step), 1e-6) << i;
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
  std::vector<double> load(n), bar(n);
  RowActivity activity;
  activity.rows = n;
  activity.slots = slots;
  activity.width.assign(slots, 1.0);
  for (size_t i = 0; i < n; ++i) {
    load[i] = 30.0 * u(engine);
    bar[i] = normal(engine);
  }
  for (size_t k = 0; k < n * slots; ++k) {
    activity.probability.push_back(static_cast<float>(u(engine)));
    activity.share.push_back(static_cast<float>(u(engine)));
  }
  const auto &p = activity.probability, &share = activity.share;
  const ColumnWire<double> wire{wireFromOhm(60.0), wireFromOhm(35.0), {}};
  const auto loss = [&] {
    double sum = 0.0;
    std::vector<double> loads(n), t(n);
    for (size_t s = 0; s < slots; ++s) {
      for (size_t i = 0; i < n; ++i)
        loads[i] = static_cast<double>(p[s * n + i]) * load[i];
      columnTransfer<double>(loads, wire, t);
      for (size_t i = 0; i < n; ++i)
        sum += static_cast<double>(share[s * n + i]) * bar[i] * t[i];
    }
    return sum;
  };
  StripField strip;
  strip.rows = n;
  strip.activity = &activity;
  strip.between = wire.wire;
  constexpr auto lanes = static_cast<size_t>(kLadderStrip);
  std::fill_n(strip.last, lanes, wire.last(n));
  std::vector<double> loads(n * lanes, 0.0), bars(loads), bar0(loads), scratch(3 * loads.size());
  for (size_t i = 0; i < n; ++i) {
    loads[i * lanes + 3] = load[i];
    bars[i * lanes + 3] = bar[i];
  }
  strip.backward(loads.data(), bars.data(), bar0.data(), scratch.data());
  std::vector<double> grad(n);
  for (size_t i = 0; i < n; ++i)
    grad[i] = bar0[i * lanes + 3];
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

// Its own cell loads a column whenever a row counts, whatever the row does on average. All other
// cells are alike and without a sign: nothing else sets columns apart, nothing else gives charge.
TEST(OneProduct, ARowsOwnCellLoadsItsColumnFully) {
  constexpr int64_t rows = 512, cols = 8;
  Wires wires;
  wires.columnOhm = 1.0;
  const BlockWindow window{0, rows, 0, cols};
  const auto activity = rowActivity(nullptr, rows, onePass(8)[0]);
  for (Readout readout : {Readout::Single, Readout::Alternating})
    for (size_t row : {3u, 250u, 505u}) {
      std::vector<float> plus(rows * cols, 9.0f), minus(rows * cols, 9.0f);
      for (size_t j = 0; j < cols; ++j) {
        plus[row * cols + j] = 1.0f + 6.0f * static_cast<float>(j);
        minus[row * cols + j] = 0.1f;
      }
      const TileView view{plus.data(), minus.data(), rows, cols, cols};
      const auto fold = foldOneProduct(view, wires, readout, window, activity);
      std::vector<double> exact(cols, 0.0), got(exact);
      for (unsigned v = 0; v < 40; ++v) {
        auto ticks = gaussianTicks(rows, 7 + v);
        ticks[row] = std::abs(ticks[row]);
        const auto e = openExact(view, wires, readout, window, ticks, 1, 1);
        const auto g = throughReferences(fold, ticks, cols);
        for (size_t j = 0; j < cols; ++j) {
          exact[j] += e[j];
          got[j] += g[j];
        }
      }
      for (size_t j = 0; j < cols; ++j) {
        // Against a column of the same side, whose reference is the same.
        const size_t like = readout == Readout::Alternating ? 2 + j % 2 : 3;
        const double away = readAtFirstRow(readout, int64_t(j)) ? double(row) : 512.0 - double(row);
        const double own = std::abs(double(plus[row * cols + j]) - double(plus[row * cols + like]));
        EXPECT_NEAR(got[j] / exact[j] * exact[like] / got[like], 1.0,
                    0.3 * own * away * 1e-6 + 1e-5)
            << row << ' ' << j;
      }
    }
}

TEST(OneProduct, ZeroWireAndZeroInputs) {
  Scene s(9, 6, {1, 7, 2, 3}, 0.0, 0.0, true, false);
  const auto activity = rowActivity(nullptr, 7, onePass(8)[0]);
  const auto fold = foldOneProduct(s.view(), s.wires, s.readout(), s.window, activity);
  for (int64_t i = 0; i < 7; ++i)
    for (int64_t j = 0; j < 3; ++j) {
      const auto cell = static_cast<size_t>((1 + i) * 6 + 2 + j);
      EXPECT_NEAR(fold.matrix[static_cast<size_t>(i * 3 + j)],
                  double(s.tile.plus[cell]) - double(s.tile.minus[cell]), 1e-5);
    }
  const auto ticks = randomTicks(7, 127, 3);
  std::vector<double> z(7, 5.0);
  Arrival arrival;
  arrival.set(ticks.data(), 7, 127);
  arrival.through(fold.pulses[0].column, z.data());
  for (size_t i = 0; i < 7; ++i)
    EXPECT_NEAR(z[i], ticks[i], 1e-9);
  arrival.set(std::vector<double>(7, 0.0).data(), 7, 127);
  EXPECT_EQ(arrival.through(fold.pulses[1].column, z.data()), 0.0);
  EXPECT_EQ(z, std::vector<double>(7, 0.0));
}

} // namespace
