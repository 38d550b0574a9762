//===- PassesTest.cpp - passes, planes and spread ADCs -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "KernelFixture.h"

#include "aimc/model/Compensation.h"
#include "aimc/model/Converter.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace aimc;
using test::ProgrammedTile;
using test::TileSetup;

namespace {

/// DACs of the passes that cut `bits` magnitude bits at `cuts`.
std::vector<exec::Dac> passes(int32_t levels, const std::vector<int> &widths, float range = 0) {
  std::vector<exec::Dac> list;
  int shift = 0;
  for (int width : widths) {
    exec::Dac dac;
    dac.levels = levels;
    dac.range = range;
    dac.shift = shift;
    dac.mask = (1 << width) - 1;
    list.push_back(dac);
    shift += width;
  }
  return list;
}

std::vector<float> readPasses(const exec::Kernels &k, const ProgrammedTile &t,
                              const std::vector<exec::Dac> &dacs,
                              exec::ReadCounters *counters = nullptr,
                              const model::ReadNoiseTable *table = nullptr,
                              const model::Stream *streams = nullptr) {
  std::vector<exec::PackedInput> inputs(dacs.size());
  std::vector<exec::Conversion> conversions(dacs.size());
  for (size_t p = 0; p < dacs.size(); ++p) {
    k.packInput(inputs[p], t.x.data(), t.s.rows, t.s.batch, t.s.rows, dacs[p], table);
    conversions[p].block = &t.block;
    conversions[p].input = &inputs[p];
    if (streams)
      conversions[p].draws = {streams + p, 0};
  }
  std::vector<float> y(static_cast<size_t>(t.s.batch * t.s.cols), -1.0f);
  k.read(conversions, 0, t.block.panels(), {}, y.data(), t.s.cols, false, counters);
  return y;
}

TEST(Passes, PulsesAreTheBitsOfTheCode) {
  const ProgrammedTile t(TileSetup{});
  for (int bits = 2; bits <= 9; ++bits) {
    const int32_t levels = model::converterLevels(bits);
    std::vector<int> widths =
        bits > 3 ? std::vector<int>{2, bits - 3} : std::vector<int>(1, bits - 1);
    for (const exec::Kernels *k : test::allKernels())
      for (const exec::Dac &dac : passes(levels, widths, 1.5f)) {
        exec::PackedInput input;
        k->packInput(input, t.x.data(), t.s.rows, 1, t.s.rows, dac, nullptr);
        for (int64_t i = 0; i < t.s.rows; ++i) {
          const float v = t.x[static_cast<size_t>(i)];
          const auto code = static_cast<int32_t>(
              std::min<double>(levels, std::nearbyint(std::abs(v * (float(levels) / 1.5f)))));
          const int32_t ticks = (code >> dac.shift) & dac.mask;
          ASSERT_EQ(std::abs(input.ticks[static_cast<size_t>(i / 16 * 16 + i % 16)]), float(ticks));
          ASSERT_EQ(std::signbit(input.ticks[static_cast<size_t>(i)]), std::signbit(v));
        }
      }
  }
}

TEST(Passes, AgreeWithoutAnAdc) {
  const ProgrammedTile t(TileSetup{});
  for (int bits = 2; bits <= 9; ++bits) {
    const int32_t levels = model::converterLevels(bits);
    exec::Dac one;
    one.levels = levels;
    const auto expected = t.read(exec::bestKernels(), one);
    std::vector<std::vector<int>> modes = {std::vector<int>(static_cast<size_t>(bits - 1), 1)};
    for (int lsb = 1; lsb < bits - 1; ++lsb)
      modes.push_back({lsb, bits - 1 - lsb});
    float full = 0;
    for (float v : expected)
      full = std::max(full, std::abs(v));
    for (const auto &mode : modes) {
      const auto y = readPasses(exec::bestKernels(), t, passes(levels, mode));
      for (size_t i = 0; i < y.size(); ++i)
        ASSERT_NEAR(y[i], expected[i], 1e-6 * full) << bits << " bits";
      for (const exec::Kernels *k : test::allKernels())
        ASSERT_EQ(readPasses(*k, t, passes(levels, mode)), y) << k->name;
    }
  }
}

TEST(Passes, EachIsConvertedByItself) {
  TileSetup s;
  s.adc = {model::AdcKind::Cco, 4, 16.03};
  const ProgrammedTile t(s);
  const auto dacs = passes(127, {4, 3}, 2.0f);
  exec::ReadCounters counters;
  const auto y = readPasses(exec::bestKernels(), t, dacs, &counters);
  int64_t saturated = 0, boundary = 0;
  double error = 0, signal = 0;
  for (int64_t m = 0; m < s.batch; ++m) {
    std::vector<std::vector<double>> charges;
    for (const exec::Dac &dac : dacs) {
      std::vector<double> ticks;
      for (int64_t i = 0; i < s.rows; ++i) {
        const float v = t.x[static_cast<size_t>(m * s.rows + i)];
        const auto code =
            static_cast<int32_t>(std::min(127.0f, std::nearbyint(std::abs(v * (127.0f / 2.0f)))));
        ticks.push_back((v < 0 ? -1 : 1) * ((code >> dac.shift) & dac.mask));
      }
      charges.push_back(referenceCharges(t.tile(), t.window(), ticks, t.circuit()));
    }
    for (int64_t j = 0; j < s.cols; ++j) {
      double sum = 0, whole = 0;
      bool near = false;
      for (size_t p = 0; p < dacs.size(); ++p) {
        const double q = charges[p][static_cast<size_t>(j)] / s.adc.lsbFc;
        const double code = model::adcCode(q, s.adc.kind, s.adc.maxCode());
        near |= std::abs(q - std::nearbyint(q)) < 1e-4;
        sum += code * (1 << dacs[p].shift);
        whole += q * (1 << dacs[p].shift);
        saturated += std::abs(q) > s.adc.maxCode() + 1;
        error += (code - q) * (code - q) * std::pow(4.0, dacs[p].shift);
      }
      signal += whole * whole;
      if (near) {
        ++boundary;
        continue;
      }
      const double unit =
          s.adc.lsbFc *
          model::digitalScale(double(t.scale[static_cast<size_t>(j)]), 0.2, 1.0, 0.1, 25.0) * 2.0 /
          127;
      EXPECT_NEAR(y[static_cast<size_t>(m * s.cols + j)] / unit, sum, 1e-4 * std::abs(sum) + 1e-6);
    }
  }
  EXPECT_LT(boundary, 20);
  EXPECT_EQ(counters.codes, 2 * s.batch * s.cols);
  EXPECT_GT(saturated, 0);
  EXPECT_NEAR(double(counters.saturated), double(saturated), 2.0);
  EXPECT_NEAR(counters.signalPower / signal, 1.0, 1e-4);
  EXPECT_NEAR(counters.codePower / error, 1.0, 1e-2);
}

TEST(Passes, NoiseOfEachIsItsOwn) {
  TileSetup s;
  s.noise = true;
  const ProgrammedTile t(s);
  const auto dacs = passes(127, {4, 3}, 2.0f);
  const model::Stream streams[2] = {model::makeStream(1, model::StreamKind::Read, 2),
                                    model::makeStream(1, model::StreamKind::Read, 3)};
  const auto &k = exec::bestKernels();
  const auto noisy = readPasses(k, t, dacs, nullptr, &t.table, streams);
  const auto quiet = readPasses(k, t, dacs);
  double worst = 0;
  for (int64_t m = 0; m < s.batch; ++m)
    for (int64_t j = 0; j < s.cols; ++j) {
      double wanted = 0;
      for (size_t p = 0; p < 2; ++p) {
        std::vector<double> ns, transfer, plus, minus;
        for (int64_t i = 0; i < s.rows; ++i) {
          const auto cell = static_cast<size_t>(i * s.tileCols + j);
          const auto code = static_cast<int32_t>(
              std::min(127.0f, std::nearbyint(std::abs(t.x[static_cast<size_t>(m * s.rows + i)] *
                                                       (127.0f / 2.0f)))));
          ns.push_back((code >> dacs[p].shift) & dacs[p].mask);
          transfer.push_back(t.transfer[cell]);
          plus.push_back(t.plus[cell]);
          minus.push_back(t.minus[cell]);
        }
        wanted += (1 << dacs[p].shift) *
                  std::sqrt(model::readNoiseVariance<double>(ns, transfer, plus, minus, 0.2)) *
                  double(model::normal(streams[p], uint32_t(m), uint32_t(j)));
      }
      const double unit =
          model::digitalScale(double(t.scale[static_cast<size_t>(j)]), 0.2, 1.0, 0.1, 25.0) * 2.0 /
          127;
      const auto at = static_cast<size_t>(m * s.cols + j);
      if (std::abs(wanted) > 1)
        worst = std::max(worst, std::abs((noisy[at] - quiet[at]) / unit / wanted - 1));
    }
  EXPECT_LT(worst, 2e-2);
}

/// A tile's source again, to change.
exec::BlockSource sourceOf(const ProgrammedTile &t) {
  exec::BlockSource s;
  s.rows = t.s.rows;
  s.cols = t.s.cols;
  s.gPlus = t.plus.data();
  s.gMinus = t.minus.data();
  s.gStride = s.transferStride = t.s.tileCols;
  s.transfer = t.transfer.data();
  s.columnScale = t.scale.data();
  s.range = t.range;
  s.adc = t.s.adc;
  return s;
}

std::vector<float> readBlock(const ProgrammedTile &t, const exec::PackedBlock &block) {
  exec::PackedInput input;
  const auto &k = exec::bestKernels();
  k.packInput(input, t.x.data(), t.s.rows, t.s.batch, t.s.rows, {}, nullptr);
  std::vector<float> y(static_cast<size_t>(t.s.batch * t.s.cols));
  k.read(block, input, 0, block.panels(), {}, y.data(), t.s.cols, false);
  return y;
}

TEST(Spread, GainAndOffsetPerColumn) {
  for (auto kind : {model::AdcKind::Linear, model::AdcKind::Cco})
    for (bool calibrated : {false, true}) {
      TileSetup s;
      s.adc = {kind, 9, 16.03};
      const ProgrammedTile t(s);
      std::vector<float> gain, offset, out(static_cast<size_t>(s.cols), 3000.0f);
      for (int64_t j = 0; j < s.cols; ++j) {
        gain.push_back(1 + 0.1f * std::sin(float(j)));
        offset.push_back(3 * std::cos(float(3 * j)));
      }
      auto source = sourceOf(t);
      source.adcGain = gain.data();
      source.adcOffsetLsb = offset.data();
      source.adcCalibrated = calibrated;
      source.vOffV = 0.01;
      source.columnOutUS = out.data();
      const auto y = readBlock(t, packBlock(source));
      for (int64_t m = 0; m < s.batch; ++m) {
        const std::span<const float> x(t.x.data() + m * s.rows, size_t(s.rows));
        const float range = model::absMax(x), inverse = model::ticksPerUnit(range, 127);
        std::vector<double> ticks;
        for (float v : x)
          ticks.push_back(model::quantise(v, inverse, 127));
        const auto q = referenceCharges(t.tile(), t.window(), ticks, t.circuit());
        for (int64_t j = 0; j < s.cols; ++j) {
          const auto c = static_cast<size_t>(j);
          // The window of a pass is its longest pulse, whatever the inputs.
          const double at = (q[c] - 3000.0 * 0.01 * 127) / 16.03 * gain[c] + offset[c];
          const double code = model::adcCode(at, kind, s.adc.maxCode());
          if (std::abs(at - std::floor(at) - (kind == model::AdcKind::Linear ? 0.5 : 0.0)) < 1e-3 ||
              std::abs(at - std::ceil(at)) < 1e-3)
            continue;
          const double digital = calibrated ? (code - offset[c]) / gain[c] : code;
          const double unit =
              16.03 * model::digitalScale(double(t.scale[c]), 0.2, 1.0, 0.1, 25.0) * range / 127;
          ASSERT_NEAR(y[static_cast<size_t>(m * s.cols + j)] / unit, digital, 1e-4)
              << m << " " << j;
        }
      }
    }
}

TEST(Spread, NeutralSpreadChangesNoBit) {
  TileSetup s;
  s.adc = {model::AdcKind::Cco, 9, 16.03};
  const ProgrammedTile t(s);
  std::vector<float> ones(static_cast<size_t>(s.cols), 1.0f), zeros(ones.size(), 0.0f);
  auto source = sourceOf(t);
  const auto plain = readBlock(t, packBlock(source));
  source.adcGain = ones.data();
  source.adcOffsetLsb = zeros.data();
  EXPECT_EQ(readBlock(t, packBlock(source)), plain);
}

TEST(Planes, AddWithTheirSignificance) {
  TileSetup s;
  const ProgrammedTile low(s);
  TileSetup other = s;
  other.seed = 9;
  const ProgrammedTile high(other);
  auto a = sourceOf(low), b = sourceOf(high);
  a.significance = 0.25;
  b.significance = 0.75;
  const exec::PackedBlock blocks[2] = {packBlock(a), packBlock(b)};
  const auto &k = exec::bestKernels();
  exec::PackedInput input;
  k.packInput(input, low.x.data(), s.rows, s.batch, s.rows, {}, nullptr);
  exec::Conversion conversions[2];
  for (int p = 0; p < 2; ++p) {
    conversions[p].block = &blocks[p];
    conversions[p].input = &input;
  }
  std::vector<float> y(static_cast<size_t>(s.batch * s.cols));
  k.read(conversions, 0, blocks[0].panels(), {}, y.data(), s.cols, false);
  for (int64_t m = 0; m < s.batch; ++m) {
    const std::span<const float> x(low.x.data() + m * s.rows, size_t(s.rows));
    const float range = model::absMax(x), inverse = model::ticksPerUnit(range, 127);
    std::vector<double> ticks;
    for (float v : x)
      ticks.push_back(model::quantise(v, inverse, 127));
    const auto ql = referenceCharges(low.tile(), low.window(), ticks, low.circuit());
    const auto qh = referenceCharges(high.tile(), high.window(), ticks, high.circuit());
    for (int64_t j = 0; j < s.cols; ++j) {
      const auto c = static_cast<size_t>(j);
      const double unit = model::digitalScale(1.0, 0.2, 1.0, 0.1, 25.0) * range / 127;
      const double wanted = unit * (0.25 * low.scale[c] * ql[c] + 0.75 * high.scale[c] * qh[c]);
      EXPECT_NEAR(y[static_cast<size_t>(m * s.cols + j)], wanted, 1e-5 * std::abs(wanted) + 1e-4);
    }
  }
}

TEST(Predistortion, PulsesAreThoseOfTheModel) {
  for (auto readout : {model::Readout::Single, model::Readout::Alternating}) {
    TileSetup s;
    s.rows = s.tileRows = 256;
    s.batch = 6;
    s.readout = readout;
    ProgrammedTile t(s);
    exec::OpenSource open;
    open.tile = t.tile();
    open.window = t.window();
    open.wires.columnOhm = 1.0;
    open.readout = readout;
    open.passes = model::onePass(8);
    auto source = sourceOf(t);
    source.transfer = nullptr;
    source.open = &open;
    const auto block = packBlock(source);
    const auto fold = foldOneProduct(open.tile, open.wires, readout, open.window,
                                     model::rowActivity(nullptr, s.rows, open.passes[0]));
    exec::Dac dac;
    dac.range = 3.0f;
    dac.predistort = block.open.get();
    std::vector<float> expectedTicks;
    float factor = 0;
    for (const exec::Kernels *k : test::allKernels()) {
      exec::PackedInput input;
      k->packInput(input, t.x.data(), s.rows, 1, s.rows, dac, nullptr);
      std::vector<float> ticks(input.ticks.begin(), input.ticks.begin() + s.rows);
      if (expectedTicks.empty())
        expectedTicks = ticks;
      EXPECT_EQ(ticks, expectedTicks) << k->name;
      factor = input.rowScale[0] / (3.0f / 127);
    }
    std::vector<double> wanted, pulses(static_cast<size_t>(s.rows));
    for (int64_t i = 0; i < s.rows; ++i)
      wanted.push_back(std::abs(double(t.x[static_cast<size_t>(i)])) * 127 / 3.0);
    const double shortened = predistortPulses(fold.pulses, wanted, 127, pulses, 0.0);
    EXPECT_GE(shortened, 1.0);
    EXPECT_NEAR(factor, shortened, 2e-3);
    int differ = 0, moved = 0;
    for (size_t i = 0; i < pulses.size(); ++i) {
      const double got = std::abs(double(expectedTicks[i]));
      EXPECT_NEAR(got, pulses[i], 1.0);
      differ += got != pulses[i];
      moved += std::abs(pulses[i] - std::nearbyint(wanted[i] / shortened)) > 0;
      EXPECT_TRUE(got == 0 || (expectedTicks[i] < 0) == (t.x[i] < 0));
    }
    EXPECT_LT(differ, 40);
    EXPECT_GT(moved, differ) << "distortion must do something";
  }
}

} // namespace
