//===- InvarianceTest.cpp - what a result must not depend on --------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "PackageBuilder.h"

#include <gtest/gtest.h>

using namespace aimc::test;
using nlohmann::json;

namespace {
class InvarianceTest : public ::testing::Test {
protected:
  void SetUp() override {
    builder.add("a", randomMatrix(150, 200, 1));
    builder.add("b", randomMatrix(150, 33, 2), true);
    builder.write(folder.path);
  }
  std::vector<Matrix> run(const json &options, const char *symbol, const Matrix &x) {
    SessionPointer session = openSession(folder.path, options);
    return runGrid(session.get(), folder.path, symbol, x);
  }
  TemporaryFolder folder;
  PackageBuilder builder;
};

Matrix rows(const Matrix &m, int64_t begin, int64_t count) {
  return {
      count, m.cols, {m.data.begin() + begin * m.cols, m.data.begin() + (begin + count) * m.cols}};
}
} // namespace

TEST_F(InvarianceTest, ThreadCount) {
  Matrix x = randomMatrix(300, 150, 7);
  auto one = run({{"threads", 1}, {"seed", 5}}, "grid_300", x);
  for (int threads : {2, 3, 8}) {
    auto many = run({{"threads", threads}, {"seed", 5}}, "grid_300", x);
    EXPECT_EQ(one[0].data, many[0].data) << threads;
    EXPECT_EQ(one[1].data, many[1].data) << threads;
  }
}

TEST_F(InvarianceTest, BatchSplit) {
  Matrix x = randomMatrix(16, 150, 7);
  for (bool ideal : {false, true}) {
    auto whole = run({{"ideal", ideal}}, "grid_16", x);
    SessionPointer session = openSession(folder.path, {{"ideal", ideal}});
    auto first = runGrid(session.get(), folder.path, "grid_8", rows(x, 0, 8));
    auto second = runGrid(session.get(), folder.path, "grid_5", rows(x, 8, 5));
    auto third = runGrid(session.get(), folder.path, "grid_3", rows(x, 13, 3));
    for (size_t w = 0; w < 2; ++w) {
      EXPECT_EQ(rows(whole[w], 0, 8).data, first[w].data);
      EXPECT_EQ(rows(whole[w], 8, 5).data, second[w].data);
      EXPECT_EQ(rows(whole[w], 13, 3).data, third[w].data);
    }
  }
}

TEST_F(InvarianceTest, SeedDecidesEverythingAndResetRepeats) {
  Matrix x = randomMatrix(16, 150, 7);
  SessionPointer session = openSession(folder.path, {{"seed", 11}});
  auto first = runGrid(session.get(), folder.path, "grid_16", x);
  auto again = runGrid(session.get(), folder.path, "grid_16", x);
  EXPECT_NE(first[0].data, again[0].data) << "a read must be a fresh draw";
  ASSERT_EQ(aimc_session_reset(session.get()), AIMC_OK);
  auto reset = runGrid(session.get(), folder.path, "grid_16", x);
  EXPECT_EQ(first[0].data, reset[0].data);
  auto same = run({{"seed", 11}}, "grid_16", x);
  EXPECT_EQ(first[0].data, same[0].data);
  auto other = run({{"seed", 12}}, "grid_16", x);
  EXPECT_NE(first[0].data, other[0].data);
}

TEST_F(InvarianceTest, OrderAndNamesOfWeightsDoNotReachTheDevices) {
  // The same blocks on the same tiles, weights listed the other way round: the chip is the same.
  Matrix x = randomMatrix(8, 150, 7);
  json options = {{"effects", {{"read_noise", false}}}};
  auto expected = run(options, "grid_8", x);
  json manifest = builder.manifest();
  std::swap(manifest["weights"][0], manifest["weights"][1]);
  manifest["grids"][0]["weights"] = {1, 0};
  TemporaryFolder other;
  builder.write(other.path, manifest);
  SessionPointer session = openSession(other.path, options);
  auto got = runGrid(session.get(), other.path, "grid_8", x);
  EXPECT_EQ(expected[0].data, got[0].data);
  EXPECT_EQ(expected[1].data, got[1].data);
}

TEST_F(InvarianceTest, StatisticsDoNotDependOnThreads) {
  json texts[2];
  for (int t = 0; t < 2; ++t) {
    SessionPointer session =
        openSession(folder.path, {{"threads", 1 + 2 * t}, {"compare_ideal", true}});
    runGrid(session.get(), folder.path, "grid_300", randomMatrix(300, 150, 7));
    texts[t] = statisticsOf(session.get())["grids"];
    for (json &grid : texts[t])
      grid.erase("seconds");
  }
  EXPECT_EQ(texts[0], texts[1]);
}
