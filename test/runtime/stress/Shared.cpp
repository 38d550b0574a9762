//===- Shared.cpp - handles that all actors use ---------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Shared.h"

#include <cstring>

namespace aimc::test {

using nlohmann::json;

Shared::Shared(const Stage &stage) : slots(stage.packages.size()) {
  for (size_t i = 0; i < slots.size(); ++i) {
    Slot &slot = slots[i];
    slot.path = stage.packages[i].path;
    slot.package = openPackage(slot);
    slot.session = createSession(slot, 1);
    slot.tile = createTile();
    std::vector<const json *> entries;
    for (const json &entry : stage.packages[i].entries)
      if (entry["symbol"].get<std::string>().starts_with("grid_") ||
          entry["symbol"].get<std::string>().starts_with("relu_"))
        entries.push_back(&entry);
    for (size_t r = 0; r < kRuns; ++r) {
      Run &run = slot.runs[r];
      run.entry = entries[r * entries.size() / kRuns];
      run.seed = static_cast<uint32_t>(r);
      run.expected = runEntry(slot.session, *run.entry, run.seed);
      went(run.expected.call, run.expected.status);
    }
    aimc_status status;
    slot.read = readTile(slot.tile, status);
    went("read tile", status);
  }
}

Shared::~Shared() {
  for (Slot &slot : slots) {
    aimc_package_close(slot.package);
    aimc_session_destroy(slot.session);
    aimc_tile_destroy(slot.tile);
  }
}

std::string Shared::faults() const {
  std::lock_guard lock(faultMutex);
  return faultText;
}

void Shared::fault(const std::string &text) {
  std::lock_guard lock(faultMutex);
  if (faultText.empty()) // the first says enough
    faultText = text;
}

bool Shared::went(const std::string &call, aimc_status status) {
  ++done;
  if (status == AIMC_OK)
    return true;
  if (status == AIMC_INVALID_ARGUMENT &&
      std::strstr(aimc_last_error(), "but got one that is closed"))
    ++foundClosed;
  else
    fault(call + ": " + aimc_last_error());
  return false;
}

aimc_package *Shared::openPackage(const Slot &slot) {
  aimc_package *package = nullptr;
  went("open package", aimc_package_open(slot.path.c_str(), &package));
  return package;
}

aimc_session *Shared::createSession(const Slot &slot, int threads) {
  const json options = {{"threads", threads}, {"effects", {{"read_noise", false}}}};
  aimc_session *session = nullptr;
  went("create session", aimc_session_create(slot.package, options.dump().c_str(), &session));
  return session;
}

aimc_tile *Shared::createTile() {
  aimc_tile *tile = nullptr;
  went("create tile",
       aimc_tile_create(nullptr, R"({"threads": 2, "effects": {"read_noise": false}})",
                        weights.data.data(), weights.rows, weights.cols, &tile));
  return tile;
}

std::string Shared::readTile(aimc_tile *tile, aimc_status &status) {
  std::vector<float> y(static_cast<size_t>(inputs.rows * weights.cols));
  status = aimc_tile_read(tile, inputs.data.data(), inputs.rows, y.data());
  return {reinterpret_cast<const char *>(y.data()), y.size() * sizeof(float)};
}

void Shared::use(Dice &dice) {
  Slot &slot = slots[dice.roll(slots.size())];
  const uint32_t what = dice.roll(16);
  const int threads = 1 + static_cast<int>(dice.roll(3));
  const Run &run = slot.runs[dice.roll(kRuns)];
  // A handle that is closed is also closed in who loads it now: it is replaced first.
  if (what == 0)
    return aimc_package_close(slot.package.exchange(openPackage(slot)));
  if (what < 3) {
    if (aimc_session *fresh = createSession(slot, threads))
      aimc_session_destroy(slot.session.exchange(fresh));
    return;
  }
  if (what == 3)
    return aimc_tile_destroy(slot.tile.exchange(createTile()));
  if (what == 4) {
    aimc_status status;
    const std::string read = readTile(slot.tile, status);
    if (went("read shared tile", status) && read != slot.read)
      fault("read shared tile: expected what it gave before, but got other numbers");
    return;
  }
  if (what < 7) {
    char *text = nullptr;
    const aimc_status status = what == 5 ? aimc_session_statistics(slot.session, &text)
                                         : aimc_tile_statistics(slot.tile, &text);
    const TextPointer owner(text);
    if (went("shared statistics", status) && !json::accept(text))
      fault("shared statistics: expected JSON, but got " + std::string(text));
    return;
  }
  if (what == 7) {
    went("reset shared session", aimc_session_reset(slot.session));
    return;
  }
  const Outcome got = runEntry(slot.session, *run.entry, run.seed);
  if (went(got.call, got.status) && got != run.expected)
    fault(got.call + " of " + slot.path + ": expected what it gave before, but got other numbers");
}

} // namespace aimc::test
