//===- RunToolTest.cpp - aimc-run as a program ----------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Npz.h"
#include "PackageBuilder.h"

#include <cstring>
#include <filesystem>
#include <gtest/gtest.h>
#include <sys/wait.h>

using namespace aimc::test;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {
class RunToolTest : public ::testing::Test {
protected:
  void SetUp() override {
    builder.add("a", randomMatrix(70, 45, 1));
    builder.write(folder.path + "/m.aimc");
    x = randomMatrix(8, 70, 3);
    save("x.npz", x);
  }

  void save(const char *name, const Matrix &m) {
    const auto *data = reinterpret_cast<const std::byte *>(m.data.data());
    auto archive = aimc::run::writeNpz(
        {{"x", AIMC_F32, {m.rows, m.cols}, {data, data + m.data.size() * sizeof(float)}}});
    ASSERT_TRUE(archive);
    writeFile(folder.path + "/" + name,
              std::string(reinterpret_cast<const char *>(archive->data()), archive->size()));
  }

  /// Runs in the folder; output and errors are kept.
  int run(const std::string &arguments) {
    std::string command = "cd '" + folder.path + "' && '" AIMC_RUN "' " + arguments +
                          " > out.txt 2> err.txt < /dev/null";
    int status = std::system(command.c_str());
    out = readFile(folder.path + "/out.txt");
    err = readFile(folder.path + "/err.txt");
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  std::vector<float> output(const char *name) {
    auto arrays = aimc::run::readNpz(folder.path + "/" + name);
    EXPECT_TRUE(arrays) << arrays.error();
    if (!arrays || arrays->size() != 1)
      return {};
    EXPECT_EQ((*arrays)[0].name, "y0");
    std::vector<float> values((*arrays)[0].data.size() / sizeof(float));
    std::memcpy(values.data(), (*arrays)[0].data.data(), (*arrays)[0].data.size());
    return values;
  }

  std::vector<float> session(const json &options) {
    SessionPointer s = openSession(folder.path + "/m.aimc", options);
    return runGrid(s.get(), folder.path + "/m.aimc", "grid_8", x)[0].data;
  }

  std::vector<std::string> listing() {
    std::vector<std::string> names;
    for (const auto &entry : fs::directory_iterator(folder.path))
      names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }

  TemporaryFolder folder;
  PackageBuilder builder;
  Matrix x;
  std::string out, err;
};
} // namespace

TEST_F(RunToolTest, GivesWhatTheSessionGives) {
  ASSERT_EQ(run("m.aimc --input x.npz --output y.npz"), 0) << err;
  EXPECT_EQ(output("y.npz"), session(json::object()));
  EXPECT_EQ(err, "");
  ASSERT_EQ(run("m.aimc --input x.npz --output y.npz --ideal"), 0) << err;
  EXPECT_EQ(output("y.npz"), session({{"ideal", true}}));
  ASSERT_EQ(run("m.aimc --input x.npz --output y.npz --seed 7 --threads 1 --disable adc "
                "--no-read-noise --time 1h --target-override '{\"wire\": {\"column_ohm\": 9}}'"),
            0)
      << err;
  EXPECT_EQ(output("y.npz"), session({{"seed", 7},
                                      {"effects", {{"adc", false}, {"read_noise", false}}},
                                      {"time_s", 3600},
                                      {"target", {{"wire", {{"column_ohm", 9}}}}}}));
  writeFile(folder.path + "/o.json", "{\"wire\": {\"column_ohm\": 9}}");
  ASSERT_EQ(run("m.aimc --input x.npz --output y.npz --target-override o.json"), 0) << err;
  EXPECT_EQ(output("y.npz"), session({{"target", {{"wire", {{"column_ohm", 9}}}}}}));
}

TEST_F(RunToolTest, RepeatKeepsTheFirstResultAndStatisticsAreWritten) {
  ASSERT_EQ(run("m.aimc --input x.npz --output y.npz --repeat 3 --compare-ideal --stats s.json"), 0)
      << err;
  EXPECT_EQ(output("y.npz"), session(json::object()));
  json s = json::parse(readFile(folder.path + "/s.json"));
  EXPECT_EQ(s["latency"]["runs"], 3);
  EXPECT_GT(s["latency"]["min_s"].get<double>(), 0);
  EXPECT_EQ(s["runs"]["count"], 3);
  EXPECT_EQ(s["entry"], "rows=8");
  std::vector<float> ideal = session({{"ideal", true}}), analog = output("y.npz");
  double largest = 0;
  for (size_t i = 0; i < ideal.size(); ++i)
    largest = std::max(largest, std::fabs(double(ideal[i]) - analog[i]));
  EXPECT_NEAR(s["outputs"][0]["max_abs_difference"].get<double>(), largest, 1e-9);
  EXPECT_NE(out.find("median of 3 runs"), std::string::npos) << out;
}

TEST_F(RunToolTest, ChoosesTheEntryThatFits) {
  save("x3.npz", randomMatrix(3, 70, 3));
  ASSERT_EQ(run("m.aimc --input x3.npz --output y.npz"), 0) << err;
  EXPECT_EQ(output("y.npz").size(), 3u * 45);
  save("x4.npz", randomMatrix(4, 70, 3));
  EXPECT_EQ(run("m.aimc --input x4.npz --output y.npz"), 1);
  EXPECT_NE(err.find("x4.npz: expected arrays that fit one of the entries (rows=1;"),
            std::string::npos)
      << err;
  EXPECT_NE(err.find("but got 'x' f32 [4, 70]"), std::string::npos) << err;
  EXPECT_EQ(run("m.aimc --input x3.npz --entry rows=8"), 1);
  EXPECT_NE(err.find("input 'x': expected f32 [8, 70], but got f32 [3, 70]"), std::string::npos)
      << err;
  EXPECT_EQ(run("m.aimc --input x3.npz --entry rows=9"), 1);
  EXPECT_NE(err.find("no entry with 'rows=9'"), std::string::npos) << err;
  EXPECT_EQ(run("m.aimc --input x3.npz --entry rows"), 2);
}

TEST_F(RunToolTest, ExitCodesAndOneLineErrors) {
  EXPECT_EQ(run("--help"), 0);
  EXPECT_EQ(run("--version"), 0);
  EXPECT_EQ(run(""), 2);
  EXPECT_EQ(run("m.aimc --nonsense"), 2);
  EXPECT_NE(err.find("--nonsense"), std::string::npos) << err;
  EXPECT_EQ(std::count(err.begin(), err.end(), '\n'), 1) << err;
  EXPECT_EQ(run("m.aimc --disable gravity"), 2);
  EXPECT_EQ(run("m.aimc --time soon"), 2);
  EXPECT_EQ(run("m.aimc --repeat 0"), 2);
  const std::pair<const char *, const char *> cases[] = {
      {"absent.aimc --input x.npz", "absent.aimc: cannot open"},
      {"m.aimc --input absent.npz", "absent.npz: cannot read as .npz"},
      {"m.aimc --input x.npz --output no/where/y.npz", "no/where/y.npz: cannot write"},
      {"m.aimc --input x.npz --output /dev/full/y.npz", "cannot write"},
      {"m.aimc --input x.npz --output m.aimc", "m.aimc: expected another file than the input"},
      {"m.aimc --input x.npz --target-override absent.json", "absent.json: cannot read"},
      {"m.aimc --input x.npz --target-override '{'",
       "--target-override: expected JSON, but got a mistake"},
      {"m.aimc --input x.npz --target-override '{\"adc\": {\"bit\": 1}}'", "unknown key 'bit'"},
  };
  for (auto [arguments, message] : cases) {
    EXPECT_EQ(run(arguments), 1) << arguments;
    EXPECT_EQ(err.rfind("aimc-run: error: ", 0), 0u) << err;
    EXPECT_NE(err.find(message), std::string::npos) << err;
    EXPECT_EQ(std::count(err.begin(), err.end(), '\n'), 1) << err;
    EXPECT_EQ(listing(), (std::vector<std::string>{"err.txt", "m.aimc", "out.txt", "x.npz"}));
  }
}

TEST_F(RunToolTest, AFullDiskLeavesTheOldFileAndNothingElse) {
  writeFile(folder.path + "/y.npz", "old");
  // A limit on file size stands for a full disk: writing fails midway.
  std::string command = "cd '" + folder.path +
                        "' && ulimit -f 1; '" AIMC_RUN
                        "' m.aimc --input x.npz --output y.npz 2> /dev/null > /dev/null";
  int status = std::system(("bash -c \"" + command + "\"").c_str());
  EXPECT_EQ(WEXITSTATUS(status), 1);
  EXPECT_EQ(readFile(folder.path + "/y.npz"), "old");
  EXPECT_EQ(listing(), (std::vector<std::string>{"m.aimc", "x.npz", "y.npz"}));
}

TEST_F(RunToolTest, OptionsOfTheChipReachTheSession) {
  ASSERT_EQ(run("m.aimc --input x.npz --output y.npz --scale sigma:2 --compensate gain --time 1h "
                "--drift-compensation tile --disable variation"),
            0)
      << err;
  EXPECT_EQ(output("y.npz"), session({{"scale", "sigma:2"},
                                      {"compensate", "gain"},
                                      {"time_s", 3600},
                                      {"drift_compensation", "tile"},
                                      {"effects", {{"variation", false}}}}));
  ASSERT_EQ(run("m.aimc --input x.npz --output y.npz --fidelity segments --compare-exact 2 "
                "--target-override '{\"wire\": {\"idle\": \"open\"}}'"),
            0)
      << err;
  EXPECT_EQ(output("y.npz"),
            session({{"target", {{"wire", {{"idle", "open"}, {"fidelity", "segments"}}}}}}));
  EXPECT_NE(out.find("fidelity: at most"), std::string::npos) << out;
  EXPECT_EQ(run("m.aimc --fidelity fast"), 2);
  EXPECT_EQ(run("m.aimc --input x.npz --scale most"), 1);
}

TEST_F(RunToolTest, AnAdcThatThrowsTheSignalAwayIsNamed) {
  ASSERT_EQ(run("m.aimc --input x.npz --output y.npz --target-override "
                "'{\"dac\": {\"mode\": \"bit_serial\"}, \"adc\": {\"lsb_fc\": 64}}'"),
            0);
  EXPECT_EQ(err.rfind("aimc-run: warning: layer layer, weight a: the ADC keeps", 0), 0u) << err;
  EXPECT_EQ(std::count(err.begin(), err.end(), '\n'), 1) << err;
  EXPECT_NE(out.find("effective bits"), std::string::npos) << out;
}

TEST_F(RunToolTest, SavesAndTakesUpAChip) {
  ASSERT_EQ(run("m.aimc --input x.npz --seed 5 --save-chip c.safetensors"), 0) << err;
  ASSERT_EQ(run("m.aimc --input x.npz --chip c.safetensors --output y.npz"), 0) << err;
  SessionPointer whole = openSession(folder.path + "/m.aimc", {{"seed", 5}});
  runGrid(whole.get(), folder.path + "/m.aimc", "grid_8", x);
  EXPECT_EQ(output("y.npz"), runGrid(whole.get(), folder.path + "/m.aimc", "grid_8", x)[0].data);
  EXPECT_EQ(run("m.aimc --input x.npz --chip c.safetensors --seed 6"), 1);
  EXPECT_EQ(run("m.aimc --input x.npz --save-chip absent/c"), 1);
  EXPECT_NE(err.find("absent/c"), std::string::npos);
}
