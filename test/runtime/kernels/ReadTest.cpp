//===- ReadTest.cpp - tile read against the reference -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "KernelFixture.h"

#include "aimc/model/Converter.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

using namespace aimc;
using test::ProgrammedTile;
using test::TileSetup;

namespace {

/// Charges of the reference for batch row `m`, in ADC units, and the row's ticks.
std::vector<double> referenceRow(const ProgrammedTile &t, int64_t m, const exec::Dac &dac) {
  const std::span<const float> x(t.x.data() + m * t.s.rows, static_cast<size_t>(t.s.rows));
  const float range = dac.range > 0.0f ? dac.range : model::absMax(x);
  const float inverse = model::ticksPerUnit(range, dac.levels);
  std::vector<double> ticks;
  for (float v : x)
    ticks.push_back(dac.quantise ? model::quantise(v, inverse, dac.levels) : v * inverse);
  auto charges = referenceCharges(t.tile(), t.window(), ticks, t.circuit());
  for (double &q : charges)
    q /= t.s.adc.unitFc();
  return charges;
}

/// Compares a read with the reference. Charges must agree to 1e-6 of full scale, the largest charge
/// of the read; codes must be equal except where the reference charge is that close to a decision
/// boundary.
void expectAgrees(const ProgrammedTile &t, const exec::Dac &dac) {
  const auto all = test::allKernels();
  const std::vector<float> y = t.read(*all.front(), dac);
  for (const exec::Kernels *k : all) // the rest holds for all of them then
    ASSERT_EQ(t.read(*k, dac), y) << k->name;
  int64_t boundary = 0;
  std::vector<std::vector<double>> charges;
  double full = 0.0;
  for (int64_t m = 0; m < t.s.batch; ++m) {
    charges.push_back(referenceRow(t, m, dac));
    for (double v : charges.back())
      full = std::max(full, std::abs(v));
  }
  for (int64_t m = 0; m < t.s.batch; ++m) {
    const auto &q = charges[static_cast<size_t>(m)];
    const std::span<const float> x(t.x.data() + m * t.s.rows, static_cast<size_t>(t.s.rows));
    const double range = dac.range > 0.0f ? dac.range : model::absMax(x);
    for (int64_t j = 0; j < t.s.cols; ++j) {
      const auto c = static_cast<size_t>(j);
      const double perCode =
          t.s.adc.unitFc() *
          model::digitalScale(double(t.scale[c]), 0.2, t.s.tickNs, t.range.gMinUS, t.range.gMaxUS) *
          range / dac.levels;
      const double got = y[static_cast<size_t>(m * t.s.cols + j)] / perCode;
      const double code = model::adcCode(q[c], t.s.adc.kind, t.s.adc.maxCode());
      const double tolerance = 1e-6 * full;
      if (t.s.adc.kind == model::AdcKind::Ideal) {
        ASSERT_NEAR(got, code, tolerance) << "row " << m << " column " << j;
        continue;
      }
      const double low = model::adcCode(q[c] - tolerance, t.s.adc.kind, t.s.adc.maxCode());
      const double high = model::adcCode(q[c] + tolerance, t.s.adc.kind, t.s.adc.maxCode());
      if (low != high) {
        ++boundary;
        ASSERT_GE(std::round(got), low);
        ASSERT_LE(std::round(got), high);
      } else {
        ASSERT_EQ(std::round(got), code) << "row " << m << " column " << j;
      }
      ASSERT_NEAR(got, std::round(got), 1e-6 * std::abs(got) + 1e-12);
    }
  }
  EXPECT_LE(boundary, 1 + t.s.batch * t.s.cols / 50) << "the comparison must decide nearly always";
}

struct Shape {
  int64_t rows, cols, tileRows, tileCols, atRow, atCol;
};

class ReadAgainstReference
    : public testing::TestWithParam<std::tuple<Shape, model::AdcKind, double>> {};

TEST_P(ReadAgainstReference, AllInstructionSets) {
  const auto [shape, kind, ohm] = GetParam();
  TileSetup s;
  s.rows = shape.rows;
  s.cols = shape.cols;
  s.tileRows = shape.tileRows;
  s.tileCols = shape.tileCols;
  s.atRow = shape.atRow;
  s.atCol = shape.atCol;
  s.wireOhm = ohm;
  s.batch = s.rows > 200 ? 2 : 17;
  s.adc = {kind, 8, 16.03};
  const ProgrammedTile t(s);
  expectAgrees(t, {});
  expectAgrees(t, {127, true, 1.7f});
  expectAgrees(t, {7, true, 0.0f});
  if (shape.rows < 200) // slow: one solve of the column per distinct duration
    expectAgrees(t, {127, false, 0.0f});
}
INSTANTIATE_TEST_SUITE_P(
    Shapes, ReadAgainstReference,
    testing::Combine(testing::Values(Shape{1, 1, 1, 1, 0, 0}, Shape{33, 1, 33, 1, 0, 0},
                                     Shape{1, 70, 4, 70, 2, 0}, Shape{64, 40, 64, 40, 0, 0},
                                     Shape{50, 33, 128, 64, 30, 17}, Shape{512, 48, 512, 48, 0, 0}),
                     testing::Values(model::AdcKind::Ideal, model::AdcKind::Linear,
                                     model::AdcKind::Cco),
                     testing::Values(0.0, 0.35, 5.0)));

TEST(Read, AlternatingReadout) {
  TileSetup s;
  s.readout = model::Readout::Alternating;
  s.wireOhm = 5.0;
  const ProgrammedTile t(s);
  expectAgrees(t, {});
}

TEST(Read, SaturatesAndCountsIt) {
  TileSetup s;
  s.adc = {model::AdcKind::Linear, 4, 16.03};
  const ProgrammedTile t(s);
  for (const exec::Kernels *k : test::allKernels()) {
    exec::ReadCounters counters;
    const auto y = t.read(*k, {}, nullptr, &counters);
    int64_t saturated = 0;
    for (int64_t m = 0; m < s.batch; ++m)
      for (double q : referenceRow(t, m, {}))
        saturated += std::abs(q) > 7.5;
    EXPECT_EQ(counters.codes, s.batch * s.cols);
    EXPECT_GT(saturated, 0);
    EXPECT_NEAR(double(counters.saturated), double(saturated), 1.0);
  }
  expectAgrees(t, {});
}

TEST(Read, CountsClippedInputs) {
  const ProgrammedTile t(TileSetup{});
  int64_t expected = 0;
  for (float v : t.x)
    expected += std::abs(v) * 127 > 127.5;
  EXPECT_GT(expected, 0);
  for (const exec::Kernels *k : test::allKernels()) {
    exec::PackedInput input;
    k->packInput(input, t.x.data(), t.s.rows, t.s.batch, t.s.rows, {127, true, 1.0f}, nullptr);
    EXPECT_EQ(input.clipped, expected);
    k->packInput(input, t.x.data(), t.s.rows, t.s.batch, t.s.rows, {}, nullptr);
    EXPECT_EQ(input.clipped, 0);
  }
}

TEST(Read, BitsDoNotDependOnInstructionSetOrSplit) {
  for (bool noise : {false, true})
    for (model::AdcKind kind : {model::AdcKind::Ideal, model::AdcKind::Cco}) {
      TileSetup s;
      s.rows = s.tileRows = 333;
      s.cols = s.tileCols = 131;
      s.batch = 43;
      s.noise = noise;
      s.adc = {kind, 10, 16.03};
      const ProgrammedTile t(s);
      const model::Stream stream = model::makeStream(5, model::StreamKind::Read, 6, 7);
      const model::Stream *draws = noise ? &stream : nullptr;
      const auto expected = t.read(*exec::kernelsFor(exec::Isa::Scalar), {}, draws);
      for (const exec::Kernels *k : test::allKernels()) {
        ASSERT_EQ(t.read(*k, {}, draws), expected) << k->name;
        // Rows in uneven pieces, panels one by one, backwards.
        std::vector<float> y(expected.size());
        exec::PackedInput input;
        int64_t begin = 0;
        for (int64_t count : {1, 2, 13, 20, 7}) {
          k->packInput(input, t.x.data() + begin * s.rows, s.rows, count, s.rows, {},
                       noise ? &t.table : nullptr);
          for (int64_t p = t.block.panels(); p-- > 0;)
            k->read(t.block, input, p, p + 1, {draws, static_cast<uint32_t>(begin)},
                    y.data() + begin * s.cols, s.cols, false);
          begin += count;
        }
        ASSERT_EQ(begin, s.batch);
        ASSERT_EQ(y, expected) << k->name << " noise " << noise;
      }
    }
}

TEST(Read, AccumulatesOverRowBlocks) {
  TileSetup s;
  const ProgrammedTile t(s);
  for (const exec::Kernels *k : test::allKernels()) {
    const auto once = t.read(*k, {});
    exec::PackedInput input;
    k->packInput(input, t.x.data(), s.rows, s.batch, s.rows, {}, nullptr);
    std::vector<float> y(once);
    k->read(t.block, input, 0, t.block.panels(), {}, y.data(), s.cols, true);
    for (size_t i = 0; i < y.size(); ++i)
      EXPECT_NEAR(y[i], 2.0 * once[i], 3e-7 * std::abs(once[i]) + 1e-12);
  }
}

TEST(Read, ZeroInputsGiveZeroAndNonFiniteInputsGiveNaN) {
  TileSetup s;
  s.noise = true;
  ProgrammedTile t(s);
  const auto row = [&](int64_t m) { return t.x.begin() + m * s.rows; };
  std::fill(row(0), row(1), 0.0f);
  *(row(1) + 5) = std::numeric_limits<float>::quiet_NaN();
  *(row(2) + 63) = std::numeric_limits<float>::infinity();
  const model::Stream stream = model::makeStream(5, model::StreamKind::Read, 6);
  for (const exec::Kernels *k : test::allKernels())
    for (const exec::Dac &dac : {exec::Dac{}, exec::Dac{127, false, 0.0f}}) {
      const auto y = t.read(*k, dac, &stream);
      for (int64_t j = 0; j < s.cols; ++j) {
        EXPECT_EQ(y[static_cast<size_t>(j)], 0.0f);
        EXPECT_TRUE(std::isnan(y[static_cast<size_t>(s.cols + j)]));
        EXPECT_TRUE(std::isnan(y[static_cast<size_t>(2 * s.cols + j)]));
        EXPECT_TRUE(std::isfinite(y[static_cast<size_t>(3 * s.cols + j)]));
      }
    }
}

TEST(Read, ZeroWireIsTheProductOfTheProgrammedPairs) {
  TileSetup s;
  s.wireOhm = 0.0;
  const ProgrammedTile t(s);
  const exec::Dac dac{127, false, 0.0f};
  const auto y = t.read(exec::bestKernels(), dac);
  for (int64_t m = 0; m < s.batch; ++m)
    for (int64_t j = 0; j < s.cols; ++j) {
      double sum = 0.0, size = 0.0;
      for (int64_t i = 0; i < s.rows; ++i) {
        const auto cell = static_cast<size_t>(i * s.cols + j);
        const double term = double(t.x[static_cast<size_t>(m * s.rows + i)]) *
                            (double(t.plus[cell]) - double(t.minus[cell])) / 24.9 *
                            t.scale[static_cast<size_t>(j)];
        sum += term;
        size += std::abs(term);
      }
      EXPECT_NEAR(y[static_cast<size_t>(m * s.cols + j)], sum, 1e-6 * size);
    }
}

} // namespace
