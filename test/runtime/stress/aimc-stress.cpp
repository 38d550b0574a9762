//===- aimc-stress.cpp - parallel sessions against the serial one ---------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Actors call the C API from threads of their own, each in an order of its own. First one after
// the other with one thread a session, then all at once with threads in each: every result, message
// and saved file must be the same. Made for the thread and address sanitizers, which see what a
// right result can hide.
//
//===----------------------------------------------------------------------===//
#include "Actor.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <latch>
#include <thread>

using namespace aimc::test;
namespace fs = std::filesystem;

namespace {
struct Settings {
  uint32_t seed = 1;
  int rounds = 1, actors = 4, calls = 120, threads = 3;
};

std::string folderOf(const std::string &root, const char *pass, int actor) {
  std::string folder = root + "/" + pass + std::to_string(actor);
  fs::create_directories(folder);
  return folder;
}

uint32_t seedOf(const Settings &settings, int round, int actor) {
  return settings.seed + 1000003u * static_cast<uint32_t>(round) +
         101u * static_cast<uint32_t>(actor);
}

/// Where two runs of one actor part; empty where they do not.
std::string difference(const std::vector<Outcome> &serial, const std::vector<Outcome> &parallel) {
  for (size_t i = 0; i < serial.size() && i < parallel.size(); ++i) {
    if (serial[i] == parallel[i])
      continue;
    auto text = [](const Outcome &o) {
      return o.call + ": status " + std::to_string(o.status) +
             (o.status == AIMC_OK ? ", " + std::to_string(o.result.size()) + " bytes"
                                  : ": " + o.result);
    };
    return "call " + std::to_string(i + 1) + ": expected as alone " + text(serial[i]) +
           ", but got " + text(parallel[i]) +
           (serial[i].result != parallel[i].result ? " that differ" : "");
  }
  return serial.size() == parallel.size() ? "" : "expected as many calls as alone";
}

/// Prints what went wrong; whether nothing did.
bool play(const Settings &settings, int round) {
  const TemporaryFolder root;
  const Stage stage(root.path);
  std::vector<std::vector<Outcome>> serial, parallel(static_cast<size_t>(settings.actors));
  std::string wrong;
  {
    Shared shared(stage);
    for (int a = 0; a < settings.actors; ++a) {
      Actor actor(stage, shared, seedOf(settings, round, a), folderOf(root.path, "serial", a), 1);
      for (int call = 0; call < settings.calls; ++call)
        actor.act();
      serial.push_back(actor.outcomes());
    }
    wrong = shared.faults();
  }
  Shared shared(stage);
  std::latch start(settings.actors);
  std::vector<std::thread> threads;
  for (int a = 0; a < settings.actors; ++a)
    threads.emplace_back([&, a] {
      Actor actor(stage, shared, seedOf(settings, round, a), folderOf(root.path, "parallel", a),
                  settings.threads);
      start.arrive_and_wait();
      for (int call = 0; call < settings.calls; ++call)
        actor.act();
      parallel[static_cast<size_t>(a)] = actor.outcomes();
    });
  for (std::thread &thread : threads)
    thread.join();
  if (wrong.empty())
    wrong = shared.faults();
  size_t own = 0, refused = 0;
  for (size_t a = 0; a < serial.size(); ++a) {
    if (const std::string parts = difference(serial[a], parallel[a]);
        wrong.empty() && !parts.empty())
      wrong = "actor " + std::to_string(a) + ", " + parts;
    own += serial[a].size();
    for (const Outcome &outcome : serial[a])
      refused += outcome.status != AIMC_OK;
  }
  std::printf("seed %u, round %d: %d actors, %zu calls of their own (%zu refused), %lld on shared "
              "handles (%lld closed by others): %s\n",
              settings.seed, round, settings.actors, own, refused,
              static_cast<long long>(shared.calls()), static_cast<long long>(shared.closed()),
              wrong.empty() ? "as alone" : wrong.c_str());
  return wrong.empty();
}
} // namespace

int main(int argc, char **argv) {
  Settings settings;
  CLI::App app("Parallel sessions against the same calls one after the other.");
  app.add_option("--seed", settings.seed, "order of calls")->capture_default_str();
  app.add_option("--rounds", settings.rounds, "orders to play")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  app.add_option("--actors", settings.actors, "threads that call")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  app.add_option("--calls", settings.calls, "calls of each actor")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  app.add_option("--threads", settings.threads, "most threads of a session")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  bool good = true;
  for (int round = 0; round < settings.rounds; ++round)
    good = play(settings, round) && good;
  return good ? 0 : 1;
}
