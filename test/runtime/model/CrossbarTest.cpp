//===- CrossbarTest.cpp - row and column wires against nodal analysis -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/model/Crossbar.h"

#include "NetworkOracle.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

using namespace aimc::model;
using aimc::test::NetworkOracle;

namespace {

NetworkOracle makeTile(int64_t rows, int64_t cols, Wires wires, bool alternating, unsigned seed) {
  NetworkOracle tile{rows, cols, {}, {}, wires, alternating, {}};
  std::mt19937 engine(seed);
  std::uniform_real_distribution<float> g(0.1f, 25.0f);
  for (int64_t c = 0; c < rows * cols; ++c) {
    tile.plus.push_back(g(engine));
    tile.minus.push_back(g(engine));
  }
  return tile;
}

TileView view(const NetworkOracle &t) {
  return {t.plus.data(), t.minus.data(), t.rows, t.cols, t.cols};
}
Readout readout(const NetworkOracle &t) {
  return t.alternating ? Readout::Alternating : Readout::Single;
}

struct Fold {
  std::vector<float> weff, transfer, out;
  CrossbarResult result;
};
Fold fold(const NetworkOracle &t, const BlockWindow &w, const CrossbarOptions &options = {}) {
  const auto cells = static_cast<size_t>(w.rows * w.cols);
  Fold f{std::vector<float>(cells),
         std::vector<float>(cells),
         std::vector<float>(static_cast<size_t>(w.cols)),
         {}};
  f.result = foldCrossbar(view(t), t.wires, readout(t), w, f.weff.data(), f.transfer.data(), w.cols,
                          options, f.out.data());
  return f;
}

/// Every row of the window driven alone, and the ADC inputs off the rest level.
void expectNodal(const NetworkOracle &t, const BlockWindow &w, const Fold &f, double tolerance) {
  double top = 0.0, worst = 0.0;
  for (int64_t i = 0; i < w.rows; ++i) {
    Eigen::VectorXd sign = Eigen::VectorXd::Zero(t.rows);
    sign(w.row + i) = 1.0;
    const Eigen::VectorXd current = t.currents(sign, 1.0);
    for (int64_t j = 0; j < w.cols; ++j) {
      const double expected = current(w.col + j);
      top = std::max(top, std::abs(expected));
      worst = std::max(
          worst,
          std::abs(static_cast<double>(f.weff[static_cast<size_t>(i * w.cols + j)]) - expected));
    }
  }
  EXPECT_LE(worst, tolerance * top);
  const Eigen::VectorXd offset = t.currents(Eigen::VectorXd::Zero(t.rows), 0.0, 0.1);
  for (int64_t j = 0; j < w.cols; ++j)
    EXPECT_NEAR(static_cast<double>(f.out[static_cast<size_t>(j)]), -offset(w.col + j) / 0.1,
                3.0 * tolerance * std::abs(offset(w.col + j)) / 0.1);
}

struct Case {
  int64_t rows, cols;
  Wires wires;
};
class Crossbar : public testing::TestWithParam<std::tuple<int, bool>> {};

TEST_P(Crossbar, MatchesTheNodeEquations) {
  const Case cases[] = {
      {1, 1, {2.0, 3.0}},          {1, 9, {1.0, 5.0}},
      {9, 1, {5.0, 1.0}},          {18, 11, {0.35, 0.35}},
      {20, 12, {5.0, 2.0, 50, 8}}, {12, 16, {40.0, 30.0, 100.0, 100.0}},
      {35, 6, {20.0, 10.0, 0, 3}},
  };
  const auto [index, alternating] = GetParam();
  const Case &c = cases[index];
  const NetworkOracle tile = makeTile(c.rows, c.cols, c.wires, alternating, 3);
  const BlockWindow whole{0, c.rows, 0, c.cols};
  const Fold f = fold(tile, whole);
  EXPECT_TRUE(f.result.converged);
  EXPECT_LE(f.result.residual, 1e-6);
  expectNodal(tile, whole, f, 1.2e-6);
}
INSTANTIATE_TEST_SUITE_P(Cases, Crossbar, testing::Combine(testing::Range(0, 7), testing::Bool()));

TEST(CrossbarFold, NonUniformWires) {
  NetworkOracle tile = makeTile(17, 12, {3.0, 4.0, 10.0, 5.0}, true, 8);
  std::mt19937 engine(1);
  std::uniform_real_distribution<float> u(0.5f, 1.5f);
  std::vector<float> column(17 * 12), row(17 * 12);
  for (size_t c = 0; c < column.size(); ++c) {
    column[c] = u(engine);
    row[c] = u(engine);
  }
  tile.wires.columnFactor = column.data();
  tile.wires.rowFactor = row.data();
  const BlockWindow whole{0, 17, 0, 12};
  expectNodal(tile, whole, fold(tile, whole), 1.2e-6);
}

TEST(CrossbarFold, ARowDoesNotDependOnTheWindowThatItIsFoldedIn) {
  const NetworkOracle tile = makeTile(36, 6, {2.0, 2.0}, false, 5);
  const BlockWindow whole{0, 36, 0, 6}, part{11, 23, 2, 3};
  const Fold all = fold(tile, whole), some = fold(tile, part);
  expectNodal(tile, part, some, 1.2e-6);
  for (int64_t i = 0; i < part.rows; ++i)
    for (int64_t j = 0; j < part.cols; ++j) {
      const auto a = static_cast<size_t>((part.row + i) * 6 + part.col + j);
      const auto b = static_cast<size_t>(i * part.cols + j);
      ASSERT_EQ(all.weff[a], some.weff[b]);
      ASSERT_EQ(all.transfer[a], some.transfer[b]);
    }
}

TEST(CrossbarFold, WithoutRowWiresItIsTheColumnFold) {
  const NetworkOracle tile = makeTile(33, 20, {7.0, 0.0, 0.0, 4.0}, true, 6);
  const Fold f = fold(tile, {0, 33, 0, 20});
  std::vector<float> t(33 * 20), out(20);
  foldTile(view(tile), tile.wires, readout(tile), 0, 20, t.data(), 20, out.data());
  for (size_t c = 0; c < t.size(); ++c) {
    EXPECT_NEAR(f.transfer[c], t[c], 1e-6f);
    EXPECT_NEAR(f.weff[c], t[c] * (tile.plus[c] - tile.minus[c]), 1e-5f);
  }
  for (size_t j = 0; j < out.size(); ++j)
    EXPECT_NEAR(f.out[j], out[j], 1e-5f * out[j]);
}

TEST(CrossbarFold, WithoutWiresItIsTheIdealProduct) {
  const NetworkOracle tile = makeTile(10, 9, {}, false, 7);
  const Fold f = fold(tile, {0, 10, 0, 9});
  for (size_t c = 0; c < f.weff.size(); ++c) {
    EXPECT_NEAR(f.weff[c], tile.plus[c] - tile.minus[c], 1e-5f);
    EXPECT_NEAR(f.transfer[c], 1.0f, 1e-6f);
  }
}

TEST(CrossbarFold, RowWiresAloneAttenuateEachLine) {
  // Columns at the virtual ground: each line is a ladder of its own; checked by its node equations
  // with columns of 0.1 milliohm.
  NetworkOracle tile = makeTile(4, 14, {0.0, 25.0, 30.0, 0.0}, false, 9);
  const Fold f = fold(tile, {0, 4, 0, 14});
  tile.wires.columnOhm = 1e-4;
  expectNodal(tile, {0, 4, 0, 14}, f, 2e-6);
}

TEST(CrossbarFold, TransferIsWhatADeviceAddsToItsOwnColumn) {
  NetworkOracle tile = makeTile(14, 10, {1.0, 1.0, 20.0, 5.0}, false, 4);
  const Fold f = fold(tile, {0, 14, 0, 10});
  for (auto [i, j] : {std::pair{0, 0}, {5, 9}, {13, 3}}) {
    Eigen::VectorXd sign = Eigen::VectorXd::Zero(14);
    sign(i) = 1.0;
    const auto c = static_cast<size_t>(i * 10 + j);
    const double before = tile.currents(sign, 1.0)(j);
    const float saved = tile.plus[c];
    tile.plus[c] += 0.01f;
    const double slope = (tile.currents(sign, 1.0)(j) - before) /
                         (static_cast<double>(tile.plus[c]) - static_cast<double>(saved));
    tile.plus[c] = saved;
    EXPECT_NEAR(slope, static_cast<double>(f.transfer[c]), 2e-3);
  }
}

TEST(CrossbarFold, NonConvergenceIsAValue) {
  const NetworkOracle tile = makeTile(16, 16, {2e4, 2e4, 0, 0}, false, 2);
  const Fold few = fold(tile, {0, 16, 0, 16}, {1e-6, 3});
  EXPECT_FALSE(few.result.converged);
  EXPECT_EQ(few.result.sweeps, 3);
  EXPECT_GT(few.result.residual, 1e-6);
  for (float w : few.weff)
    EXPECT_TRUE(std::isfinite(w));
}

TEST(CrossbarFold, HeavyWiresConvergeWithMoreSweeps) {
  const NetworkOracle tile = makeTile(16, 12, {1000.0, 1000.0, 0, 0}, true, 2);
  const BlockWindow whole{0, 16, 0, 12};
  const Fold f = fold(tile, whole, {1e-5, 500});
  EXPECT_TRUE(f.result.converged) << f.result.residual;
  expectNodal(tile, whole, f, 1.2e-5);
}

class CrossbarAdjoint : public testing::TestWithParam<std::tuple<int, bool>> {};

TEST_P(CrossbarAdjoint, AgreesWithDifferencesOfTheNodeEquations) {
  const auto [kind, alternating] = GetParam();
  const Wires wires[] = {{60.0, 40.0, 100.0, 30.0}, {25.0, 0.0, 0.0, 10.0}, {0.0, 30.0, 5.0, 0.0}};
  NetworkOracle tile = makeTile(6, 5, wires[kind], alternating, 12);
  const BlockWindow window{1, 4, 0, 4};
  std::mt19937 engine(5);
  std::normal_distribution<float> normal;
  std::vector<float> bar(16), plusBar(30, 0.0f), minusBar(30, 0.0f);
  for (float &b : bar)
    b = normal(engine);
  foldCrossbarAdjoint(view(tile), tile.wires, readout(tile), window, bar.data(), 4, plusBar.data(),
                      minusBar.data());
  // The oracle needs some resistance everywhere.
  tile.wires.rowOhm = std::max(tile.wires.rowOhm, 1e-4);
  tile.wires.columnOhm = std::max(tile.wires.columnOhm, 1e-4);
  const auto loss = [&] {
    double sum = 0.0;
    for (int64_t r = 0; r < 4; ++r) {
      Eigen::VectorXd sign = Eigen::VectorXd::Zero(6);
      sign(1 + r) = 1.0;
      const Eigen::VectorXd current = tile.currents(sign, 1.0);
      for (int64_t j = 0; j < 4; ++j)
        sum += static_cast<double>(bar[static_cast<size_t>(r * 4 + j)]) * current(j);
    }
    return sum;
  };
  for (size_t c = 0; c < 30; ++c)
    for (bool positive : {true, false}) {
      float &g = (positive ? tile.plus : tile.minus)[c];
      const float saved = g;
      g = saved + 0.125f;
      const auto high = static_cast<double>(g);
      const double up = loss();
      g = saved - 0.125f;
      const double slope = (up - loss()) / (high - static_cast<double>(g));
      g = saved;
      EXPECT_NEAR((positive ? plusBar : minusBar)[c], slope, 3e-5) << c << positive;
    }
}
INSTANTIATE_TEST_SUITE_P(Wires, CrossbarAdjoint,
                         testing::Combine(testing::Range(0, 3), testing::Bool()));

} // namespace
