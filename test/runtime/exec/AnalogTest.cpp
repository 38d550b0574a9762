//===- AnalogTest.cpp - tile reads against the fp64 reference -------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Oracle.h"

#include <gtest/gtest.h>

using namespace aimc::test;
using nlohmann::json;

namespace {
struct Case {
  const char *name;
  int64_t tileRows, tileCols, rows, cols;
  json patch; ///< merged into the target
  bool transposed = false;
};

class AnalogTest : public ::testing::TestWithParam<Case> {};

/// ADC codes are integers: where fp32 and fp64 fall on different sides of a step, the results
/// differ by one code of one column. Counts those elements and bounds all others.
void expectClose(const Matrix &got, const std::vector<double> &expected, double tolerance,
                 double allowedShare) {
  double top = 0;
  for (double v : expected)
    top = std::max(top, std::fabs(v));
  size_t apart = 0;
  for (size_t i = 0; i < expected.size(); ++i)
    apart += std::fabs(got.data[i] - expected[i]) > tolerance * top;
  EXPECT_LE(double(apart), allowedShare * double(expected.size()));
}
} // namespace

TEST_P(AnalogTest, MatchesTheReference) {
  const Case &c = GetParam();
  PackageBuilder builder;
  builder.target = pcmTarget(c.tileRows, c.tileCols);
  builder.target.merge_patch(c.patch);
  builder.add("w", randomMatrix(c.rows, c.cols, 17), c.transposed);
  TemporaryFolder folder;
  builder.write(folder.path);
  json manifest = builder.manifest();
  bool converts = builder.target["adc"]["kind"] != "ideal";
  for (bool programming : {false, true}) {
    json options = {{"seed", 99},
                    {"effects", {{"programming", programming}, {"read_noise", false}}}};
    SessionPointer session = openSession(folder.path, options);
    ASSERT_TRUE(session);
    for (const char *symbol : {"grid_1", "grid_16"}) {
      Matrix x = randomMatrix(std::stoi(symbol + 5), c.rows, 23);
      auto y = runGrid(session.get(), folder.path, symbol, x);
      OracleOptions o;
      o.programming = programming;
      o.seed = 99;
      expectClose(y[0], oracleProduct(manifest, 0, builder.weights[0], x, o), 1e-6,
                  converts ? 0.01 : 0);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Targets, AnalogTest,
    ::testing::Values(
        Case{"no_adc", 64, 64, 64, 64, {{"adc", {{"kind", "ideal"}}}}},
        Case{"cco", 64, 64, 64, 64, json::object()},
        Case{"linear", 64, 64, 100, 70, {{"adc", {{"kind", "linear"}, {"bits", 10}}}}},
        Case{"saturating", 32, 32, 50, 40, {{"adc", {{"bits", 5}}}}},
        Case{"partly_filled", 128, 96, 70, 33, {{"adc", {{"kind", "ideal"}}}}},
        Case{"many_row_blocks", 16, 16, 70, 33, {{"adc", {{"kind", "ideal"}}}}},
        Case{"one_column", 64, 64, 100, 1, {{"adc", {{"kind", "ideal"}}}}},
        Case{"one_row", 64, 64, 1, 100, {{"adc", {{"kind", "ideal"}}}}},
        Case{"one_cell_tiles", 1, 1, 3, 4, {{"adc", {{"kind", "ideal"}}}}},
        Case{"alternating",
             64,
             64,
             90,
             70,
             {{"adc", {{"kind", "ideal"}}}, {"geometry", {{"readout", "alternating"}}}}},
        Case{"long_wire",
             64,
             64,
             64,
             64,
             {{"adc", {{"kind", "ideal"}}}, {"wire", {{"column_ohm", 50.0}}}}},
        Case{"six_bits",
             64,
             64,
             64,
             64,
             {{"adc", {{"kind", "ideal"}}}, {"dac", {{"bits", 6}, {"tick_ns", 2.5}}}}},
        Case{"other_device",
             64,
             64,
             64,
             64,
             {{"adc", {{"kind", "ideal"}}}, {"device", {{"g_min_us", 0.0}, {"g_max_us", 15.0}}}}},
        Case{"transposed", 64, 48, 100, 70, {{"adc", {{"kind", "ideal"}}}}, true}),
    [](const auto &info) { return info.param.name; });

TEST(AnalogEffects, EachIsSwitchedAlone) {
  PackageBuilder builder;
  builder.add("w", randomMatrix(100, 40, 3));
  TemporaryFolder folder;
  builder.write(folder.path);
  json manifest = builder.manifest();
  Matrix x = randomMatrix(8, 100, 4);
  for (const char *on : {"wire", "dac", "adc", "programming", "none"}) {
    json effects = {{"wire", false},
                    {"dac", false},
                    {"adc", false},
                    {"programming", false},
                    {"read_noise", false}};
    if (std::string(on) != "none")
      effects[on] = true;
    SessionPointer session = openSession(folder.path, {{"effects", effects}});
    auto y = runGrid(session.get(), folder.path, "grid_8", x);
    OracleOptions o;
    o.wire = effects["wire"];
    o.dac = effects["dac"];
    o.adc = effects["adc"];
    o.programming = effects["programming"];
    expectClose(y[0], oracleProduct(manifest, 0, builder.weights[0], x, o), 2e-6, o.adc ? 0.01 : 0);
    double distance = relativeError(y[0], plainProduct(x, builder.weights[0]));
    if (std::string(on) == "none")
      EXPECT_LT(distance, 2e-6);
    else
      EXPECT_GT(distance, 1e-4) << on;
  }
}

TEST(AnalogEffects, FixedInputRangeClampsAndIsCounted) {
  PackageBuilder builder;
  builder.target["adc"] = {{"kind", "ideal"}};
  builder.add("w", randomMatrix(64, 40, 3));
  builder.grids = {{{"layer", "l"}, {"weights", {0}}, {"input_range", 0.5}}};
  TemporaryFolder folder;
  builder.write(folder.path);
  SessionPointer session =
      openSession(folder.path, {{"effects", {{"programming", false}, {"read_noise", false}}}});
  Matrix x = randomMatrix(16, 64, 4);
  auto y = runGrid(session.get(), folder.path, "grid_16", x);
  OracleOptions o;
  o.inputRange = 0.5f;
  expectClose(y[0], oracleProduct(builder.manifest(), 0, builder.weights[0], x, o), 1e-6, 0);
  int64_t beyond = 0;
  for (float v : x.data)
    beyond += std::nearbyint(std::fabs(v) / 0.5f * 127.0f) > 127.0f;
  double rate = statisticsOf(session.get())["grids"][0]["dac_clip_rate"];
  EXPECT_NEAR(rate, double(beyond) / double(x.data.size()), 0.01);
}

TEST(AnalogEffects, BlocksThatShareATileAreAsIfAlone) {
  // Two weights side by side in one tile, away from its corner: columns do not disturb each other.
  PackageBuilder builder;
  builder.target["adc"] = {{"kind", "ideal"}};
  builder.add("a", randomMatrix(20, 10, 3));
  builder.add("b", randomMatrix(20, 17, 4));
  json manifest = builder.manifest();
  json &a = manifest["weights"][0]["blocks"][0], &b = manifest["weights"][1]["blocks"][0];
  a["at_row"] = 7;
  a["at_col"] = 30;
  b["tile"] = a["tile"];
  b["at_row"] = 44;
  b["at_col"] = 5;
  TemporaryFolder folder;
  builder.write(folder.path, manifest);
  SessionPointer session =
      openSession(folder.path, {{"effects", {{"read_noise", false}}}, {"seed", 3}});
  Matrix x = randomMatrix(8, 20, 4);
  auto y = runGrid(session.get(), folder.path, "grid_8", x);
  OracleOptions o;
  o.programming = true;
  o.seed = 3;
  for (size_t w = 0; w < 2; ++w)
    expectClose(y[w], oracleProduct(manifest, w, builder.weights[w], x, o), 1e-6, 0);
}

TEST(AnalogEffects, ZerosStayZeroWithoutNoise) {
  PackageBuilder builder;
  Matrix w = randomMatrix(70, 40, 3);
  for (int64_t i = 0; i < 70; ++i)
    w.data[size_t(i * 40 + 7)] = 0; // a column of zeros
  builder.add("w", w);
  TemporaryFolder folder;
  builder.write(folder.path);
  SessionPointer session =
      openSession(folder.path, {{"effects", {{"programming", false}, {"read_noise", false}}}});
  Matrix x = randomMatrix(3, 70, 4);
  std::fill(x.data.begin(), x.data.begin() + 70, 0.0f); // a row of zeros
  auto y = runGrid(session.get(), folder.path, "grid_3", x);
  for (int64_t j = 0; j < 40; ++j)
    EXPECT_EQ(y[0].at(0, j), 0.0f);
  for (int64_t r = 0; r < 3; ++r)
    EXPECT_EQ(y[0].at(r, 7), 0.0f);
}
