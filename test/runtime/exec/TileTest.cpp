//===- TileTest.cpp - one tile through the C API --------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Oracles: the same weights in a package, dense nodal solves of single columns, and closed forms.
//
//===----------------------------------------------------------------------===//
#include "PackageBuilder.h"

#include <Eigen/Dense>
#include <cmath>
#include <gtest/gtest.h>

using namespace aimc::test;
using nlohmann::json;

namespace {
struct Destroy {
  void operator()(aimc_tile *tile) const { aimc_tile_destroy(tile); }
};
using TilePointer = std::unique_ptr<aimc_tile, Destroy>;

TilePointer makeTile(const Matrix &w, const json &target, const json &options = json::object()) {
  aimc_tile *tile = nullptr;
  EXPECT_EQ(aimc_tile_create(target.dump().c_str(), options.dump().c_str(), w.data.data(), w.rows,
                             w.cols, &tile),
            AIMC_OK)
      << aimc_last_error();
  return TilePointer(tile);
}

std::vector<double> arrayOf(aimc_tile *tile, const char *name, int64_t count) {
  std::vector<double> values(static_cast<size_t>(count));
  EXPECT_EQ(aimc_tile_array(tile, name, values.data(), count), AIMC_OK) << aimc_last_error();
  return values;
}

/// Current into the ADC (uA) of one column: cells from far to near, `inject` in uA, pieces of wire
/// in ohm, by solving all node equations at once.
double nodalCurrent(const std::vector<double> &load, const std::vector<double> &inject,
                    double wireOhm, double adcOhm) {
  const auto n = static_cast<Eigen::Index>(load.size());
  Eigen::MatrixXd matrix = Eigen::MatrixXd::Zero(n, n);
  Eigen::VectorXd current(n);
  const double g = 1e6 / wireOhm, last = 1e6 / (wireOhm / 2 + adcOhm);
  for (Eigen::Index i = 0; i < n; ++i) {
    matrix(i, i) += load[size_t(i)];
    current(i) = inject[size_t(i)];
    if (i + 1 < n) {
      matrix(i, i) += g;
      matrix(i + 1, i + 1) += g;
      matrix(i, i + 1) -= g;
      matrix(i + 1, i) -= g;
    }
  }
  matrix(n - 1, n - 1) += last;
  return matrix.partialPivLu().solve(current)(n - 1) * last;
}
} // namespace

TEST(Target, IsWholeOrRefused) {
  char *text = nullptr;
  ASSERT_EQ(aimc_target_read(nullptr, nullptr, &text), AIMC_OK);
  const json whole = json::parse(text);
  aimc_text_free(text);
  // What is whole is taken as a manifest's, and stays as it is.
  ASSERT_EQ(aimc_target_read(whole.dump().c_str(), R"({"partial": false})", &text), AIMC_OK);
  EXPECT_EQ(json::parse(text), whole);
  aimc_text_free(text);
  struct Case {
    const char *target, *options, *message;
    aimc_status status = AIMC_INVALID_ARGUMENT;
  };
  const Case cases[] = {
      {"{}", R"({"partial": false})",
       "target: geometry: expected an object, but the key is missing"},
      {R"({"wire": {"spread": 0.1}})", R"({"training": true, "label": "t"})",
       "t: wire.spread: training models 0 alone, but got 0.1", AIMC_UNSUPPORTED},
      {R"({"device": {"file": "absent.json"}})", R"({"folder": "/nowhere"})",
       "cannot read device file '/nowhere/absent.json'"},
      {R"({"device": {"file": "absent.json"}})", "", "device: unknown key 'file'"},
      {"[]", "", "target: expected a JSON object"},
      {"{", "", "target: expected JSON"},
      {"{}", R"({"partially": true})", "target options: unknown key 'partially'"},
  };
  for (const Case &one : cases) {
    EXPECT_EQ(aimc_target_read(one.target, one.options, &text), one.status) << one.message;
    EXPECT_EQ(text, nullptr);
    EXPECT_NE(std::string(aimc_last_error()).find(one.message), std::string::npos)
        << one.message << "\n"
        << aimc_last_error();
  }
  EXPECT_EQ(aimc_target_read("{}", nullptr, nullptr), AIMC_INVALID_ARGUMENT);
}

/// A weight that is alone in a tile reads there as aimc_tile does; with noise where the tile's
/// number is the block's in its call site, by which a session's reads draw.
void expectSameReads(const json &patch, int number, bool noise) {
  PackageBuilder builder;
  builder.target.merge_patch(patch);
  builder.add("a", randomMatrix(60, 40, 3));
  json manifest = builder.manifest();
  manifest["weights"][0]["blocks"][0]["at_row"] = 3;
  manifest["weights"][0]["blocks"][0]["at_col"] = 11;
  manifest["weights"][0]["blocks"][0]["tile"] = number;
  TemporaryFolder folder;
  builder.write(folder.path, manifest);
  const Matrix x = randomMatrix(8, 60, 9);
  const json options = {{"seed", 7}, {"time_s", 1000.0}, {"effects", {{"read_noise", noise}}}};
  SessionPointer session = openSession(folder.path, options);
  const Matrix expected = runGrid(session.get(), folder.path, "grid_8", x)[0];

  json tileOptions = options;
  tileOptions.update({{"at_row", 3}, {"at_col", 11}, {"tile", number}});
  TilePointer tile = makeTile(builder.weights[0], builder.target, tileOptions);
  std::vector<float> y(8 * 40);
  ASSERT_EQ(aimc_tile_read(tile.get(), x.data.data(), 8, y.data()), AIMC_OK);
  EXPECT_EQ(y, expected.data) << patch.dump();
  // The stream goes on, and starts again on reset.
  ASSERT_EQ(aimc_tile_read(tile.get(), x.data.data(), 8, y.data()), AIMC_OK);
  EXPECT_EQ(y != expected.data, noise);
  ASSERT_EQ(aimc_tile_reset(tile.get()), AIMC_OK);
  ASSERT_EQ(aimc_tile_read(tile.get(), x.data.data(), 8, y.data()), AIMC_OK);
  EXPECT_EQ(y, expected.data);
}

TEST(Tile, ReadsAsTheSameBlockOfAPackage) {
  for (const json &patch :
       {json::object(), json{{"wire", {{"idle", "open"}}}}, json{{"wire", {{"row_ohm", 2.0}}}},
        json{{"dac", {{"mode", "split"}, {"lsb_bits", 3}}}},
        json{{"geometry", {{"pairs", 2}, {"significance", {1, 2}}}}}}) {
    expectSameReads(patch, 0, true);
    expectSameReads(patch, 5, false);
  }
}

TEST(Tile, ReadsOfEachTileDrawForThemselves) {
  const PackageBuilder builder;
  const Matrix w = randomMatrix(60, 40, 3), x = randomMatrix(8, 60, 9);
  std::vector<std::vector<float>> seen;
  for (const json &place : {json{{"tile", 0}}, json{{"tile", 1}}, json{{"tile", 1 << 24}},
                            json{{"chip", 1}}, json{{"chip", 1}, {"tile", 1}}}) {
    json options = {{"seed", 7}, {"effects", {{"programming", false}}}};
    options.update(place);
    TilePointer tile = makeTile(w, builder.target, options);
    std::vector<float> y(8 * 40);
    ASSERT_EQ(aimc_tile_read(tile.get(), x.data.data(), 8, y.data()), AIMC_OK);
    for (const std::vector<float> &other : seen)
      EXPECT_NE(y, other) << place.dump();
    seen.push_back(y);
  }
}

TEST(Tile, ChargesFollowTheNodeEquations) {
  constexpr int64_t kRows = 24, kCols = 10;
  constexpr double kWire = 40.0, kAdc = 300.0;
  const Matrix plus = randomMatrix(kRows, kCols, 1), minus = randomMatrix(kRows, kCols, 2);
  std::vector<float> up, down;
  for (size_t i = 0; i < plus.data.size(); ++i) {
    up.push_back(12.5f + 12.0f * plus.data[i]);
    down.push_back(12.5f + 12.0f * minus.data[i]);
  }
  std::vector<double> ticks;
  for (float v : randomMatrix(1, kRows, 5).data)
    ticks.push_back(std::round(v * 127.0));
  ticks[3] = 0;
  for (const char *idle : {"midrail", "open"})
    for (const char *readout : {"single", "alternating"}) {
      const json target = {{"geometry", {{"readout", readout}}},
                           {"wire", {{"column_ohm", kWire}, {"adc_ohm", kAdc}, {"idle", idle}}}};
      aimc_tile *made = nullptr;
      ASSERT_EQ(aimc_tile_create_pairs(target.dump().c_str(), nullptr, up.data(), down.data(),
                                       kRows, kCols, &made),
                AIMC_OK)
          << aimc_last_error();
      TilePointer tile(made);
      std::vector<double> got(kCols);
      ASSERT_EQ(aimc_tile_charges(made, "exact", ticks.data(), 1, got.data()), AIMC_OK)
          << aimc_last_error();
      for (int64_t j = 0; j < kCols; ++j) {
        const bool flipped = std::string(readout) == "alternating" && j % 2 == 1;
        double charge = 0;
        for (int32_t slot = 1; slot <= 127; ++slot) {
          std::vector<double> load(kRows), inject(kRows);
          for (int64_t i = 0; i < kRows; ++i) {
            const auto cell = size_t(flipped ? kRows - 1 - i : i);
            const double a = up[size_t(i * kCols + j)], b = down[size_t(i * kCols + j)];
            const bool on = std::fabs(ticks[size_t(i)]) >= slot;
            load[cell] = on || std::string(idle) == "midrail" ? a + b : 0;
            inject[cell] = on ? std::copysign(0.2, ticks[size_t(i)]) * (a - b) : 0;
          }
          charge += nodalCurrent(load, inject, kWire, kAdc);
        }
        EXPECT_NEAR(got[size_t(j)], charge, 1e-9 * std::fabs(charge) + 1e-9) << idle << readout;
      }
    }
}

TEST(Tile, StateHasTheWeightsInIt) {
  const Matrix w = randomMatrix(30, 20, 3);
  const json target = {
      {"geometry", {{"rows", 40}, {"cols", 25}, {"pairs", 3}, {"significance", {1, 2, 8}}}},
      {"device", {{"kind", "ideal"}}},
      {"wire", {{"column_ohm", 0.0}}}};
  TilePointer tile = makeTile(w, target, {{"at_row", 4}, {"at_col", 2}});
  const auto plus = arrayOf(tile.get(), "plus", 3 * 30 * 20);
  const auto minus = arrayOf(tile.get(), "minus", 3 * 30 * 20);
  const auto scale = arrayOf(tile.get(), "scale", 20);
  const double factors[] = {1, 2, 8};
  for (int64_t i = 0; i < 30; ++i)
    for (int64_t j = 0; j < 20; ++j) {
      double sum = 0;
      for (int64_t k = 0; k < 3; ++k) {
        const auto at = size_t((k * 30 + i) * 20 + j);
        sum += factors[k] * (plus[at] - minus[at]);
        // A pair is used once those below it are full.
        if (k > 0 && std::fabs(plus[at] - minus[at]) > 1e-4) {
          const auto below = size_t(((k - 1) * 30 + i) * 20 + j);
          EXPECT_NEAR(std::fabs(plus[below] - minus[below]), 24.9, 1e-4);
        }
      }
      EXPECT_NEAR(scale[size_t(j)] * sum / (11 * 24.9), w.at(i, j), 1e-6);
    }
  const auto whole = arrayOf(tile.get(), "tile_plus", 3 * 40 * 25);
  EXPECT_EQ(whole[0], double(0.1f));     // no block there
  EXPECT_EQ(whole[4 * 25 + 2], plus[0]); // its corner
  EXPECT_EQ(whole[2 * 40 * 25 + 33 * 25 + 21], plus[size_t(3 * 30 * 20 - 1)]);
}

TEST(Tile, OneCellAndZerosWork) {
  const json targets[] = {json::object(),
                          {{"wire", {{"idle", "open"}}}},
                          {{"wire", {{"row_ohm", 1.0}}}},
                          {{"dac", {{"mode", "bit_serial"}}}}};
  for (json target : targets) {
    target["adc"] = {{"kind", "ideal"}}; // a pulse of one tick is below an LSB
    TilePointer one = makeTile({1, 1, {2.0f}}, target, {{"effects", {{"read_noise", false}}}});
    float x = 1, y = NAN;
    ASSERT_EQ(aimc_tile_read(one.get(), &x, 1, &y), AIMC_OK) << aimc_last_error();
    EXPECT_GT(y, 1.0f);
    TilePointer none = makeTile({1, 3, {0.0f, 0.0f, 0.0f}}, target);
    float zeros[3] = {NAN, NAN, NAN};
    ASSERT_EQ(aimc_tile_read(none.get(), &x, 1, zeros), AIMC_OK) << aimc_last_error();
    for (float value : zeros)
      EXPECT_EQ(value, 0.0f);
    x = 0;
    ASSERT_EQ(aimc_tile_read(one.get(), &x, 1, &y), AIMC_OK);
    EXPECT_EQ(y, 0.0f);
    EXPECT_EQ(aimc_tile_read(one.get(), &x, 0, &y), AIMC_OK);
  }
}

TEST(Tile, MistakesAreNamedWithWhatWouldBeRight) {
  const Matrix w = randomMatrix(8, 6, 1);
  struct Mistake {
    json target, options;
    const char *message;
  };
  const Mistake mistakes[] = {
      {{{"geometry", {{"rows", 4}}}}, {}, "weights: expected at most the tile's 4 x 512"},
      {{{"device", {{"kind", "sram"}}}}, {}, "target: device.kind: expected one of: pcm"},
      {{{"device", {{"g_max_us", 2000}}}}, {}, "g_max_us: expected a number from 1e-06 to 1000"},
      {{{"dac", {{"bits", 10}}}}, {}, "dac.bits: expected an integer from 2 to 9, but got 10"},
      {{{"dac", {{"mode", "split"}}}}, {}, "dac.lsb_bits: expected an integer"},
      {{{"wire", {{"column_ohm", -1}}}}, {}, "column_ohm: expected a number from 0 to 1000"},
      {{{"colour", 1}}, {}, "target: unknown key 'colour'"},
      {{}, {{"sede", 1}}, "tile options: unknown key 'sede'"},
      {{}, {{"time_s", -1}}, "tile options: time_s: expected a number from 0"},
      {{}, {{"scale", "most"}}, "tile options: scale: expected max, optimal or sigma:<q>"},
      {{}, {{"compensate", "all"}}, "compensate: expected one of: none, gain, weights"},
      {{{"geometry", {{"rows", 8}}}}, {{"at_row", 1}}, "at_row: expected an integer 0, but got 1"},
      {{}, {{"activity", json::array()}}, "activity: expected 8 rows of 32 shares"},
      {{}, {{"input_range", 0}}, "input_range: expected a number from 1e-30"},
      {{}, {{"compat", "cross"}}, "compat: expected \"aihwkit\""}};
  for (const Mistake &m : mistakes) {
    const std::string target = m.target.is_null() ? "" : m.target.dump();
    const std::string options = m.options.is_null() ? "" : m.options.dump();
    aimc_tile *tile = nullptr;
    EXPECT_EQ(aimc_tile_create(target.c_str(), options.c_str(), w.data.data(), 8, 6, &tile),
              AIMC_INVALID_ARGUMENT);
    EXPECT_NE(std::string(aimc_last_error()).find(m.message), std::string::npos)
        << m.message << "\n"
        << aimc_last_error();
  }
  Matrix spoilt = w;
  spoilt.data[13] = NAN;
  aimc_tile *tile = nullptr;
  EXPECT_EQ(aimc_tile_create(nullptr, nullptr, spoilt.data.data(), 8, 6, &tile),
            AIMC_INVALID_ARGUMENT);
  EXPECT_STREQ(aimc_last_error(), "weights: expected finite values, but got nan at [2, 1]");
  EXPECT_EQ(aimc_tile_create(nullptr, "[", w.data.data(), 8, 6, &tile), AIMC_INVALID_ARGUMENT);
  EXPECT_EQ(aimc_tile_create(nullptr, nullptr, nullptr, 8, 6, &tile), AIMC_INVALID_ARGUMENT);
  EXPECT_EQ(aimc_tile_create(nullptr, nullptr, w.data.data(), 0, 6, &tile), AIMC_INVALID_ARGUMENT);
  EXPECT_EQ(aimc_tile_read(nullptr, w.data.data(), 1, spoilt.data.data()), AIMC_INVALID_ARGUMENT);
  TilePointer good = makeTile(w, json::object());
  double value = 0;
  EXPECT_EQ(aimc_tile_array(good.get(), "plus", &value, 1), AIMC_INVALID_ARGUMENT);
  EXPECT_STREQ(aimc_last_error(), "plus: expected room for 48 elements, but got 1");
  EXPECT_EQ(aimc_tile_array(good.get(), "pluss", &value, 1), AIMC_INVALID_ARGUMENT);
  EXPECT_EQ(aimc_tile_read(good.get(), spoilt.data.data() + 8, 1, spoilt.data.data()),
            AIMC_INVALID_ARGUMENT);
  EXPECT_STREQ(aimc_last_error(), "x: expected finite values, but got nan at [0, 5]");
}
