//===- LifetimeTest.cpp - who lives how long, in which process ------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Handles that are closed early, twice or by another thread; packages that are replaced while they
// are opened; processes that fork. Oracles: the products of a package that nobody disturbed.
//
//===----------------------------------------------------------------------===//
#include "PackageBuilder.h"

#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace aimc::test;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {
const json kIdeal = {{"ideal", true}, {"threads", 2}};

class Lifetime : public ::testing::Test {
protected:
  void SetUp() override {
    for (uint32_t seed : {0u, 1u}) {
      PackageBuilder builder;
      builder.add("a", randomMatrix(70, 45, seed));
      builder.write(packages[seed]);
      expected[seed] =
          runGrid(openSession(packages[seed], kIdeal).get(), packages[seed], "grid_8", x)[0].data;
    }
    ASSERT_NE(expected[0], expected[1]);
  }

  /// The status that a call gives in which `go` returns when it should end.
  static aimc_status run(aimc_session *session, const Matrix &x, std::vector<float> &y,
                         int32_t entry) {
    int64_t in[2] = {x.rows, x.cols}, out[2] = {x.rows, 45};
    y.resize(size_t(x.rows) * 45);
    aimc_tensor input{"x", AIMC_F32, 2, in, const_cast<float *>(x.data.data())},
        output{"y0", AIMC_F32, 2, out, y.data()};
    return aimc_session_run(session, entry, &input, 1, &output, 1);
  }
  /// The number of the entry with so many rows; entries are in the order of their names.
  int32_t entryOf(const std::string &symbol) const {
    const json manifest = json::parse(readFile(packages[0] + "/manifest.json"));
    int32_t number = 0;
    while (manifest["entries"][size_t(number)]["symbol"] != symbol)
      ++number;
    return number;
  }

  TemporaryFolder folder;
  const std::string packages[2] = {folder.path + "/a.aimc", folder.path + "/b.aimc"};
  const Matrix x = randomMatrix(8, 70, 7);
  std::vector<float> expected[2];
};

/// What a forked child says: 0 when `body` returned true, 1 when false, negative: its signal.
template <class F> int inChild(F &&body) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(20); // a child that hangs is a failure, not a test that never ends
    ::_exit(body() ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

bool saysClosed() { return std::strstr(aimc_last_error(), "but got one that is closed"); }
} // namespace

TEST_F(Lifetime, AClosedHandleIsAnErrorAndNeverComesBack) {
  aimc_package *package = nullptr, *other = nullptr;
  ASSERT_EQ(aimc_package_open(packages[0].c_str(), &package), AIMC_OK);
  aimc_session *session = nullptr, *next = nullptr;
  ASSERT_EQ(aimc_session_create(package, nullptr, &session), AIMC_OK);
  aimc_package_close(package);
  aimc_package_close(package);
  char *text = nullptr;
  EXPECT_EQ(aimc_package_manifest(package, &text), AIMC_INVALID_ARGUMENT);
  EXPECT_TRUE(saysClosed()) << aimc_last_error();
  EXPECT_EQ(text, nullptr);
  EXPECT_EQ(aimc_session_create(package, nullptr, &next), AIMC_INVALID_ARGUMENT);
  EXPECT_EQ(next, nullptr);
  EXPECT_EQ(aimc_session_reset(session), AIMC_OK) << "a session keeps what it needs";
  aimc_session_destroy(session);
  aimc_session_destroy(session);
  EXPECT_EQ(aimc_session_reset(session), AIMC_INVALID_ARGUMENT);
  EXPECT_STREQ(aimc_last_error(), "session: expected an open session, but got one that is closed");
  // What is opened next may lie where the closed one lay.
  ASSERT_EQ(aimc_package_open(packages[0].c_str(), &other), AIMC_OK);
  ASSERT_EQ(aimc_session_create(other, nullptr, &next), AIMC_OK);
  EXPECT_NE(next, session);
  EXPECT_EQ(aimc_session_reset(session), AIMC_INVALID_ARGUMENT);
  aimc_session_destroy(session);
  EXPECT_EQ(aimc_session_reset(next), AIMC_OK);
  // A handle of another kind, and no handle at all.
  EXPECT_EQ(aimc_session_reset(reinterpret_cast<aimc_session *>(other)), AIMC_INVALID_ARGUMENT);
  EXPECT_STREQ(aimc_last_error(),
               "session: expected an open session, but got none of this library");
  aimc_session_destroy(next);
  aimc_package_close(other);
}

TEST_F(Lifetime, ASuccessAndACloseLeaveTheLastErrorAlone) {
  aimc_package *package = nullptr, *absent = nullptr;
  ASSERT_EQ(aimc_package_open(packages[0].c_str(), &package), AIMC_OK);
  ASSERT_EQ(aimc_package_open("/absent/here", &absent), AIMC_BAD_PACKAGE);
  const char *before = aimc_last_error();
  char *text = nullptr;
  ASSERT_EQ(aimc_package_manifest(package, &text), AIMC_OK);
  aimc_text_free(text);
  aimc_package_close(package);
  EXPECT_EQ(aimc_last_error(), before);
  EXPECT_NE(std::strstr(before, "/absent/here"), nullptr);
}

TEST_F(Lifetime, ClosingLetsARunEndWhoeverCloses) {
  const int32_t entry = entryOf("grid_300");
  const Matrix rows = randomMatrix(300, 70, 9);
  std::vector<float> whole;
  ASSERT_EQ(run(openSession(packages[0], kIdeal).get(), rows, whole, entry), AIMC_OK);
  for (int round = 0; round < 30; ++round) {
    aimc_session *session = openSession(packages[0], kIdeal).release();
    std::atomic<bool> started{false};
    std::thread runner([&] {
      std::vector<float> y;
      while (run(session, rows, y, entry) == AIMC_OK) {
        EXPECT_EQ(y, whole);
        started = true;
      }
      EXPECT_TRUE(saysClosed()) << aimc_last_error();
    });
    while (!started)
      std::this_thread::yield();
    std::vector<std::thread> closers;
    for (int i = 0; i < 4; ++i)
      closers.emplace_back([&] { aimc_session_destroy(session); });
    for (std::thread &closer : closers)
      closer.join();
    runner.join();
  }
}

TEST_F(Lifetime, TextBelongsToWhoeverAskedForIt) {
  SessionPointer session = openSession(packages[0], {{"threads", 1}});
  std::vector<float> y;
  ASSERT_EQ(run(session.get(), x, y, entryOf("grid_8")), AIMC_OK);
  const float weight = 1;
  aimc_tile *tile = nullptr;
  ASSERT_EQ(aimc_tile_create(nullptr, nullptr, &weight, 1, 1, &tile), AIMC_OK);
  char *kept = nullptr;
  ASSERT_EQ(aimc_session_statistics(session.get(), &kept), AIMC_OK);
  const std::string before = kept;
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i)
    callers.emplace_back([&] {
      for (int round = 0; round < 200; ++round) {
        char *texts[4] = {};
        EXPECT_EQ(aimc_session_statistics(session.get(), &texts[0]), AIMC_OK);
        EXPECT_EQ(aimc_session_warnings(session.get(), &texts[1]), AIMC_OK);
        EXPECT_EQ(aimc_tile_statistics(tile, &texts[2]), AIMC_OK);
        EXPECT_EQ(aimc_tile_warnings(tile, &texts[3]), AIMC_OK);
        for (char *text : texts) {
          EXPECT_TRUE(json::accept(std::string(text)));
          aimc_text_free(text);
        }
      }
    });
  for (std::thread &caller : callers)
    caller.join();
  session.reset();
  aimc_tile_destroy(tile);
  EXPECT_EQ(before, kept) << "also when the session is gone";
  aimc_text_free(kept);
}

TEST_F(Lifetime, OneTileTakesCallsOfManyThreads) {
  std::vector<float> weights = randomMatrix(16, 8, 1).data, once(8), all(8);
  const Matrix in = randomMatrix(1, 16, 2);
  aimc_tile *tile = nullptr;
  ASSERT_EQ(aimc_tile_create(nullptr, R"({"effects": {"read_noise": false}})", weights.data(), 16,
                             8, &tile),
            AIMC_OK);
  ASSERT_EQ(aimc_tile_read(tile, in.data.data(), 1, once.data()), AIMC_OK);
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i)
    callers.emplace_back([&] {
      std::vector<float> y(8);
      for (int round = 0; round < 200; ++round) {
        ASSERT_EQ(aimc_tile_read(tile, in.data.data(), 1, y.data()), AIMC_OK);
        EXPECT_EQ(y, once);
      }
    });
  for (std::thread &caller : callers)
    caller.join();
  char *text = nullptr;
  ASSERT_EQ(aimc_tile_statistics(tile, &text), AIMC_OK);
  EXPECT_EQ(json::parse(TextPointer(text).get())["read"]["rows"], 801);
  aimc_tile_destroy(tile);
}

TEST_F(Lifetime, APackageIsReadFromOneFolder) {
  // The name goes back and forth between two packages; each opening sees one of them, whole.
  const std::string name = folder.path + "/served.aimc", spare = folder.path + "/spare.aimc";
  fs::copy(packages[0], name);
  fs::copy(packages[1], spare);
  std::atomic<bool> stop{false};
  std::thread swapper([&] {
    while (!stop)
      ASSERT_EQ(::renameat2(AT_FDCWD, spare.c_str(), AT_FDCWD, name.c_str(), RENAME_EXCHANGE), 0);
  });
  const int32_t entry = entryOf("grid_8");
  int counts[2] = {};
  for (int round = 0; round < 100; ++round) {
    SessionPointer session = openSession(name, kIdeal);
    if (!session)
      break;
    std::vector<float> y;
    EXPECT_EQ(run(session.get(), x, y, entry), AIMC_OK);
    const bool second = y == expected[1];
    EXPECT_TRUE(second || y == expected[0]);
    ++counts[second];
  }
  stop = true;
  swapper.join();
  EXPECT_GT(counts[0], 0);
  EXPECT_GT(counts[1], 0);
}

TEST_F(Lifetime, APackageThatIsReplacedAndRemovedIsOpenedAnew) {
  const std::string name = folder.path + "/served.aimc", spare = folder.path + "/spare.aimc";
  fs::copy(packages[0], name);
  std::atomic<bool> stop{false};
  std::atomic<int> openings{0};
  // Fewer times than one opening tries again, however slow the opening is.
  constexpr int kSwapsOfOneOpening = 8;
  std::thread compiler([&] {
    for (int swaps = 0, opening = 0, last = 0; !stop; opening = openings) {
      swaps = opening == last ? swaps : 0;
      last = opening;
      if (swaps == kSwapsOfOneOpening) {
        std::this_thread::yield();
        continue;
      }
      fs::copy(packages[++swaps % 2], spare);
      ASSERT_EQ(::renameat2(AT_FDCWD, spare.c_str(), AT_FDCWD, name.c_str(), RENAME_EXCHANGE), 0);
      fs::remove_all(spare);
    }
  });
  const int32_t entry = entryOf("grid_8");
  for (int round = 0; round < 100; ++round) {
    SessionPointer session = openSession(name, kIdeal);
    if (!session)
      break;
    ++openings;
    std::vector<float> y;
    EXPECT_EQ(run(session.get(), x, y, entry), AIMC_OK);
    EXPECT_TRUE(y == expected[0] || y == expected[1]);
  }
  stop = true;
  compiler.join();
}

TEST_F(Lifetime, CodeIsWhatItWasWhenItWasChecked) {
  // Also when its file is written over in place, which no program of ours does.
  const std::string code = packages[0] + "/model.so";
  SessionPointer session = openSession(packages[0], kIdeal);
  ASSERT_TRUE(session);
  fs::resize_file(code, 0);
  std::vector<float> y;
  EXPECT_EQ(run(session.get(), x, y, entryOf("grid_8")), AIMC_OK);
  EXPECT_EQ(y, expected[0]);
}

TEST_F(Lifetime, PackagesOpenWhereMemoryHasNoFiles) {
  // What a sandbox may forbid: memfd_create.
  EXPECT_EQ(inChild([&] {
              sock_filter program[] = {
                  BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_memfd_create, 0, 1),
                  BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (EPERM & SECCOMP_RET_DATA)),
                  BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
              sock_fprog filter{std::size(program), program};
              if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
                  ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0 ||
                  ::syscall(SYS_memfd_create, "none", 0) >= 0)
                return false;
              for (int i : {0, 1}) {
                SessionPointer session = openSession(packages[i], kIdeal);
                std::vector<float> y;
                if (!session || run(session.get(), x, y, entryOf("grid_8")) != AIMC_OK ||
                    y != expected[i])
                  return false;
              }
              return true;
            }),
            0);
}

TEST_F(Lifetime, AnIdleSessionGoesOnInAChild) {
  const int32_t entry = entryOf("grid_8");
  SessionPointer session = openSession(packages[0], {{"seed", 3}, {"threads", 3}}),
                 twin = openSession(packages[0], {{"seed", 3}, {"threads", 3}});
  std::vector<float> first, second, again;
  ASSERT_EQ(run(session.get(), x, first, entry), AIMC_OK);
  ASSERT_EQ(run(twin.get(), x, again, entry), AIMC_OK);
  ASSERT_EQ(run(twin.get(), x, again, entry), AIMC_OK);
  auto next = [&] {
    std::vector<float> y;
    return run(session.get(), x, y, entry) == AIMC_OK && y == again &&
           statisticsOf(session.get())["threads"] == 3;
  };
  EXPECT_EQ(inChild([&] {
              // A child of the child is one generation on.
              return inChild(next) == 0 && next();
            }),
            0);
  EXPECT_TRUE(next()) << "the parent's session knows nothing of it";
}

TEST_F(Lifetime, AChildIsToldOfACallThatNeverEnds) {
  const int32_t entry = entryOf("grid_4000");
  const Matrix rows = randomMatrix(4000, 70, 9);
  SessionPointer busy = openSession(packages[0], {{"threads", 2}}),
                 idle = openSession(packages[1], kIdeal);
  std::atomic<bool> stop{false}, started{false};
  std::thread runner([&] {
    std::vector<float> y;
    while (!stop) {
      EXPECT_EQ(run(busy.get(), rows, y, entry), AIMC_OK);
      started = true;
    }
  });
  while (!started)
    std::this_thread::yield();
  const int32_t small = entryOf("grid_8");
  int refused = 0;
  for (int round = 0; round < 20; ++round) {
    const int said = inChild([&] {
      std::vector<float> y;
      const aimc_status status = run(busy.get(), rows, y, entry);
      const bool told =
          status == AIMC_INVALID_ARGUMENT &&
          std::strstr(aimc_last_error(), "session: expected no call in another thread when this "
                                         "process was forked");
      if (status != AIMC_OK && !told)
        return false;
      if (told) { // in every call, and it can be closed
        char *text = nullptr;
        if (aimc_session_statistics(busy.get(), &text) == AIMC_OK ||
            aimc_session_reset(busy.get()) == AIMC_OK || aimc_session_age(busy.get(), 1) == AIMC_OK)
          return false;
        aimc_session_destroy(busy.get());
      }
      // Other sessions and new ones are as good as ever.
      SessionPointer fresh = openSession(packages[0], kIdeal);
      if (run(idle.get(), x, y, small) != AIMC_OK || y != expected[1] ||
          run(fresh.get(), x, y, small) != AIMC_OK || y != expected[0])
        return false;
      ::_exit(told ? 7 : 0);
    });
    EXPECT_TRUE(said == 0 || said == 7) << said;
    refused += said == 7;
  }
  stop = true;
  runner.join();
  EXPECT_GT(refused, 0);
  std::vector<float> y;
  EXPECT_EQ(run(busy.get(), rows, y, entry), AIMC_OK) << "the parent's session is as it was";
}

// The thread sanitizer takes the child's threads for those that the parent had. The address
// sanitizer's allocator has locks that GCC 12's does not hold over a fork: the child waits for ever
// for one that another thread had.
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
TEST_F(Lifetime, ForksWhileOthersOpenAndClose) {
  // The loader's lists, the table of handles and the hash are free and whole in the child.
  std::atomic<bool> stop{false};
  std::vector<std::thread> others;
  for (int i : {0, 1})
    others.emplace_back([&, i] {
      while (!stop)
        openSession(packages[i], kIdeal);
    });
  const int32_t entry = entryOf("grid_8");
  for (int round = 0; round < 30; ++round)
    EXPECT_EQ(inChild([&] {
                SessionPointer session = openSession(packages[round % 2], kIdeal);
                std::vector<float> y;
                return session && run(session.get(), x, y, entry) == AIMC_OK &&
                       y == expected[round % 2];
              }),
              0);
  stop = true;
  for (std::thread &other : others)
    other.join();
}
#endif
