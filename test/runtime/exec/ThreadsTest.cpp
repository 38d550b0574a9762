//===- ThreadsTest.cpp - the thread pool ----------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/exec/Threads.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <gtest/gtest.h>
#include <stdexcept>
#include <thread>
#include <vector>

using aimc::exec::Threads;

TEST(Threads, EveryIndexRunsOnce) {
  for (int count : {1, 2, 5}) {
    Threads threads(count);
    EXPECT_EQ(threads.count(), count);
    for (int64_t n : {0, 1, 2, 3, 7, 64, 1000, 12345}) {
      std::vector<std::atomic<int>> hits(static_cast<size_t>(n));
      threads.parallelFor(n, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i)
          hits[size_t(i)].fetch_add(1);
      });
      EXPECT_TRUE(std::all_of(hits.begin(), hits.end(), [](auto &h) { return h == 1; })) << n;
    }
  }
}

TEST(Threads, ManyShortLoopsBackToBack) {
  // Loops that follow each other before a late worker has looked: no chunk may be lost or run with
  // the fields of another loop.
  Threads threads(4);
  for (int64_t round = 1; round <= 20000; ++round) {
    int64_t n = 2 + round % 13;
    std::atomic<int64_t> sum{0};
    threads.parallelFor(n, [&, round](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        sum.fetch_add(round * 100 + i);
    });
    ASSERT_EQ(sum, n * round * 100 + n * (n - 1) / 2);
  }
}

TEST(Threads, SleepingWorkersWakeUp) {
  Threads threads(3);
  for (int round = 0; round < 5; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(3)); // longer than they spin
    std::atomic<int64_t> sum{0};
    threads.parallelFor(100, [&](int64_t begin, int64_t end) { sum.fetch_add(end - begin); });
    EXPECT_EQ(sum, 100);
  }
}

TEST(Threads, ALoopInsideALoopRunsInline) {
  Threads threads(3);
  std::atomic<int64_t> sum{0};
  std::atomic<bool> inside{true};
  threads.parallelFor(30, [&](int64_t begin, int64_t end) {
    inside = inside && Threads::insideLoop();
    for (int64_t i = begin; i < end; ++i)
      threads.parallelFor(10, [&](int64_t b, int64_t e) { sum.fetch_add(e - b); });
  });
  EXPECT_EQ(sum, 300);
  EXPECT_TRUE(inside);
  EXPECT_FALSE(Threads::insideLoop());
}

TEST(Threads, AnExceptionReachesTheCallerAndThePoolGoesOn) {
  Threads threads(3);
  EXPECT_THROW(threads.parallelFor(50,
                                   [&](int64_t begin, int64_t end) {
                                     if (begin <= 25 && 25 < end)
                                       throw std::runtime_error("at 25");
                                   }),
               std::runtime_error);
  std::atomic<int64_t> sum{0};
  threads.parallelFor(50, [&](int64_t begin, int64_t end) { sum.fetch_add(end - begin); });
  EXPECT_EQ(sum, 50);
}
