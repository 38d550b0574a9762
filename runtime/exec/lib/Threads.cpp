//===- Threads.cpp - the session's thread pool ----------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/exec/Threads.h"

#include "aimc/exec/Fork.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <exception>
#include <mutex>
#include <sched.h>
#include <thread>
#include <vector>

namespace aimc::exec {

namespace {
thread_local bool inLoop = false;

/// How long a worker looks for the next loop before it sleeps: longer than the serial stretches
/// of a model run, shorter than anyone else on the machine would notice. Eight times as long made
/// models on two threads 5% slower and single reads no faster.
constexpr std::chrono::microseconds kSpin{50};
constexpr int kChunksPerThread = 4;

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Spins until ready() or the time is over; says whether it became ready.
template <class F> bool spin(F ready) {
  auto end = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < 64; ++i) {
      if (ready())
        return true;
      pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  return ready();
}
} // namespace

int usableProcessors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0)
    return std::max(1, CPU_COUNT(&set));
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

bool Threads::insideLoop() { return inLoop; }

/// Workers and the loop that they are in.
struct Threads::Crew {
  explicit Crew(int count);
  ~Crew();
  int count() const { return static_cast<int>(workers.size()) + 1; }
  void run(int64_t n, Body body, void *context);

  // The ticket is {generation, next chunk}. A worker that looked at an old loop cannot take a
  // chunk of a new one, because its compare-and-swap carries the old generation. While the fields
  // of a new loop are written the ticket is closed: no chunk index is below chunk count.
  static constexpr uint64_t kClosed = 0xffffffffu;

  void work(uint64_t generation);
  void workerMain();
  void runChunk(Body body, void *context, int64_t begin, int64_t end) noexcept;

  const uint32_t born = forkGeneration();
  std::atomic<uint64_t> ticket{kClosed};
  std::atomic<Body> body{nullptr};
  std::atomic<void *> context{nullptr};
  std::atomic<int64_t> total{0};
  std::atomic<int64_t> chunks{0};
  std::atomic<int64_t> done{0};
  std::atomic<uint32_t> epoch{0};
  std::atomic<int> sleepers{0};
  std::atomic<bool> stopping{false};
  std::mutex failureMutex;
  std::exception_ptr failure;
  std::vector<std::thread> workers;
};

Threads::Threads(int count) : crew(std::make_unique<Crew>(count)) {}

Threads::~Threads() {
  // In a forked process the workers are not there to be waited for; what names them is left alone.
  if (crew->born != forkGeneration())
    static_cast<void>(crew.release());
}

int Threads::count() const { return crew->count(); }

Threads::Crew &Threads::here() {
  if (crew->born != forkGeneration()) {
    auto fresh = std::make_unique<Crew>(crew->count());
    static_cast<void>(crew.release());
    crew = std::move(fresh);
  }
  return *crew;
}

void Threads::parallelFor(int64_t n, Body run, void *argument) {
  if (n <= 0)
    return;
  if (n == 1 || inLoop || crew->workers.empty())
    run(argument, 0, n);
  else
    here().run(n, run, argument);
}

Threads::Crew::Crew(int count) {
  int wanted = count > 0 ? count : usableProcessors();
  workers.reserve(static_cast<size_t>(wanted) - 1);
  // Workers inherit the mask: the host program's signals are its own threads' business.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  for (int i = 1; i < wanted; ++i) {
    try {
      workers.emplace_back([this] { workerMain(); });
    } catch (const std::exception &) { // no thread or no memory for one
      break;                           // fewer threads only make it slower
    }
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Threads::Crew::~Crew() {
  stopping = true;
  epoch.fetch_add(1);
  epoch.notify_all();
  for (std::thread &worker : workers)
    worker.join();
}

void Threads::Crew::runChunk(Body run, void *argument, int64_t begin, int64_t end) noexcept {
  try {
    run(argument, begin, end);
  } catch (...) {
    std::lock_guard lock(failureMutex);
    if (!failure)
      failure = std::current_exception();
  }
}

void Threads::Crew::work(uint64_t generation) {
  uint64_t seen = ticket.load();
  while (seen >> 32 == generation) {
    Body run = body.load();
    void *argument = context.load();
    int64_t n = total.load(), parts = chunks.load();
    int64_t index = static_cast<int64_t>(seen & kClosed);
    if (index >= parts)
      return;
    if (!ticket.compare_exchange_weak(seen, seen + 1))
      continue;
    // floor(n index / parts) without overflow.
    int64_t whole = n / parts, rest = n % parts;
    auto start = [&](int64_t i) { return whole * i + std::min(i, rest); };
    runChunk(run, argument, start(index), start(index + 1));
    if (done.fetch_add(1) + 1 == parts)
      done.notify_one();
    seen = ticket.load();
  }
}

void Threads::Crew::workerMain() {
  inLoop = true;
  uint64_t finished = 0;
  while (true) {
    auto current = [&] { return ticket.load() >> 32; };
    uint32_t before = epoch.load();
    if (!spin([&] { return current() != finished || stopping; })) {
      sleepers.fetch_add(1);
      epoch.wait(before);
      sleepers.fetch_sub(1);
    }
    if (stopping)
      return;
    finished = current();
    work(finished);
  }
}

void Threads::Crew::run(int64_t n, Body run, void *argument) {
  uint64_t generation = ((ticket.load() >> 32) + 1) & 0xffffffffu;
  ticket.store(generation << 32 | kClosed);
  body.store(run);
  context.store(argument);
  total.store(n);
  int64_t parts = std::min<int64_t>(n, int64_t{count()} * kChunksPerThread);
  chunks.store(parts);
  done.store(0);
  ticket.store(generation << 32);
  epoch.fetch_add(1);
  if (sleepers.load() != 0)
    epoch.notify_all();

  inLoop = true;
  work(generation);
  inLoop = false;
  auto finished = [&] { return done.load() == parts; };
  if (!spin(finished))
    for (int64_t now = done.load(); now != parts; now = done.load())
      done.wait(now);
  if (failure) {
    std::exception_ptr thrown = std::move(failure);
    failure = nullptr;
    std::rethrow_exception(thrown);
  }
}

} // namespace aimc::exec
