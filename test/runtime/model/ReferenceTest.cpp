//===- ReferenceTest.cpp - the reference read against nodal analysis -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/model/Reference.h"

#include "aimc/model/Converter.h"

#include "NetworkOracle.h"
#include "NodalOracle.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

using namespace aimc::model;
using aimc::test::NetworkOracle;
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

struct WholeTile : testing::TestWithParam<std::tuple<Idle, bool, double>> {};

TEST_P(WholeTile, MatchesTheNodeEquationsOfTheNetworkPerTick) {
  const auto [idle, alternating, rowOhm] = GetParam();
  const Tile tile(9, 6, 8);
  std::mt19937 engine(1);
  std::uniform_real_distribution<float> u(0.5f, 1.5f);
  std::vector<float> column(54), row(54);
  for (size_t c = 0; c < 54; ++c) {
    column[c] = u(engine);
    row[c] = u(engine);
  }
  ReadCircuit circuit;
  circuit.wires.columnOhm = 20.0;
  circuit.wires.rowOhm = rowOhm;
  circuit.wires.driverOhm = rowOhm > 0 ? 40.0 : 0.0;
  circuit.wires.adcOhm = 30.0;
  circuit.wires.columnFactor = column.data();
  circuit.wires.rowFactor = row.data();
  circuit.readout = alternating ? Readout::Alternating : Readout::Single;
  circuit.idle = idle;
  circuit.vOffV = 0.01;
  circuit.tickNs = 1.5;
  circuit.integrationTicks = 6.0;
  NetworkOracle oracle{9, 6, tile.plus, tile.minus, circuit.wires, alternating, {}};
  oracle.wires.rowOhm = std::max(rowOhm, 1e-4);
  const BlockWindow window{2, 6, 1, 4};
  const std::vector<double> ticks = {3, -5, 0, 1, -1, 4};
  Eigen::VectorXd charge = Eigen::VectorXd::Zero(6);
  for (int s = 1; s <= 6; ++s) {
    Eigen::VectorXd sign = Eigen::VectorXd::Zero(9);
    oracle.open.assign(9, idle == Idle::Open);
    for (size_t i = 0; i < 6; ++i)
      if (std::abs(ticks[i]) >= s) {
        sign(static_cast<Eigen::Index>(2 + i)) = ticks[i] < 0 ? -1.0 : 1.0;
        oracle.open[2 + i] = false;
      }
    charge += 1.5 * oracle.currents(sign, 0.2, 0.01);
  }
  const auto charges = referenceCharges(tile.view(), window, ticks, circuit);
  for (int64_t j = 0; j < 4; ++j)
    EXPECT_NEAR(charges[static_cast<size_t>(j)], charge(1 + j), 1e-5) << j;
}
INSTANTIATE_TEST_SUITE_P(Circuits, WholeTile,
                         testing::Combine(testing::Values(Idle::Midrail, Idle::Open),
                                          testing::Bool(), testing::Values(0.0, 10.0)));

struct Read {
  Tile tile{30, 5, 11};
  BlockWindow window{3, 25, 0, 5};
  std::vector<float> x, scale = std::vector<float>(5, 0.5f);
  ReadCircuit circuit;
  Read() {
    circuit.wires.columnOhm = 10.0;
    std::mt19937 engine(2);
    std::normal_distribution<float> n;
    for (int i = 0; i < 25; ++i)
      x.push_back(n(engine));
  }
  std::vector<double> operator()(ReferenceRead read) const {
    read.scale = scale;
    std::vector<double> y(5, 0.0);
    referenceRead(tile.view(), window, x, circuit, read, y);
    return y;
  }
};

TEST(Reference, DacModesAgreeWithoutAnAdc) {
  const Read read;
  const auto split = splitPasses(8, 3), serial = bitSerialPasses(8), one = onePass(8);
  ReferenceRead options;
  const auto whole = read(options);
  for (const auto *passes : {&one, &split, &serial}) {
    options.passes = *passes;
    const auto y = read(options);
    for (size_t j = 0; j < 5; ++j)
      EXPECT_NEAR(y[j], whole[j], 1e-9 * std::abs(whole[j])) << passes->size();
  }
  // With open rows the circuit itself depends on how a code is cut into pulses.
  Read open;
  open.circuit.idle = Idle::Open;
  options.passes = {};
  const auto together = open(options);
  options.passes = serial;
  EXPECT_GT(std::abs(open(options)[0] - together[0]), 1e-6 * std::abs(together[0]));
}

TEST(Reference, EachPassIsConvertedOnItsOwn) {
  const Read read;
  ReferenceRead options;
  options.adc = {AdcKind::Linear, 24, 50.0};
  const auto serial = bitSerialPasses(8);
  options.passes = serial;
  const auto y = read(options);
  // Codes of the passes by hand: charges of one bit's pulses, rounded, shifted and added.
  std::vector<double> bits(25);
  std::vector<double> sum(5, 0.0);
  const float top = absMax(read.x);
  for (int b = 0; b < 7; ++b) {
    for (size_t i = 0; i < 25; ++i) {
      const int k = static_cast<int>(std::lround(read.x[i] / top * 127));
      bits[i] = ((std::abs(k) >> b) & 1) * (k < 0 ? -1.0 : 1.0);
    }
    const auto q = referenceCharges(read.tile.view(), read.window, bits, read.circuit);
    for (size_t j = 0; j < 5; ++j)
      sum[j] += std::round(q[j] / 50.0) * (1 << b);
  }
  for (size_t j = 0; j < 5; ++j)
    EXPECT_NEAR(y[j], sum[j] * 50.0 * 0.5 * static_cast<double>(top) / 127, 1e-4);
}

TEST(Reference, CalibrationTakesTheSpreadOfAnAdcOut) {
  const Read read;
  const std::vector<double> gain = {1.1, 0.9, 1.0, 1.05, 0.97}, offset = {3, -2, 0.4, 10, 0};
  ReferenceRead options;
  options.adc = {AdcKind::Linear, 24, 1e-3}; // so fine that rounding does not matter
  const auto exact = read(options);
  options.spread = {gain, offset, true};
  const auto calibrated = read(options);
  options.spread.calibrated = false;
  const auto raw = read(options);
  const double perLsb = 1e-3 * 0.5 * static_cast<double>(absMax(read.x)) / 127;
  for (size_t j = 0; j < 5; ++j) {
    EXPECT_NEAR(calibrated[j], exact[j], 2 * perLsb);
    EXPECT_NEAR(raw[j], exact[j] * gain[j] + offset[j] * perLsb, 2 * perLsb);
  }
}

} // namespace
