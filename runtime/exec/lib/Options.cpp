//===- Options.cpp - what a session is asked to do ------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/exec/Options.h"

#include <limits>

namespace aimc::exec {

using nlohmann::json;

namespace {
constexpr int kMaxThreads = 1024;
constexpr double kMaxTimeS = 1e12;

void readEffects(const JsonObject &root, Effects &effects) {
  JsonObject object = root.object("effects");
  object.allow({"programming", "wire", "dac", "adc", "read_noise"});
  auto read = [&](const char *key, bool &effect) {
    if (object.has(key))
      effect = object.boolean(key);
  };
  read("programming", effects.programming);
  read("wire", effects.wire);
  read("dac", effects.dac);
  read("adc", effects.adc);
  read("read_noise", effects.readNoise);
}

/// Merged texts are read again as targets, so an override meets the same checks as a package.
void readTargets(const JsonObject &root, JsonReader &reader, const Manifest &manifest,
                 std::vector<Target> &targets) {
  if (root.has("targets")) {
    JsonObject named = root.object("targets");
    for (const std::string &name : named.keys()) {
      bool known = false;
      for (const Target &target : manifest.targets)
        known = known || target.name == name;
      if (!known)
        named.mistake("", "the package has no target named " + quote(name));
    }
  }
  for (size_t i = 0; i < manifest.targets.size() && !reader.failed(); ++i) {
    const std::string &name = manifest.targets[i].name;
    json merged = manifest.targetTexts[i];
    if (root.has("target"))
      merged = mergeTarget(merged, root.object("target"));
    if (root.has("targets") && root.object("targets").has(name))
      merged = mergeTarget(merged, root.object("targets").object(name));
    targets.push_back(readTarget(JsonObject(reader, &merged, "target"), name));
  }
}
} // namespace

Result<Options> Options::parse(const char *text, const Manifest &manifest) {
  Options options;
  options.targets = manifest.targets;
  if (!text || !*text)
    return options;
  auto parsed = parseJson(text, "session options", AIMC_INVALID_ARGUMENT);
  if (!parsed)
    return tl::unexpected(parsed.error());
  JsonReader reader("session options", AIMC_INVALID_ARGUMENT);
  JsonObject root = reader.root(*parsed);
  root.allow(
      {"seed", "threads", "ideal", "time_s", "effects", "target", "targets", "compare_ideal"});
  if (root.has("seed"))
    options.seed = root.unsignedInteger("seed");
  if (root.has("threads"))
    options.threads = static_cast<int>(root.integer("threads", 0, kMaxThreads));
  if (root.has("ideal"))
    options.ideal = root.boolean("ideal");
  if (root.has("compare_ideal"))
    options.compareIdeal = root.boolean("compare_ideal");
  if (root.has("time_s") && !root.isNull("time_s"))
    options.timeS = root.number("time_s", 0, kMaxTimeS);
  if (root.has("effects"))
    readEffects(root, options.effects);
  if (root.has("target") || root.has("targets")) {
    options.targets.clear();
    readTargets(root, reader, manifest, options.targets);
  }
  if (reader.failed())
    return reader.result();
  return options;
}

} // namespace aimc::exec
