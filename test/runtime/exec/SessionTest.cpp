//===- SessionTest.cpp - runs, their inputs, and what they refuse ---------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Oracle.h"

#include <gtest/gtest.h>
#include <limits>
#include <thread>

using namespace aimc::test;
using nlohmann::json;

namespace {
/// A package of one 70 x 45 and one 70 x 130 weight on 64 x 64 tiles.
class SessionTest : public ::testing::Test {
protected:
  void SetUp() override {
    builder.add("a", randomMatrix(70, 45, 1));
    builder.add("b", randomMatrix(70, 130, 2), true);
    builder.write(folder.path);
    manifest = builder.manifest();
  }

  int32_t entry(const std::string &symbol) const {
    int32_t index = 0;
    while (manifest["entries"][size_t(index)]["symbol"] != symbol)
      ++index;
    return index;
  }

  TemporaryFolder folder;
  PackageBuilder builder;
  json manifest;
};

/// The arrays of a correct call of grid_3, for tests to spoil.
struct Call {
  Matrix x = randomMatrix(3, 70, 5);
  std::vector<float> y0 = std::vector<float>(3 * 45), y1 = std::vector<float>(3 * 130);
  std::vector<int64_t> xShape{3, 70}, y0Shape{3, 45}, y1Shape{3, 130};
  std::vector<aimc_tensor> inputs, outputs;
  Call() {
    inputs = {{"x", AIMC_F32, 2, xShape.data(), x.data.data()}};
    outputs = {{"y0", AIMC_F32, 2, y0Shape.data(), y0.data()},
               {"y1", AIMC_F32, 2, y1Shape.data(), y1.data()}};
  }
  aimc_status run(aimc_session *session, int32_t entry) {
    return aimc_session_run(session, entry, inputs.data(), int32_t(inputs.size()), outputs.data(),
                            int32_t(outputs.size()));
  }
};
} // namespace

TEST_F(SessionTest, IdealIsThePlainProduct) {
  SessionPointer session = openSession(folder.path, {{"ideal", true}});
  ASSERT_TRUE(session);
  for (const char *symbol : {"grid_1", "grid_3", "grid_300"}) {
    Matrix x = randomMatrix(std::stoi(symbol + 5), 70, 9);
    auto y = runGrid(session.get(), folder.path, symbol, x);
    EXPECT_LT(relativeError(y[0], plainProduct(x, builder.weights[0])), 1e-6) << symbol;
    EXPECT_LT(relativeError(y[1], plainProduct(x, builder.weights[1])), 1e-6) << symbol;
  }
}

TEST_F(SessionTest, GridDispatchCopyInOneEntry) {
  SessionPointer session = openSession(folder.path, {{"ideal", true}, {"threads", 3}});
  ASSERT_TRUE(session);
  // This entry wants one weight only.
  PackageBuilder one;
  one.add("a", builder.weights[0]);
  TemporaryFolder single;
  one.write(single.path);
  session = openSession(single.path, {{"ideal", true}, {"threads", 3}});
  Matrix x = randomMatrix(8, 70, 6);
  auto y = runGrid(session.get(), single.path, "relu_transposed_8", x);
  std::vector<double> product = plainProduct(x, one.weights[0]);
  for (int64_t r = 0; r < 8; ++r)
    for (int64_t j = 0; j < 45; ++j)
      EXPECT_NEAR(y[0].at(j, r), std::max(0.0, product[size_t(r * 45 + j)]), 1e-5);
}

TEST_F(SessionTest, ArraysMatchByNameInAnyOrder) {
  SessionPointer session = openSession(folder.path, {{"ideal", true}});
  Call call, swapped;
  ASSERT_EQ(call.run(session.get(), entry("grid_3")), AIMC_OK) << aimc_last_error();
  std::swap(swapped.outputs[0], swapped.outputs[1]);
  ASSERT_EQ(swapped.run(session.get(), entry("grid_3")), AIMC_OK) << aimc_last_error();
  EXPECT_EQ(call.y0, swapped.y0);
  EXPECT_EQ(call.y1, swapped.y1);
}

TEST_F(SessionTest, RefusesArraysThatDoNotFit) {
  SessionPointer session = openSession(folder.path, {{"ideal", true}});
  struct Case {
    std::function<void(Call &)> spoil;
    const char *message;
  };
  const Case cases[] = {
      {[](Call &c) { c.inputs[0].name = "z"; }, "input 'z': unknown name, expected 'x'"},
      {[](Call &c) { c.inputs.clear(); }, "input 'x': expected f32 [3, 70], but it is missing"},
      {[](Call &c) { c.inputs.push_back(c.inputs[0]); }, "input 'x': given twice"},
      {[](Call &c) { c.xShape[0] = 4; }, "input 'x': expected f32 [3, 70], but got f32 [4, 70]"},
      {[](Call &c) { c.inputs[0].rank = 1; }, "input 'x': expected f32 [3, 70], but got f32 [3]"},
      {[](Call &c) { c.inputs[0].dtype = AIMC_I64; },
       "input 'x': expected f32 [3, 70], but got i64 [3, 70]"},
      {[](Call &c) { c.inputs[0].dtype = 99; },
       "input 'x': expected f32 [3, 70], but got unknown [3, 70]"},
      {[](Call &c) { c.inputs[0].data = nullptr; },
       "input 'x': expected a data pointer, but got NULL"},
      {[](Call &c) { c.inputs[0].data = reinterpret_cast<char *>(c.inputs[0].data) + 1; },
       "input 'x': expected data aligned to 4 bytes"},
      {[](Call &c) { c.inputs[0].rank = -1; }, "input 'x': expected a shape of rank 2"},
      {[](Call &c) { c.inputs[0].name = nullptr; }, "input 0: expected a name"},
      {[](Call &c) { c.x.data[75] = std::numeric_limits<float>::quiet_NaN(); },
       "input 'x': expected finite values, but got nan at [1, 5]"},
      {[](Call &c) { c.x.data[0] = -std::numeric_limits<float>::infinity(); },
       "input 'x': expected finite values, but got inf at [0, 0]"},
      {[](Call &c) { c.outputs.pop_back(); },
       "output 'y1': expected f32 [3, 130], but it is missing"},
      {[](Call &c) { c.y1Shape[1] = 129; },
       "output 'y1': expected f32 [3, 130], but got f32 [3, 129]"},
  };
  for (const Case &c : cases) {
    Call call;
    c.spoil(call);
    EXPECT_EQ(call.run(session.get(), entry("grid_3")), AIMC_INVALID_ARGUMENT) << c.message;
    EXPECT_NE(std::string(aimc_last_error()).find(c.message), std::string::npos)
        << "expected: " << c.message << "\n     got: " << aimc_last_error();
  }
  Call call;
  for (int32_t number : {-1, 1000})
    EXPECT_EQ(call.run(session.get(), number), AIMC_INVALID_ARGUMENT);
  EXPECT_NE(std::string(aimc_last_error()).find("but got 1000"), std::string::npos);
}

TEST_F(SessionTest, FailureFromCompiledCodeIsAnError) {
  SessionPointer session = openSession(folder.path, {{"threads", 2}});
  std::vector<int64_t> token{1, 2, 3, 4}, shape{2, 2}, y(4);
  std::vector<uint8_t> mask{1, 1, 0, 1};
  std::vector<aimc_tensor> in = {{"token", AIMC_I64, 2, shape.data(), token.data()},
                                 {"mask", AIMC_BOOL, 2, shape.data(), mask.data()}};
  aimc_tensor out{"y", AIMC_I64, 2, shape.data(), y.data()};
  auto run = [&] {
    return aimc_session_run(session.get(), entry("lookup_4"), in.data(), 2, &out, 1);
  };
  ASSERT_EQ(run(), AIMC_OK) << aimc_last_error();
  EXPECT_EQ(y, (std::vector<int64_t>{10, 20, -1, 40}));
  token[2] = 10;
  EXPECT_EQ(run(), AIMC_RUN_FAILED);
  EXPECT_NE(std::string(aimc_last_error()).find("index of 'lookup' is outside its table"),
            std::string::npos);
  token[2] = 9; // the session is usable afterwards
  EXPECT_EQ(run(), AIMC_OK) << aimc_last_error();
  mask[3] = 2;
  EXPECT_EQ(run(), AIMC_INVALID_ARGUMENT);
  EXPECT_NE(
      std::string(aimc_last_error()).find("input 'mask': expected 0 or 1, but got 2 at [1, 1]"),
      std::string::npos);
}

TEST_F(SessionTest, MistakesOfACompilerAreErrors) {
  PackageBuilder one;
  one.add("a", builder.weights[0]);
  TemporaryFolder single;
  one.write(single.path);
  json m = one.manifest();
  SessionPointer session = openSession(single.path, json::object());
  Matrix x = randomMatrix(1, 70, 3);
  std::vector<float> y(45);
  int64_t xShape[2] = {1, 70}, yShape[2] = {1, 45};
  aimc_tensor in{"x", AIMC_F32, 2, xShape, x.data.data()};
  aimc_tensor out{"y", AIMC_F32, 2, yShape, y.data()};
  std::map<std::string, std::pair<aimc_status, const char *>> expected = {
      {"wrong_grid", {AIMC_BAD_PACKAGE, "names a grid that the manifest lacks"}},
      {"wrong_copy", {AIMC_BAD_PACKAGE, "a copy that has no meaning"}},
      {"wrong_status", {AIMC_RUN_FAILED, "returned status 7"}}};
  for (size_t e = 0; e < m["entries"].size(); ++e) {
    auto found = expected.find(m["entries"][e]["symbol"]);
    if (found == expected.end())
      continue;
    EXPECT_EQ(aimc_session_run(session.get(), int32_t(e), &in, 1, &out, 1), found->second.first);
    EXPECT_NE(std::string(aimc_last_error()).find(found->second.second), std::string::npos)
        << aimc_last_error();
  }
}

TEST_F(SessionTest, OptionsAreChecked) {
  aimc_package *package = nullptr;
  ASSERT_EQ(aimc_package_open(folder.path.c_str(), &package), AIMC_OK) << aimc_last_error();
  PackagePointer owner(package);
  const std::pair<const char *, const char *> cases[] = {
      {"{\"sede\": 1}", "session options: unknown key 'sede', expected one of: seed, threads"},
      {"{\"seed\": -1}", "seed: expected an integer from 0 to 2^64 - 1, but got -1"},
      {"{\"threads\": 1.5}", "threads: expected an integer from 0 to 1024, but got 1.5"},
      {"{\"ideal\": 1}", "ideal: expected true or false, but got 1"},
      {"{\"time_s\": -3}", "time_s: expected a number from 0 to 1e+12, but got -3"},
      {"{\"effects\": {\"noise\": false}}", "effects: unknown key 'noise'"},
      {"{\"target\": {\"wire\": {\"column_ohms\": 1}}}", "target.wire: unknown key 'column_ohms'"},
      {"{\"target\": {\"geometry\": {\"rows\": 32}}}",
       "target.geometry.rows: the weights were mapped for this geometry"},
      {"{\"target\": {\"wires\": {}}}", "target: unknown key 'wires'"},
      {"{\"target\": {\"adc\": {\"bits\": 99}}}",
       "target.adc.bits: expected an integer from 2 to 24, but got 99"},
      {"{\"targets\": {\"reram\": {}}}", "no target named 'reram'"},
      {"{\"seed\": 1", "session options: expected JSON, but got a mistake"},
      {"[]", "session options: expected a JSON object"},
  };
  for (auto [options, message] : cases) {
    aimc_session *session = nullptr;
    EXPECT_EQ(aimc_session_create(package, options, &session), AIMC_INVALID_ARGUMENT) << options;
    EXPECT_EQ(session, nullptr);
    EXPECT_NE(std::string(aimc_last_error()).find(message), std::string::npos)
        << "expected: " << message << "\n     got: " << aimc_last_error();
  }
  // A change that leaves the mapping alone, and the geometry restated.
  for (const char *options :
       {"{\"target\": {\"geometry\": {\"rows\": 64}, \"wire\": {\"column_ohm\": 2}}}",
        "{\"targets\": {\"pcm\": {\"adc\": {\"kind\": \"ideal\"}}}}", "",
        static_cast<const char *>(nullptr)}) {
    aimc_session *session = nullptr;
    EXPECT_EQ(aimc_session_create(package, options, &session), AIMC_OK) << aimc_last_error();
    aimc_session_destroy(session);
  }
}

TEST_F(SessionTest, SessionOutlivesItsPackageAndThreadsMayShareIt) {
  SessionPointer session = openSession(folder.path, {{"ideal", true}, {"threads", 2}});
  Matrix x = randomMatrix(16, 70, 8);
  auto expected = runGrid(session.get(), folder.path, "grid_16", x);
  std::vector<std::thread> callers;
  std::vector<std::vector<Matrix>> got(4);
  for (size_t t = 0; t < got.size(); ++t)
    callers.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i)
        got[t] = runGrid(session.get(), folder.path, "grid_16", x);
    });
  for (std::thread &caller : callers)
    caller.join();
  for (const auto &result : got) {
    EXPECT_EQ(result[0].data, expected[0].data);
    EXPECT_EQ(result[1].data, expected[1].data);
  }
}

TEST_F(SessionTest, StatisticsCountCallsRowsAndTiles) {
  SessionPointer session =
      openSession(folder.path, {{"compare_ideal", true}, {"seed", 4}, {"threads", 2}});
  runGrid(session.get(), folder.path, "grid_3", randomMatrix(3, 70, 8));
  runGrid(session.get(), folder.path, "grid_5", randomMatrix(5, 70, 8));
  json s = statisticsOf(session.get());
  EXPECT_EQ(s["seed"], 4);
  EXPECT_EQ(s["threads"], 2);
  EXPECT_EQ(s["runs"]["count"], 2);
  // a: 2 x 1 blocks, b: 2 x 3 blocks of 64 x 64.
  EXPECT_EQ(s["chip"]["targets"]["pcm"]["tiles"], 8);
  EXPECT_EQ(s["chip"]["tiles"].size(), 8u);
  EXPECT_EQ(s["chip"]["targets"]["pcm"]["used_cells"], 70 * (45 + 130));
  EXPECT_NEAR(s["chip"]["targets"]["pcm"]["utilisation"].get<double>(), 70.0 * 175 / (8 * 64 * 64),
              1e-12);
  const json &grid = s["grids"][0];
  EXPECT_EQ(grid["calls"], 2);
  EXPECT_EQ(grid["rows"], 8);
  EXPECT_EQ(grid["weights"][0]["weight"], "a");
  // One code per row, column and row block.
  EXPECT_EQ(grid["weights"][0]["adc_codes"], 8 * 45 * 2);
  EXPECT_EQ(grid["weights"][1]["adc_codes"], 8 * 130 * 2);
  EXPECT_EQ(grid["weights"][0]["adc_clip_rate"], 0.0);
  double snr = grid["weights"][0]["snr_db"];
  EXPECT_GT(snr, 5.0);
  EXPECT_LT(snr, 45.0);
  ASSERT_EQ(aimc_session_reset(session.get()), AIMC_OK);
  EXPECT_EQ(statisticsOf(session.get())["grids"][0]["rows"], 0);
}

TEST_F(SessionTest, ReportedSignalToNoiseIsThatOfTheOutputs) {
  SessionPointer session = openSession(folder.path, {{"compare_ideal", true}});
  Matrix x = randomMatrix(16, 70, 8);
  auto y = runGrid(session.get(), folder.path, "grid_16", x);
  json s = statisticsOf(session.get());
  for (size_t w = 0; w < 2; ++w) {
    std::vector<double> exact = plainProduct(x, builder.weights[w]);
    double signal = 0, error = 0;
    for (size_t i = 0; i < exact.size(); ++i) {
      signal += exact[i] * exact[i];
      error += (y[w].data[i] - exact[i]) * (y[w].data[i] - exact[i]);
    }
    EXPECT_NEAR(s["grids"][0]["weights"][w]["snr_db"].get<double>(),
                10 * std::log10(signal / error), 1e-3);
  }
}
