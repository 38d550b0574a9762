//===- Session.cpp - one chip instance and its runs -----------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/exec/Session.h"

#include "IndexCheck.h"

#include "aimc/exec/Arrays.h"
#include "aimc/exec/ChipFile.h"
#include "aimc/exec/Copy.h"
#include "aimc/exec/RecordFile.h"

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <new>
#include <nlohmann/json.hpp>
#include <sys/mman.h>

namespace aimc::exec {

namespace {
using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}
} // namespace

Session::Session(std::shared_ptr<const Package> package, Options options)
    : package(std::move(package)), options(std::move(options)), threads(this->options.threads),
      arenaMemory(nullptr, std::free) {}

Result<std::unique_ptr<Session>> Session::create(std::shared_ptr<const Package> package,
                                                 const char *optionsJson) {
  const Manifest &manifest = package->manifest();
  std::shared_ptr<const ChipFile> saved;
  if (const std::string path = Options::chipPath(optionsJson); !path.empty()) {
    auto file = ChipFile::open(path);
    if (!file)
      return tl::unexpected(file.error());
    if (auto fits = (*file)->checkFits(manifest); !fits)
      return tl::unexpected(fits.error());
    saved = std::move(*file);
  }
  auto options = saved ? Options::resume(optionsJson, saved->options(), manifest)
                       : Options::parse(optionsJson, manifest);
  if (!options)
    return tl::unexpected(options.error());
  auto start = Clock::now();
  std::unique_ptr<Session> session(new Session(std::move(package), std::move(*options)));
  for (const std::string &text : {session->package->exposure(), saved ? saved->exposure() : ""})
    if (!text.empty())
      session->exposures.push_back(text);
  auto chip =
      Chip::program(ChipSource(*session->package), session->options, saved, session->threads);
  if (!chip)
    return tl::unexpected(chip.error());
  session->chip = std::move(*chip);
  session->grids = std::make_unique<Grids>(session->package->manifest(), session->options,
                                           *session->chip, session->threads);
  if (saved)
    session->grids->startAfter(saved->counters());
  session->createSeconds = secondsSince(start);
  return session;
}

Result<void *> Session::arena(uint64_t bytes) {
  if (bytes <= arenaBytes)
    return arenaMemory.get();
  // Whole huge pages where it pays: the arena is touched from end to end in every run.
  constexpr uint64_t page = 2 << 20;
  uint64_t alignment = bytes >= page ? page : 64;
  uint64_t rounded = (bytes + alignment - 1) / alignment * alignment;
  arenaMemory.reset();
  arenaBytes = 0;
  void *memory = std::aligned_alloc(alignment, rounded);
  if (!memory)
    return fail(AIMC_INTERNAL,
                "not enough memory for an arena of " + std::to_string(bytes) + " bytes");
  if (bytes >= page)
    ::madvise(memory, rounded, MADV_HUGEPAGE);
  arenaMemory.reset(memory);
  arenaBytes = rounded;
  return memory;
}

Result<void> Session::run(int32_t entryIndex, const aimc_tensor *inputs, int32_t inputCount,
                          const aimc_tensor *outputs, int32_t outputCount) {
  const Manifest &manifest = package->manifest();
  if (entryIndex < 0 || static_cast<size_t>(entryIndex) >= manifest.entries.size())
    return fail(AIMC_INVALID_ARGUMENT, "entry: expected a number from 0 to " +
                                           std::to_string(manifest.entries.size() - 1) +
                                           ", but got " + std::to_string(entryIndex));
  const Entry &entry = manifest.entries[static_cast<size_t>(entryIndex)];
  auto in = matchArrays("input", entry.inputs, inputs, inputCount);
  if (!in)
    return tl::unexpected(in.error());
  auto out = matchArrays("output", entry.outputs, outputs, outputCount);
  if (!out)
    return tl::unexpected(out.error());
  for (size_t i = 0; i < entry.inputs.size(); ++i)
    if (auto valid = checkValues(entry.inputs[i], (*in)[i]); !valid)
      return valid;

  auto held = hold();
  if (!held)
    return tl::unexpected(held.error());
  auto memory = arena(entry.arenaBytes);
  if (!memory)
    return tl::unexpected(memory.error());
  static constexpr aimc_rt_table table = {&Session::rtDispatch, &Session::rtGrid, &Session::rtCopy,
                                          &Session::rtFail, &Session::rtCheckIndices};
  failureStatus = 0;
  aimc_frame frame{};
  frame.abi_version = AIMC_ABI_VERSION;
  frame.table_entries = sizeof(aimc_rt_table) / sizeof(void *);
  frame.rt = &table;
  frame.ctx = this;
  frame.inputs = in->data();
  frame.outputs = out->data();
  frame.constants = package->constants().data();
  frame.arena = *memory;
  auto start = Clock::now();
  int32_t status = package->entry(static_cast<size_t>(entryIndex))(&frame);
  lastRunSeconds = secondsSince(start);
  if (failureStatus != 0) {
    std::lock_guard guard(failureMutex);
    auto failure = static_cast<aimc_status>(failureStatus.load());
    // what is wrong with an argument is said in the caller's words alone
    return fail(failure, failure == AIMC_INVALID_ARGUMENT
                             ? failureText
                             : "entry " + quote(entry.symbol) + ": " + failureText);
  }
  if (status != 0)
    return fail(AIMC_RUN_FAILED,
                "entry " + quote(entry.symbol) + ": returned status " + std::to_string(status));
  ++runs;
  runSeconds += lastRunSeconds;
  return {};
}

Result<void> Session::reset() {
  auto held = hold();
  if (!held)
    return tl::unexpected(held.error());
  grids->reset();
  runs = 0;
  runSeconds = lastRunSeconds = 0;
  return {};
}

Result<void> Session::age(double seconds) {
  if (!(seconds >= 0 && seconds <= kMaxTimeS))
    return fail(AIMC_INVALID_ARGUMENT,
                "time_s: expected a number from 0 to 1e12, but got " + std::to_string(seconds));
  if (options.ideal)
    return fail(AIMC_INVALID_ARGUMENT, "expected a session with tiles, but this one is ideal");
  if (auto known = checkTime(options.targets, seconds); !known)
    return known;
  auto held = hold();
  if (!held)
    return tl::unexpected(held.error());
  options.timeS = seconds;
  options.given.insert("time_s");
  chip->rebuild(threads);
  grids->replan();
  return {};
}

Result<void> Session::saveChip(const std::string &path) {
  if (options.ideal)
    return fail(AIMC_INVALID_ARGUMENT, "expected a session with tiles, but this one is ideal");
  auto held = hold();
  if (!held)
    return tl::unexpected(held.error());
  return ChipFile::save(path, *chip, options, grids->reads());
}

Result<void> Session::saveRecord(const std::string &path) {
  if (!options.record)
    return fail(AIMC_INVALID_ARGUMENT, "expected a session with option \"record\", but this one "
                                       "collects no calibration statistics");
  auto held = hold();
  if (!held)
    return tl::unexpected(held.error());
  return exec::saveRecord(path, package->manifest(), grids->recorded());
}

Result<std::string> Session::statistics() {
  auto held = hold();
  if (!held)
    return tl::unexpected(held.error());
  nlohmann::json text;
  text["seed"] = options.seed;
  text["threads"] = threads.count();
  text["ideal"] = options.ideal;
  text["create_s"] = createSeconds;
  text["runs"] = {{"count", runs}, {"total_s", runSeconds}, {"last_s", lastRunSeconds}};
  text["chip"] = chip->statistics();
  text["grids"] = grids->statistics();
  text["warnings"] = allWarnings();
  return text.dump();
}

Result<std::string> Session::warnings() {
  auto held = hold();
  if (!held)
    return tl::unexpected(held.error());
  return allWarnings().dump();
}

nlohmann::json Session::allWarnings() const {
  nlohmann::json list = exposures;
  for (auto &text : grids->warnings())
    list.push_back(std::move(text));
  return list;
}

//===----------------------------------------------------------------------===//
// Called by compiled code
//===----------------------------------------------------------------------===//

void Session::recordFailure(aimc_status status, const char *what) noexcept {
  try {
    std::lock_guard lock(failureMutex);
    if (failureStatus != 0)
      return;
    failureText = what ? what : "failed without a reason";
    failureStatus = status;
  } catch (...) {
    failureStatus = AIMC_INTERNAL;
  }
}

/// Runs `body`; the status of the run so far, so that compiled code stops after a failure.
template <class F> int32_t Session::guarded(F &&body) noexcept {
  if (failureStatus != 0)
    return failureStatus;
  try {
    body();
  } catch (const std::bad_alloc &) {
    recordFailure(AIMC_INTERNAL, "not enough memory");
  } catch (const std::exception &error) {
    recordFailure(AIMC_INTERNAL, error.what());
  } catch (...) {
    recordFailure(AIMC_INTERNAL, "unknown exception");
  }
  return failureStatus;
}

int32_t Session::rtDispatch(void *ctx, aimc_kernel_fn kernel, void *const *args, int64_t tiles) {
  auto *self = static_cast<Session *>(ctx);
  return self->guarded([&] {
    self->threads.parallelFor(tiles, [&](int64_t begin, int64_t end) { kernel(args, begin, end); });
  });
}

int32_t Session::rtGrid(void *ctx, int32_t grid, int64_t rows, const float *x, float *const *y) {
  auto *self = static_cast<Session *>(ctx);
  return self->guarded([&] {
    if (grid < 0 || static_cast<size_t>(grid) >= self->package->manifest().grids.size() || rows < 0)
      self->recordFailure(AIMC_BAD_PACKAGE, "compiled code names a grid that the manifest lacks");
    else if (Threads::insideLoop())
      self->recordFailure(AIMC_BAD_PACKAGE, "compiled code calls a grid inside a dispatch");
    else
      self->grids->run(static_cast<size_t>(grid), rows, x, y);
  });
}

int32_t Session::rtCopy(void *ctx, void *dst, const int64_t *dstStrides, const void *src,
                        const int64_t *srcStrides, const int64_t *sizes, int32_t rank,
                        int32_t elementBytes) {
  auto *self = static_cast<Session *>(ctx);
  return self->guarded([&] {
    if (!stridedCopy(self->threads, dst, dstStrides, src, srcStrides, sizes, rank, elementBytes))
      self->recordFailure(AIMC_BAD_PACKAGE, "compiled code asks for a copy that has no meaning");
  });
}

void Session::rtFail(void *ctx, const char *what) {
  static_cast<Session *>(ctx)->recordFailure(AIMC_RUN_FAILED, what);
}

int32_t Session::rtCheckIndices(void *ctx, const char *what, const void *indices,
                                const int64_t *shape, int32_t rank, int32_t elementBytes,
                                const int64_t *sizes, int32_t width) {
  auto *self = static_cast<Session *>(ctx);
  return self->guarded([&] {
    auto valid = checkIndices(what, indices, shape, rank, elementBytes, sizes, width);
    if (!valid)
      self->recordFailure(valid.error().status, valid.error().message.c_str());
  });
}

} // namespace aimc::exec
