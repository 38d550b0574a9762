//===- DeviceTableTest.cpp - device files, good and bad ---------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/exec/DeviceTable.h"
#include "aimc/exec/Target.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

using namespace aimc::exec;
using nlohmann::json;

namespace {

json whole() {
  return json::parse(R"({
    "format": "aimc-device", "version": 1, "name": "test", "source": "nowhere",
    "g_min_us": 1, "g_max_us": 50,
    "programming": {"distribution": "normal", "error": "absolute",
                    "g_us": [1, 20, 50], "mean_us": [1.2, 20, 48], "std": [0.1, 0.5, 0.4]},
    "drift": {"t0_s": 30, "g_us": [1, 50], "nu_mean": [0.08, 0.02], "nu_std": 0.01},
    "read_noise": {"q": 0.02, "t_read_s": 1e-6, "nanosecond": true},
    "stuck_off": 0.01, "stuck_on": 0.002})");
}

json target(json table) {
  return {{"geometry", {{"rows", 8}, {"cols", 8}, {"pairs", 1}, {"readout", "single"}}},
          {"device",
           {{"kind", "table"}, {"g_min_us", 1}, {"g_max_us", 40}, {"table", std::move(table)}}},
          {"wire", {{"column_ohm", 0.1}, {"row_ohm", 0}, {"idle", "midrail"}}},
          {"dac", {{"bits", 8}, {"mode", "one_pass"}, {"v_read_v", 0.2}, {"tick_ns", 1}}},
          {"adc", {{"kind", "ideal"}}}};
}

/// The message of a target with this table; empty where it is good.
std::string mistakeOf(const json &text, Target *out = nullptr) {
  JsonReader reader("m.json", AIMC_BAD_PACKAGE);
  const Target t = readTarget(reader.root(text), "t");
  if (out)
    *out = t;
  return reader.failed() ? reader.result().value().message : "";
}

TEST(DeviceTable, WholeFile) {
  Target t;
  ASSERT_EQ(mistakeOf(target(whole()), &t), "");
  const auto &table = *t.deviceTable;
  EXPECT_EQ(table.range.gMinUS, 1);
  EXPECT_EQ(table.range.gMaxUS, 50);
  ASSERT_EQ(table.programming.size(), 1u);
  EXPECT_NEAR(table.programming[0].mean.at(10.5), 10.6, 1e-12);
  EXPECT_NEAR(table.programming[0].deviation.at(35), 0.45, 1e-12);
  EXPECT_EQ(table.driftStartS, 30);
  EXPECT_NEAR(table.driftMean.at(25.5), 0.05, 1e-12);
  EXPECT_EQ(table.driftDeviation.at(3), 0.01);
  EXPECT_EQ(table.readCoefficient.at(3), 0.02);
  EXPECT_EQ(table.readS, 1e-6);
  EXPECT_EQ(t.stuckOff, 0.01);
  EXPECT_EQ(t.stuckOn, 0.002);
  EXPECT_TRUE(t.deviceModel().noisyReads());
  EXPECT_EQ(t.deviceModel().kind, aimc::model::DeviceKind::Table);
  // A target's own probabilities take the place of the file's; reals stand for integers.
  json other = target(whole());
  other["device"]["stuck_off"] = 0.5;
  other["device"]["table"]["version"] = 1.0;
  ASSERT_EQ(mistakeOf(other, &t), "");
  EXPECT_EQ(t.stuckOff, 0.5);
  EXPECT_EQ(t.stuckOn, 0);
}

TEST(DeviceTable, ShortFormsAndTimes) {
  Target t;
  json table = {{"format", "aimc-device"}, {"version", 1}};
  ASSERT_EQ(mistakeOf(target(table), &t), "") << "an exact device";
  EXPECT_FALSE(t.deviceModel().programs());
  table["programming"] = {
      {"distribution", "uniform"}, {"error", "proportional"}, {"half_width", 0.3}};
  ASSERT_EQ(mistakeOf(target(table), &t), "");
  EXPECT_NEAR(aimc::model::programmingSigma(t.deviceModel(), 10), 3 / std::sqrt(3.0), 1e-12);
  table["programming"] = {{"times",
                           {{{"time_s", 1}, {"std", 0.5}},
                            {{"time_s", 86400}, {"g_us", {1, 40}}, {"std", {0.7, 0.9}}}}}};
  ASSERT_EQ(mistakeOf(target(table), &t), "");
  EXPECT_NE(aimc::model::checkTime(t.deviceModel(), 60), std::nullopt);
  table["programming"]["between_times"] = "log_time";
  ASSERT_EQ(mistakeOf(target(table), &t), "");
  EXPECT_EQ(aimc::model::checkTime(t.deviceModel(), 60), std::nullopt);
}

TEST(DeviceTable, EveryMistakeIsNamedWithItsPlace) {
  struct {
    const char *change; ///< JSON merge patch on the whole file
    const char *expected;
  } const cases[] = {
      {R"({"format": null})", "table.format"},
      {R"({"format": "other"})", "table.format: expected 'aimc-device', but got 'other'"},
      {R"({"version": 2})", "table.version: expected a number from 1 to 1, but got 2"},
      {R"({"colour": 1})", "table: unknown key 'colour'"},
      {R"({"g_max_us": 0.5})", "table.g_min_us: expected less than g_max_us"},
      {R"({"g_max_us": 30})", "device.g_max_us: expected conductances from 1 to 30 uS"},
      {R"({"programming": {"g_us": [1, 20]}})",
       "programming.mean_us: expected one value per conductance of g_us, 2, but got 3"},
      {R"({"programming": {"g_us": [1, 1, 50]}})", "programming.g_us: expected conductances in"},
      {R"({"programming": {"g_us": [5]}})", "programming.g_us: expected 2 to 4096 conductances"},
      {R"({"programming": {"g_us": null}})", "without g_us beside it"},
      {R"({"programming": {"g_us": [2, 20, 50]}})", "expected conductances from 2 to 50 uS"},
      {R"({"programming": {"std": [0.1, -0.5, 0.4]}})", "programming.std[1]: expected a number"},
      {R"({"programming": {"std": null}})", "programming.std"},
      {R"({"programming": {"half_width": 1}})", "programming.half_width: expected std"},
      {R"({"programming": {"distribution": "cauchy"}})",
       "programming.distribution: expected one of: normal, uniform, but got 'cauchy'"},
      {R"({"programming": {"error": 3}})", "programming.error: expected a string"},
      {R"({"programming": {"times": [{"time_s": 1, "std": 1}]}})", "programming: unknown key"},
      {R"({"drift": {"nu_mean": null}})", "drift.nu_mean: expected a number"},
      {R"({"drift": {"nu_mean": 1.5}})", "drift.nu_mean: expected a number from 0 to 1"},
      {R"({"drift": {"t0_s": 0}})", "drift.t0_s: expected a number from 1e-09"},
      {R"({"drift": {"nu_mean": 0.1}})", "drift.g_us: expected an array over these"},
      {R"({"read_noise": {"q": null}})", "read_noise.t_read_s: expected q"},
      {R"({"read_noise": {"nanosecond": 1}})", "read_noise.nanosecond: expected true or false"},
      {R"({"stuck_on": 0.995})", "table.stuck_on: expected stuck_off + stuck_on of at most 1"},
  };
  for (const auto &c : cases) {
    json table = whole();
    table.merge_patch(json::parse(c.change));
    const std::string message = mistakeOf(target(table));
    EXPECT_NE(message.find(c.expected), std::string::npos) << c.change << "\n" << message;
  }
  json both = whole();
  both["programming"] =
      json::parse(R"({"times": [{"time_s": 1, "std": 1}, {"time_s": 2, "std": 1}]})");
  EXPECT_NE(mistakeOf(target(both)).find("drift: expected no drift law"), std::string::npos);
  both["programming"]["times"][1]["time_s"] = 1;
  EXPECT_NE(mistakeOf(target(both)).find("times[1].time_s: expected times in ascending order"),
            std::string::npos);
  json array = target(json::array());
  EXPECT_NE(mistakeOf(array), "");
  json missing = target(whole());
  missing["device"].erase("table");
  EXPECT_NE(mistakeOf(missing).find("expected a device table"), std::string::npos);
}

TEST(DeviceTable, OtherKindsAreCheckedForTheirRange) {
  json text = target(whole());
  text["device"] = {{"kind", "hermes2"}, {"g_min_us", 0.1}, {"g_max_us", 25}};
  EXPECT_NE(mistakeOf(text).find("expected conductances from 0 to 20.7 uS"), std::string::npos);
  text["device"]["g_max_us"] = 20.7;
  EXPECT_EQ(mistakeOf(text), "");
}

} // namespace
