//===- ReferenceTest.cpp - the reference read against nodal analysis -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/model/Reference.h"

#include "NodalOracle.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

using namespace aimc::model;
using aimc::test::nodalCurrent;

namespace {

struct Tile {
  int64_t rows, cols;
  std::vector<float> plus, minus;
  Tile(int64_t r, int64_t c, unsigned seed) : rows(r), cols(c) {
    std::mt19937 engine(seed);
    std::uniform_real_distribution<float> g(0.1f, 25.0f);
    for (int64_t i = 0; i < r * c; ++i) {
      plus.push_back(g(engine));
      minus.push_back(g(engine));
    }
  }
  TileView view() const { return {plus.data(), minus.data(), rows, cols, cols}; }
};

/// Charge of a column by one nodal solve per tick.
double tickByTick(const Tile &tile, const BlockWindow &w, int64_t col,
                  const std::vector<double> &ticks, int levels, double ohm, double volt) {
  Eigen::VectorXd plus(tile.rows), minus(tile.rows);
  for (int64_t i = 0; i < tile.rows; ++i) {
    plus(i) = tile.plus[static_cast<size_t>(i * tile.cols + col)];
    minus(i) = tile.minus[static_cast<size_t>(i * tile.cols + col)];
  }
  double charge = 0.0;
  for (int s = 1; s <= levels; ++s) {
    Eigen::VectorXd sign = Eigen::VectorXd::Zero(tile.rows);
    for (int64_t i = 0; i < w.rows; ++i) {
      const double d = ticks[static_cast<size_t>(i)];
      if (std::abs(d) >= s)
        sign(w.row + i) = d < 0 ? -1.0 : 1.0;
    }
    charge += nodalCurrent(plus, minus, sign, volt, ohm);
  }
  return charge;
}

TEST(Reference, MatchesOneNodalSolvePerTick) {
  const Tile tile(40, 9, 2);
  const BlockWindow window{5, 30, 2, 6}; // the rest of the tile loads the columns
  ReadCircuit circuit;
  circuit.wires.columnOhm = 8.0;
  std::mt19937 engine(4);
  std::uniform_int_distribution<int> d(-15, 15);
  std::vector<double> ticks(30);
  for (double &t : ticks)
    t = d(engine);
  const auto charges = referenceCharges(tile.view(), window, ticks, circuit);
  for (int64_t j = 0; j < window.cols; ++j) {
    const double expected = tickByTick(tile, window, window.col + j, ticks, 15, 8.0, 0.2);
    EXPECT_NEAR(charges[static_cast<size_t>(j)], expected, 1e-6 * 30 * 15) << j;
  }
}

TEST(Reference, WhereABlockSitsChangesItsResult) {
  Tile tile(40, 1, 3);
  // The same block of cells at the far end and at the ADC, all other cells at rest.
  ReadCircuit circuit;
  circuit.wires.columnOhm = 20.0;
  const std::vector<double> ticks(10, 100.0);
  double charge[2];
  for (int place : {0, 1}) {
    for (int64_t i = 0; i < 40; ++i) {
      const bool mine = place == 0 ? i < 10 : i >= 30;
      tile.plus[static_cast<size_t>(i)] = mine ? 20.0f : 0.1f;
      tile.minus[static_cast<size_t>(i)] = 0.1f;
    }
    charge[place] =
        referenceCharges(tile.view(), {place == 0 ? 0 : 30, 10, 0, 1}, ticks, circuit)[0];
  }
  EXPECT_LT(charge[0], charge[1]);
  EXPECT_LT(charge[1], 0.2 * 19.9 * 1000.0);
}

TEST(Reference, PermutingColumnsPermutesOutputs) {
  const Tile tile(20, 8, 6);
  Tile turned(tile);
  for (int64_t i = 0; i < 20; ++i)
    for (int64_t j = 0; j < 8; ++j) {
      turned.plus[static_cast<size_t>(i * 8 + 7 - j)] = tile.plus[static_cast<size_t>(i * 8 + j)];
      turned.minus[static_cast<size_t>(i * 8 + 7 - j)] = tile.minus[static_cast<size_t>(i * 8 + j)];
    }
  ReadCircuit circuit;
  circuit.wires.columnOhm = 1.0;
  const std::vector<double> ticks(20, -3.0);
  const auto a = referenceCharges(tile.view(), {0, 20, 0, 8}, ticks, circuit);
  const auto b = referenceCharges(turned.view(), {0, 20, 0, 8}, ticks, circuit);
  for (size_t j = 0; j < 8; ++j)
    EXPECT_EQ(a[j], b[7 - j]);
}

TEST(Reference, AllZeroInputReadsAsZero) {
  const Tile tile(10, 3, 1);
  const std::vector<float> x(10, 0.0f), scale(3, 1.0f);
  std::vector<double> y(3, 0.5);
  ReferenceRead read;
  read.scale = scale;
  referenceRead(tile.view(), {0, 10, 0, 3}, x, {}, read, y);
  EXPECT_EQ(y, std::vector<double>(3, 0.5));
}

} // namespace
