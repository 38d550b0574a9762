//===- Actor.cpp - a thread's calls of the C API --------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Actor.h"

#include "aimc/files/Sha256.h"

#include <cstring>

namespace aimc::test {

using nlohmann::json;

namespace {
// What an actor keeps open at once, so that memory stays small.
constexpr size_t kMostPackages = 3, kMostSessions = 4, kMostTiles = 2, kMostChips = 3;

const json kSessionOptions[] = {
    json::object(),
    {{"ideal", true}},
    {{"compare_ideal", true}},
    {{"record", true}},
    {{"compare_exact", 2}},
    {{"effects", {{"read_noise", false}}}},
    {{"time_s", 3600}, {"drift_compensation", "column"}},
    {{"scale", "max"}, {"compensate", "gain"}},
    {{"target", {{"dac", {{"mode", "bit_serial"}}}}}},
    {{"sede", 1}}, // refused
};

template <class T> std::string bytesOf(const std::vector<T> &values) {
  return {reinterpret_cast<const char *>(values.data()), values.size() * sizeof(T)};
}

/// What identifies a file's content; nothing where there is none.
std::string hashOf(const std::string &path) {
  const std::string content = readFile(path);
  return files::sha256Hex(reinterpret_cast<const std::byte *>(content.data()), content.size())
      .value_or("");
}
} // namespace

Actor::Actor(const Stage &stage, Shared &shared, uint32_t seed, std::string folder, int mostThreads)
    : stage(stage), shared(shared), dice(seed), threadDice(seed + 1), folder(std::move(folder)),
      mostThreads(mostThreads) {}

Actor::~Actor() {
  for (const OpenPackage &package : packages)
    aimc_package_close(package.handle);
  for (const OpenSession &session : sessions)
    aimc_session_destroy(session.handle);
  for (const OpenTile &tile : tiles)
    aimc_tile_destroy(tile.handle);
}

int Actor::threads() {
  return 1 + static_cast<int>(threadDice.roll(static_cast<size_t>(mostThreads)));
}

/// Messages name files; where an actor saves them is none of the others' business.
void Actor::note(Outcome outcome) {
  if (outcome.status != AIMC_OK)
    for (size_t at; (at = outcome.result.find(folder)) != std::string::npos;)
      outcome.result.replace(at, folder.size(), "(folder)");
  log.push_back(std::move(outcome));
}

template <class T> T Actor::takeOne(std::vector<T> &list) {
  const auto at = list.begin() + dice.roll(list.size());
  T taken = *at;
  list.erase(at);
  return taken;
}

void Actor::act() {
  const uint32_t what = dice.roll(20);
  if (what < 4)
    return shared.use(dice);
  if (packages.empty() || (what == 4 && packages.size() < kMostPackages))
    return openPackage();
  if (sessions.empty() || (what < 7 && sessions.size() < kMostSessions))
    return createSession();
  if (what == 7)
    return closePackage();
  if (what == 8)
    return destroySession();
  if (what == 9 && !chips.empty())
    return resumeChip();
  if (what == 10 && tiles.size() < kMostTiles)
    return createTile();
  if (what == 11 && !tiles.empty())
    return destroyTile();
  if (what < 14 && !tiles.empty())
    return useTile(tiles[dice.roll(tiles.size())]);
  useSession(sessions[dice.roll(sessions.size())]);
}

void Actor::openPackage() {
  const size_t which = dice.roll(stage.packages.size());
  aimc_package *package = nullptr;
  const aimc_status status = aimc_package_open(stage.packages[which].path.c_str(), &package);
  note(outcomeOf("open package " + std::to_string(which), status));
  if (package)
    packages.push_back({package, which});
}

void Actor::closePackage() {
  const OpenPackage closed = takeOne(packages);
  aimc_package_close(closed.handle);
  char *text = nullptr;
  note(outcomeOf("manifest of a closed package", aimc_package_manifest(closed.handle, &text)));
}

void Actor::createSession() {
  json options = kSessionOptions[dice.roll(std::size(kSessionOptions))];
  if (!options.contains("sede"))
    options["seed"] = dice.roll(5);
  createSession(packages[dice.roll(packages.size())], options);
}

void Actor::createSession(const OpenPackage &package, json options) {
  const std::string call =
      "create session of package " + std::to_string(package.which) + " with " + options.dump();
  options["threads"] = threads();
  aimc_session *session = nullptr;
  const aimc_status status = aimc_session_create(package.handle, options.dump().c_str(), &session);
  note(outcomeOf(options.contains("chip") ? "resume a chip" : call, status));
  if (session)
    sessions.push_back({session, package.which});
}

void Actor::useSession(OpenSession &session) {
  const json &entries = stage.packages[session.which].entries;
  const uint32_t what = dice.roll(10), seed = dice.roll(1000);
  const json &entry = entries[dice.roll(entries.size())];
  if (what == 0)
    return note(textOf("session statistics",
                       [&](char **text) { return aimc_session_statistics(session.handle, text); }));
  if (what == 1)
    return note(textOf("session warnings",
                       [&](char **text) { return aimc_session_warnings(session.handle, text); }));
  if (what == 2)
    return note(outcomeOf("age session", aimc_session_age(session.handle, seed)));
  if (what == 3)
    return saveChip(session);
  if (what == 4)
    return note(outcomeOf("reset session", aimc_session_reset(session.handle)));
  if (what == 5) {
    const std::string path = folder + "/record.safetensors";
    const aimc_status status = aimc_session_save_record(session.handle, path.c_str());
    return note(outcomeOf("save record", status, status == AIMC_OK ? hashOf(path) : ""));
  }
  if (what == 6)
    return note(outcomeOf("run without inputs", aimc_session_run(session.handle, entry["index"],
                                                                 nullptr, 0, nullptr, 0)));
  note(runEntry(session.handle, entry, seed));
}

void Actor::saveChip(const OpenSession &session) {
  const size_t number = chips.size() < kMostChips ? chips.size() : dice.roll(kMostChips);
  const std::string path = folder + "/chip" + std::to_string(number) + ".safetensors";
  const aimc_status status = aimc_session_save_chip(session.handle, path.c_str());
  note(outcomeOf("save chip", status, status == AIMC_OK ? hashOf(path) : ""));
  if (status != AIMC_OK)
    return;
  if (number == chips.size())
    chips.push_back(session.which);
  chips[number] = session.which;
}

void Actor::resumeChip() {
  const size_t number = dice.roll(chips.size());
  const OpenPackage &package = packages[dice.roll(packages.size())];
  if (sessions.size() == kMostSessions)
    destroySession();
  createSession(package, {{"chip", folder + "/chip" + std::to_string(number) + ".safetensors"}});
}

void Actor::destroySession() {
  const OpenSession closed = takeOne(sessions);
  aimc_session_destroy(closed.handle);
  note(outcomeOf("reset a closed session", aimc_session_reset(closed.handle)));
}

void Actor::createTile() {
  OpenTile tile{nullptr, 8 + dice.roll(40), 1 + dice.roll(40)};
  const json options = {{"seed", dice.roll(5)}, {"threads", threads()}};
  const json target = {{"wire", {{"idle", dice.roll(2) ? "open" : "midrail"}}}};
  const Matrix weights = randomMatrix(tile.rows, tile.cols, dice.roll(1000));
  const aimc_status status =
      aimc_tile_create(target.dump().c_str(), options.dump().c_str(), weights.data.data(),
                       tile.rows, tile.cols, &tile.handle);
  note(outcomeOf("create tile", status));
  if (tile.handle)
    tiles.push_back(tile);
}

void Actor::useTile(OpenTile &tile) {
  const uint32_t what = dice.roll(6), seed = dice.roll(1000);
  if (what == 0)
    return note(textOf("tile statistics",
                       [&](char **text) { return aimc_tile_statistics(tile.handle, text); }));
  if (what == 1)
    return note(textOf("tile warnings",
                       [&](char **text) { return aimc_tile_warnings(tile.handle, text); }));
  if (what == 2)
    return note(outcomeOf("age tile", aimc_tile_age(tile.handle, seed)));
  if (what == 3) {
    std::vector<double> plus(static_cast<size_t>(tile.rows * tile.cols));
    const aimc_status status =
        aimc_tile_array(tile.handle, "plus", plus.data(), static_cast<int64_t>(plus.size()));
    return note(outcomeOf("tile array", status, bytesOf(plus)));
  }
  const int64_t vectors = 1 + seed % 20;
  const Matrix x = randomMatrix(vectors, tile.rows, seed);
  std::vector<float> y(static_cast<size_t>(vectors * tile.cols));
  const aimc_status status = aimc_tile_read(tile.handle, x.data.data(), vectors, y.data());
  note(outcomeOf("read tile", status, bytesOf(y)));
}

void Actor::destroyTile() {
  const OpenTile closed = takeOne(tiles);
  aimc_tile_destroy(closed.handle);
  note(outcomeOf("reset a closed tile", aimc_tile_reset(closed.handle)));
}

} // namespace aimc::test
