//===- LadderTest.cpp - ladder against nodal analysis -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/model/Ladder.h"

#include "NetworkOracle.h"
#include "NodalOracle.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

using namespace aimc::model;
using aimc::test::nodalCurrent;

namespace {

constexpr double kVolt = 0.2;

struct Column {
  Eigen::VectorXd plus, minus;
  std::vector<double> load;
  explicit Column(int n, unsigned seed = 1) : plus(n), minus(n), load(static_cast<size_t>(n)) {
    std::mt19937 engine(seed);
    std::uniform_real_distribution<double> g(0.1, 25.0);
    for (int i = 0; i < n; ++i) {
      plus(i) = g(engine);
      minus(i) = g(engine);
      load[static_cast<size_t>(i)] = plus(i) + minus(i);
    }
  }
};

class LadderAgainstNodal : public testing::TestWithParam<std::tuple<int, double>> {};

TEST_P(LadderAgainstNodal, EveryCellOfTheColumn) {
  const auto [n, ohm] = GetParam();
  const Column c(n);
  std::vector<double> transfer(static_cast<size_t>(n));
  const double out = columnTransfer<double>(c.load, wireFromOhm(ohm), transfer);
  for (int i = 0; i<n; i += n> 40 ? 37 : 1) {
    Eigen::VectorXd sign = Eigen::VectorXd::Zero(n);
    sign(i) = 1.0;
    const double expected = nodalCurrent(c.plus, c.minus, sign, kVolt, ohm);
    const double got =
        effectiveWeight(kVolt, transfer[static_cast<size_t>(i)], c.plus(i), c.minus(i));
    EXPECT_NEAR(got, expected, 1e-9 * kVolt * 25.0) << "cell " << i;
  }
  const double offset = 0.01;
  const double expected =
      nodalCurrent(c.plus, c.minus, Eigen::VectorXd::Zero(n), kVolt, ohm, offset);
  EXPECT_NEAR(-out * offset, expected, 1e-8 * out * offset + 1e-9);
}
INSTANTIATE_TEST_SUITE_P(SizesAndWires, LadderAgainstNodal,
                         testing::Combine(testing::Values(1, 2, 3, 17, 128, 512),
                                          testing::Values(0.15, 1.0, 10.0, 1000.0)));

TEST(Ladder, SuperposesAllInputs) {
  const int n = 64;
  const Column c(n, 3);
  std::vector<double> transfer(n);
  columnTransfer<double>(c.load, wireFromOhm(2.0), transfer);
  Eigen::VectorXd sign(n);
  double sum = 0.0;
  for (int i = 0; i < n; ++i) {
    sign(i) = i % 3 - 1;
    sum +=
        sign(i) * effectiveWeight(kVolt, transfer[static_cast<size_t>(i)], c.plus(i), c.minus(i));
  }
  EXPECT_NEAR(sum, nodalCurrent(c.plus, c.minus, sign, kVolt, 2.0), 1e-7);
}

TEST(Ladder, ZeroWireIsTheIdealProduct) {
  const Column c(100);
  std::vector<double> transfer(100);
  const double out = columnTransfer<double>(c.load, 0.0, transfer);
  double sum = 0.0;
  for (size_t i = 0; i < 100; ++i) {
    EXPECT_EQ(transfer[i], 1.0);
    sum += c.load[i];
  }
  EXPECT_NEAR(out, sum, 1e-9);
}

TEST(Ladder, InverseScalingOfConductanceAndWireLeavesTransferUnchanged) {
  const Column c(200);
  std::vector<double> scaled(c.load), a(200), b(200);
  for (double &g : scaled)
    g *= 4.0; // a power of two: exactly the same products
  columnTransfer<double>(c.load, wireFromOhm(1.0), a);
  columnTransfer<double>(scaled, wireFromOhm(1.0) / 4.0, b);
  EXPECT_EQ(a, b);
}

TEST(Ladder, TransferFallsTowardsTheFarEnd) {
  const Column c(50);
  std::vector<double> t(50);
  columnTransfer<double>(c.load, wireFromOhm(5.0), t);
  for (size_t i = 1; i < t.size(); ++i)
    EXPECT_LT(t[i - 1], t[i]);
  EXPECT_LT(t.back(), 1.0);
}

TEST(Ladder, EmptyColumn) { EXPECT_EQ(columnTransfer<double>({}, 1.0, {}), 0.0); }

/// A scalar loss of the folded column, for finite differences.
double loss(const std::vector<double> &plus, const std::vector<double> &minus,
            const std::vector<double> &bar, double wire) {
  std::vector<double> load(plus.size()), transfer(plus.size());
  for (size_t i = 0; i < plus.size(); ++i)
    load[i] = plus[i] + minus[i];
  columnTransfer<double>(load, wire, transfer);
  double sum = 0.0;
  for (size_t i = 0; i < plus.size(); ++i)
    sum += bar[i] * effectiveWeight(kVolt, transfer[i], plus[i], minus[i]);
  return sum;
}

class FoldAdjoint : public testing::TestWithParam<std::tuple<int, double>> {};

TEST_P(FoldAdjoint, AgreesWithFiniteDifferences) {
  const auto [n, ohm] = GetParam();
  const auto size = static_cast<size_t>(n);
  const double wire = wireFromOhm(ohm);
  const Column c(n, 7);
  std::vector<double> plus(c.plus.data(), c.plus.data() + n),
      minus(c.minus.data(), c.minus.data() + n), bar(size), plusBar(size, 0.0), minusBar(size, 0.0),
      scratch(5 * size);
  std::mt19937 engine(11);
  std::normal_distribution<double> normal;
  for (double &b : bar)
    b = normal(engine);
  foldAdjoint<double>(plus, minus, wire, kVolt, bar, plusBar, minusBar, scratch);
  double top = 0.0;
  for (double g : plusBar)
    top = std::max(top, std::abs(g));
  for (size_t i = 0; i<size; i += n> 40 ? 17 : 1)
    for (bool positive : {true, false}) {
      auto &g = positive ? plus : minus;
      const double saved = g[i], step = 1e-3;
      g[i] = saved + step;
      const double up = loss(plus, minus, bar, wire);
      g[i] = saved - step;
      const double down = loss(plus, minus, bar, wire);
      g[i] = saved;
      EXPECT_NEAR((positive ? plusBar : minusBar)[i], (up - down) / (2 * step), 1e-7 * top)
          << "cell " << i << (positive ? " plus" : " minus");
    }
}
INSTANTIATE_TEST_SUITE_P(SizesAndWires, FoldAdjoint,
                         testing::Combine(testing::Values(1, 2, 5, 128),
                                          testing::Values(0.0, 0.35, 50.0)));

struct Tile {
  int64_t rows, cols;
  std::vector<float> plus, minus;
  Tile(int64_t r, int64_t c) : rows(r), cols(c) {
    std::mt19937 engine(5);
    std::uniform_real_distribution<float> g(0.1f, 25.0f);
    for (int64_t i = 0; i < r * c; ++i) {
      plus.push_back(g(engine));
      minus.push_back(g(engine));
    }
  }
  TileView view() const { return {plus.data(), minus.data(), rows, cols, cols}; }
};

TEST(FoldTile, MatchesTheColumnRecursionForBothReadouts) {
  const Tile tile(37, 130);
  const double wire = wireFromOhm(3.0);
  for (Readout readout : {Readout::Single, Readout::Alternating}) {
    std::vector<float> t(37 * 130);
    foldTile(tile.view(), wire, readout, 0, 130, t.data(), 130);
    for (int64_t j = 0; j < 130; ++j) {
      const bool flipped = readout == Readout::Alternating && j % 2 == 1;
      std::vector<double> load(37), transfer(37);
      for (int64_t i = 0; i < 37; ++i) {
        const auto cell = static_cast<size_t>((flipped ? 36 - i : i) * 130 + j);
        load[static_cast<size_t>(i)] = double(tile.plus[cell]) + double(tile.minus[cell]);
      }
      columnTransfer<double>(load, wire, transfer);
      for (int64_t i = 0; i < 37; ++i)
        EXPECT_FLOAT_EQ(t[static_cast<size_t>((flipped ? 36 - i : i) * 130 + j)],
                        static_cast<float>(transfer[static_cast<size_t>(i)]));
    }
  }
}

TEST(FoldTile, AColumnDoesNotDependOnTheRangeItIsFoldedIn) {
  const Tile tile(64, 200);
  std::vector<float> whole(64 * 200), part(64 * 77);
  for (Readout readout : {Readout::Single, Readout::Alternating}) {
    foldTile(tile.view(), 1e-6, readout, 0, 200, whole.data(), 200);
    foldTile(tile.view(), 1e-6, readout, 91, 77, part.data(), 77);
    for (size_t i = 0; i < 64; ++i)
      for (size_t j = 0; j < 77; ++j)
        ASSERT_EQ(part[i * 77 + j], whole[i * 200 + 91 + j]) << i << ", " << j;
  }
}

TEST(FoldTile, TerminalsAndUnevenWiresMatchTheNodeEquations) {
  const int64_t rows = 13, cols = 70; // two strips
  Tile tile(rows, cols);
  std::mt19937 engine(3);
  std::uniform_real_distribution<float> u(0.4f, 1.6f);
  std::vector<float> factor(static_cast<size_t>(rows * cols));
  for (float &f : factor)
    f = u(engine);
  Wires wires;
  wires.columnOhm = 50.0;
  wires.adcOhm = 120.0;
  wires.columnFactor = factor.data();
  for (Readout readout : {Readout::Single, Readout::Alternating}) {
    std::vector<float> t(static_cast<size_t>(rows * cols)), out(static_cast<size_t>(cols));
    foldTile(tile.view(), wires, readout, 0, cols, t.data(), cols, out.data());
    std::vector<float> part(static_cast<size_t>(rows * 9)), partOut(9);
    foldTile(tile.view(), wires, readout, 61, 9, part.data(), 9, partOut.data());
    for (int64_t j : {0, 1, 63, 64, 69}) {
      // One column at a time; the oracle's own parity decides its read-out side.
      const bool first = readAtFirstRow(readout, j);
      aimc::test::NetworkOracle column{rows, first ? 2 : 1, {}, {}, wires, first, {}};
      std::vector<float> own;
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t k = first ? -1 : 0; k <= 0; ++k) {
          const auto c = static_cast<size_t>(i * cols + j + k);
          column.plus.push_back(tile.plus[c]);
          column.minus.push_back(tile.minus[c]);
          own.push_back(factor[c]);
        }
      column.wires.columnFactor = own.data();
      column.wires.rowOhm = 1e-4;
      const Eigen::Index at = first ? 1 : 0;
      for (int64_t i = 0; i < rows; i += 3) {
        Eigen::VectorXd sign = Eigen::VectorXd::Zero(rows);
        sign(i) = 1.0;
        const auto c = static_cast<size_t>(i * cols + j);
        const double expected = column.currents(sign, 1.0)(at);
        EXPECT_NEAR(static_cast<double>(t[c]) *
                        (static_cast<double>(tile.plus[c]) - static_cast<double>(tile.minus[c])),
                    expected, 2e-6 * 25.0);
      }
      const double leak = -column.currents(Eigen::VectorXd::Zero(rows), 0.0, 0.1)(at) / 0.1;
      EXPECT_NEAR(static_cast<double>(out[static_cast<size_t>(j)]), leak, 1e-6 * leak);
      if (j >= 61) {
        EXPECT_EQ(partOut[static_cast<size_t>(j - 61)], out[static_cast<size_t>(j)]);
        EXPECT_EQ(part[static_cast<size_t>(j - 61)], t[static_cast<size_t>(j)]);
      }
    }
  }
}

TEST(FoldTile, UniformFactorsAndNoTerminalChangeNoBit) {
  const Tile tile(41, 67);
  const std::vector<float> ones(41 * 67, 1.0f);
  Wires wires;
  wires.columnOhm = 0.35;
  for (Readout readout : {Readout::Single, Readout::Alternating}) {
    std::vector<float> a(41 * 67), b(a), c(a);
    wires.columnFactor = nullptr;
    foldTile(tile.view(), wireFromOhm(0.35), readout, 0, 67, a.data(), 67);
    foldTile(tile.view(), wires, readout, 0, 67, b.data(), 67);
    wires.columnFactor = ones.data();
    foldTile(tile.view(), wires, readout, 0, 67, c.data(), 67);
    EXPECT_EQ(a, b);
    EXPECT_EQ(a, c);
  }
}

TEST(FoldAdjoint, TerminalsAndUnevenWires) {
  const size_t n = 30;
  const Column c(30, 17);
  std::vector<double> factor(n), bar(n), grad(n, 0.0), scratch(2 * n), load(c.load), t(n);
  std::mt19937 engine(4);
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> u(0.5, 1.5);
  for (size_t i = 0; i < n; ++i) {
    factor[i] = u(engine);
    bar[i] = normal(engine);
  }
  const ColumnWire<double> wire{wireFromOhm(80.0), wireFromOhm(200.0), factor};
  columnTransferAdjoint<double>(load, wire, bar, grad, scratch);
  const auto sum = [&] {
    columnTransfer<double>(load, wire, t);
    double s = 0.0;
    for (size_t i = 0; i < n; ++i)
      s += bar[i] * t[i];
    return s;
  };
  for (size_t i = 0; i < n; ++i) {
    const double saved = load[i];
    load[i] = saved + 1e-3;
    const double up = sum();
    load[i] = saved - 1e-3;
    const double down = sum();
    load[i] = saved;
    EXPECT_NEAR(grad[i], (up - down) / 2e-3, 1e-9) << i;
  }
}

} // namespace
