//===- ChipTest.cpp - chips that are saved, resumed and aged --------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "PackageBuilder.h"

#include <cmath>
#include <filesystem>
#include <gtest/gtest.h>

using namespace aimc::test;
using nlohmann::json;

namespace {
/// A device that loses exp(-nu log(t / t0)) of its conductance and has no other fault.
json uniformDrift(double nu) {
  return {{"kind", "table"},
          {"g_min_us", 0.0},
          {"g_max_us", 25.0},
          {"table",
           {{"format", "aimc-device"},
            {"version", 1},
            {"drift", {{"t0_s", 20.0}, {"nu_mean", nu}, {"nu_std", 0.0}}}}}};
}

struct Case {
  const char *name;
  json patch; ///< merged into the target
  json options = json::object();
};

class ChipTest : public ::testing::TestWithParam<Case> {
protected:
  void write(const json &patch) {
    builder.target.merge_patch(patch);
    builder.add("a", randomMatrix(100, 40, 3));
    builder.add("b", randomMatrix(100, 33, 4), true);
    builder.write(package);
  }
  SessionPointer open(json options, const char *chip = nullptr) const {
    if (chip)
      options["chip"] = folder.path + "/" + chip;
    return openSession(package, options);
  }
  std::vector<float> run(aimc_session *session, const Matrix &x) const {
    std::vector<float> all;
    for (const Matrix &y : runGrid(session, package, "grid_8", x))
      all.insert(all.end(), y.data.begin(), y.data.end());
    return all;
  }
  std::string path(const char *name) const { return folder.path + "/" + name; }

  TemporaryFolder folder;
  PackageBuilder builder;
  std::string package = folder.path + "/m.aimc";
  Matrix first = randomMatrix(8, 100, 21), second = randomMatrix(8, 100, 22);
};

const Case kCases[] = {
    {"pcm", json::object()},
    {"aged", json::object(), {{"time_s", 3600.0}}},
    {"compensated_drift", json::object(), {{"time_s", 3600.0}, {"drift_compensation", "column"}}},
    {"pairs", {{"geometry", {{"pairs", 2}, {"significance", {1, 4}}}}}, {{"time_s", 100.0}}},
    {"spread",
     {{"device", {{"stuck_off", 0.01}, {"stuck_on", 0.01}, {"device_spread", 0.1}}},
      {"wire", {{"spread", 0.2}}},
      {"adc", {{"gain_spread", 0.05}, {"offset_spread_lsb", 1.0}}}}},
    {"weights", {{"wire", {{"column_ohm", 2.0}}}}, {{"compensate", "weights"}}},
    {"scaled", json::object(), {{"scale", "sigma:2"}, {"time_s", 60.0}}},
    {"open", {{"wire", {{"idle", "open"}}}}},
    {"row_wires", {{"wire", {{"row_ohm", 1.0}, {"driver_ohm", 20.0}}}}},
    {"reram", {{"device", {{"kind", "reram_wan"}, {"g_max_us", 40.0}}}}, {{"time_s", 86400.0}}}};
} // namespace

TEST_P(ChipTest, ResumedEqualsUninterruptedToTheBit) {
  write(GetParam().patch);
  json options = GetParam().options;
  options["seed"] = 17;
  SessionPointer whole = open(options);
  ASSERT_TRUE(whole);
  run(whole.get(), first);
  const auto expected = run(whole.get(), second);

  SessionPointer before = open(options);
  run(before.get(), first);
  ASSERT_EQ(aimc_session_save_chip(before.get(), path("c.safetensors").c_str()), AIMC_OK)
      << aimc_last_error();
  SessionPointer after = open(json::object(), "c.safetensors");
  ASSERT_TRUE(after);
  EXPECT_EQ(run(after.get(), second), expected);
  // Reset goes back to where the session began.
  ASSERT_EQ(aimc_session_reset(after.get()), AIMC_OK);
  EXPECT_EQ(run(after.get(), second), expected);
}

TEST_P(ChipTest, SavedAgainIsTheSameFile) {
  write(GetParam().patch);
  SessionPointer session = open(GetParam().options);
  ASSERT_EQ(aimc_session_save_chip(session.get(), path("c.safetensors").c_str()), AIMC_OK);
  SessionPointer again = open(json::object(), "c.safetensors");
  ASSERT_TRUE(again);
  ASSERT_EQ(aimc_session_save_chip(again.get(), path("d.safetensors").c_str()), AIMC_OK);
  EXPECT_EQ(readFile(path("c.safetensors")), readFile(path("d.safetensors")));
}

INSTANTIATE_TEST_SUITE_P(Targets, ChipTest, ::testing::ValuesIn(kCases),
                         [](const auto &info) { return info.param.name; });

using OneChipTest = ChipTest;

TEST_F(OneChipTest, AgeDependsOnTheTimeAlone) {
  write(json::object());
  SessionPointer at = open({{"time_s", 86400.0}, {"effects", {{"read_noise", false}}}});
  const auto expected = run(at.get(), first);
  SessionPointer session = open({{"effects", {{"read_noise", false}}}});
  EXPECT_NE(run(session.get(), first), expected);
  for (double time : {60.0, 1e7, 86400.0})
    ASSERT_EQ(aimc_session_age(session.get(), time), AIMC_OK) << aimc_last_error();
  EXPECT_EQ(run(session.get(), first), expected);
  // A chip saved without a time can still be aged.
  SessionPointer fresh = open({{"effects", {{"read_noise", false}}}});
  ASSERT_EQ(aimc_session_save_chip(fresh.get(), path("c.safetensors").c_str()), AIMC_OK);
  SessionPointer aged = open({{"time_s", 86400.0}}, "c.safetensors");
  EXPECT_EQ(run(aged.get(), first), expected);
  EXPECT_EQ(aimc_session_age(session.get(), -1), AIMC_INVALID_ARGUMENT);
  EXPECT_EQ(aimc_session_age(session.get(), NAN), AIMC_INVALID_ARGUMENT);
}

TEST_F(OneChipTest, DriftCompensationTakesUniformDriftBack) {
  // All conductances shrink by one known factor; without noise and converters' steps the digital
  // scale must be its inverse, and the output what it was.
  constexpr double kNu = 0.06, kTime = 1e6;
  write({{"device", uniformDrift(kNu)},
         {"wire", {{"column_ohm", 0.0}}},
         {"adc", {{"kind", "ideal"}}}});
  SessionPointer young = open(json::object());
  const auto before = run(young.get(), first);
  const double factor = std::pow((kTime + 20) / 20, -kNu);
  for (const char *kind : {"none", "tile", "column"}) {
    SessionPointer old = open({{"time_s", kTime}, {"drift_compensation", kind}});
    ASSERT_TRUE(old);
    const auto now = run(old.get(), first);
    const double kept = std::string(kind) == "none" ? factor : 1.0;
    for (size_t i = 0; i < now.size(); ++i)
      EXPECT_NEAR(now[i], kept * before[i], 2e-5);
    const json tile = statisticsOf(old.get())["chip"]["tiles"][0];
    if (kept == 1.0)
      EXPECT_NEAR(tile["drift_factor"].get<double>() * factor, 1.0, 1e-5);
    else
      EXPECT_FALSE(tile.contains("drift_factor"));
  }
}

TEST_F(OneChipTest, WhatShapedTheDevicesCannotChange) {
  write(json::object());
  SessionPointer session = open({{"seed", 4}});
  ASSERT_EQ(aimc_session_save_chip(session.get(), path("c.safetensors").c_str()), AIMC_OK);
  aimc_package *opened = nullptr;
  ASSERT_EQ(aimc_package_open(package.c_str(), &opened), AIMC_OK);
  PackagePointer owner(opened);
  const std::pair<json, const char *> refused[] = {
      {{{"seed", 5}}, "seed: the chip was programmed with 4, but got 5"},
      {{{"scale", "max"}}, "scale: the chip was programmed with"},
      {{{"compensate", "gain"}}, "compensate: the chip was programmed with"},
      {{{"effects", {{"programming", false}}}}, "effects.programming: the chip was programmed"},
      {{{"target", {{"device", {{"g_max_us", 20.0}}}}}}, "target 'pcm': the chip was programmed"},
      {{{"target", {{"adc", {{"gain_spread", 0.1}}}}}}, "target 'pcm': the chip was programmed"},
      {{{"ideal", true}}, "chip: expected tiles"},
      {{{"chip", "/absent/c.safetensors"}}, "/absent/c.safetensors: cannot open"}};
  for (auto [options, message] : refused) {
    if (!options.contains("chip"))
      options["chip"] = path("c.safetensors");
    aimc_session *out = nullptr;
    EXPECT_NE(aimc_session_create(opened, options.dump().c_str(), &out), AIMC_OK) << message;
    EXPECT_NE(std::string(aimc_last_error()).find(message), std::string::npos) << aimc_last_error();
    aimc_session_destroy(out);
  }
  // How a chip is read may change.
  for (const json &options :
       {json{{"target", {{"adc", {{"bits", 6}}}}}}, json{{"target", {{"dac", {{"bits", 5}}}}}},
        json{{"target", {{"wire", {{"column_ohm", 3.0}}}}}}, json{{"effects", {{"adc", false}}}}}) {
    json same = options;
    same["seed"] = 4;
    EXPECT_EQ(run(open(options, "c.safetensors").get(), first), run(open(same).get(), first));
  }
}

TEST_F(OneChipTest, ForeignAndDamagedFilesAreRefused) {
  write(json::object());
  SessionPointer session = open(json::object());
  ASSERT_EQ(aimc_session_save_chip(session.get(), path("c.safetensors").c_str()), AIMC_OK);
  const std::string good = readFile(path("c.safetensors"));

  PackageBuilder other;
  other.add("a", randomMatrix(100, 40, 5));
  other.add("b", randomMatrix(100, 33, 4), true);
  other.write(path("other.aimc"));
  aimc_package *opened = nullptr;
  ASSERT_EQ(aimc_package_open(path("other.aimc").c_str(), &opened), AIMC_OK);
  PackagePointer foreign(opened);
  const std::string options = json{{"chip", path("c.safetensors")}}.dump();
  aimc_session *out = nullptr;
  EXPECT_EQ(aimc_session_create(opened, options.c_str(), &out), AIMC_INVALID_ARGUMENT);
  EXPECT_NE(std::string(aimc_last_error()).find("other weights or another mapping"),
            std::string::npos)
      << aimc_last_error();

  aimc_package *right = nullptr;
  ASSERT_EQ(aimc_package_open(package.c_str(), &right), AIMC_OK);
  PackagePointer owner(right);
  std::vector<std::string> damaged = {"", good.substr(0, 7), good.substr(0, 400),
                                      good.substr(0, good.size() - 4), good + "more"};
  for (size_t at = 0; at < good.size(); at += 1 + good.size() / 97) {
    damaged.push_back(good);
    damaged.back()[at] = static_cast<char>(damaged.back()[at] ^ 0x21);
  }
  for (const std::string &content : damaged) {
    writeFile(path("c.safetensors"), content);
    EXPECT_EQ(aimc_session_create(right, options.c_str(), &out), AIMC_BAD_PACKAGE);
    EXPECT_NE(std::string(aimc_last_error()).find("c.safetensors"), std::string::npos)
        << aimc_last_error();
    EXPECT_EQ(out, nullptr);
  }
}

TEST_F(OneChipTest, AFileThatCannotBeWrittenLeavesTheOldOne) {
  write(json::object());
  SessionPointer session = open(json::object());
  EXPECT_EQ(aimc_session_save_chip(session.get(), path("absent/c").c_str()), AIMC_INVALID_ARGUMENT);
  EXPECT_EQ(aimc_session_save_chip(session.get(), folder.path.c_str()), AIMC_INVALID_ARGUMENT);
  EXPECT_EQ(aimc_session_save_chip(session.get(), ""), AIMC_INVALID_ARGUMENT);
  ASSERT_EQ(aimc_session_save_chip(session.get(), path("c").c_str()), AIMC_OK);
  ASSERT_EQ(aimc_session_save_chip(session.get(), path("c").c_str()), AIMC_OK);
  int64_t files = 0;
  for (const auto &entry : std::filesystem::directory_iterator(folder.path))
    files += entry.is_regular_file();
  EXPECT_EQ(files, 1);
  SessionPointer ideal = open({{"ideal", true}});
  EXPECT_EQ(aimc_session_save_chip(ideal.get(), path("d").c_str()), AIMC_INVALID_ARGUMENT);
}
