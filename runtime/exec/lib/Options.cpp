//===- Options.cpp - what a session is asked to do ------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/exec/Options.h"

namespace aimc::exec {

using nlohmann::json;

namespace {
constexpr int kMaxThreads = 1024;
constexpr int64_t kMaxCompared = int64_t{1} << 30;
constexpr const char *kDriftCompensations[] = {"none", "tile", "column"};

/// A choice among texts; null is "as the package says".
template <class T>
void readChoice(const JsonObject &root, const char *key, std::optional<T> (*read)(std::string_view),
                const char *expected, std::optional<T> &choice) {
  if (!root.has(key))
    return;
  choice.reset();
  if (root.isNull(key))
    return;
  const std::string text = root.string(key);
  choice = read(text);
  if (!choice)
    root.mistake(key, std::string("expected ") + expected + ", but got " + quote(text));
}

void readDriftCompensation(const JsonObject &root, DriftCompensation &choice) {
  if (!root.has("drift_compensation"))
    return;
  const std::string text = root.string("drift_compensation");
  for (size_t i = 0; i < std::size(kDriftCompensations); ++i)
    if (text == kDriftCompensations[i]) {
      choice = static_cast<DriftCompensation>(i);
      return;
    }
  root.mistake("drift_compensation", "expected one of: none, tile, column, but got " + quote(text));
}

void checkTargetNames(const JsonObject &named, const Manifest &manifest) {
  for (const std::string &name : named.keys()) {
    bool known = false;
    for (const Target &target : manifest.targets)
      known = known || target.name == name;
    if (!known)
      named.mistake("", "the package has no target named " + quote(name));
  }
}

/// Merged texts are read again as targets, so an override meets the same checks as a package.
void mergeTargets(const JsonObject &root, JsonReader &reader, const Manifest &manifest,
                  Options &options) {
  if (root.has("targets"))
    checkTargetNames(root.object("targets"), manifest);
  for (size_t i = 0; i < manifest.targets.size() && !reader.failed(); ++i) {
    const std::string &name = manifest.targets[i].name;
    json &text = options.targetTexts[i];
    auto merge = [&](const JsonObject &overrides) {
      text = mergeTarget(text, overrides);
      if (overrides.has("adc") && overrides.object("adc").has("lsb_fc"))
        options.lsbGiven[i] = true;
      if (overrides.has("wire") && overrides.object("wire").has("fidelity"))
        options.given.insert("targets." + name + ".wire.fidelity");
    };
    if (root.has("target"))
      merge(root.object("target"));
    if (root.has("targets") && root.object("targets").has(name))
      merge(root.object("targets").object(name));
    options.targets[i] = readTarget(JsonObject(reader, &text, "target"), name);
  }
}

/// Notes what is asked for by name. A default that is spelt out asks for nothing, but an effect
/// that is: somebody expects it.
void noteGiven(const JsonObject &root, Options &options) {
  auto note = [&](const char *key, bool asks) {
    if (root.has(key) && asks)
      options.given.insert(key);
  };
  note("time_s", options.timeS.has_value());
  note("drift_compensation", options.driftCompensation != DriftCompensation::None);
  note("compensate",
       options.compensate.value_or(model::Compensate::None) != model::Compensate::None);
  note("scale", options.scale.has_value());
  note("compare_exact", options.compareExact > 0);
  note("compare_ideal", options.compareIdeal);
  if (root.has("effects"))
    for (const std::string &key : root.object("effects").keys())
      options.given.insert("effects." + key);
}

/// Options with nothing asked for.
Options defaults(const Manifest &manifest) {
  Options options;
  options.targets = manifest.targets;
  options.targetTexts = manifest.targetTexts;
  options.lsbGiven.assign(manifest.targets.size(), false);
  return options;
}

Result<Options> apply(Options options, const char *text, const Manifest &manifest,
                      const std::string &label) {
  if (!text || !*text)
    return options;
  auto parsed = parseJson(text, label, AIMC_INVALID_ARGUMENT);
  if (!parsed)
    return tl::unexpected(parsed.error());
  JsonReader reader(label, AIMC_INVALID_ARGUMENT);
  JsonObject root = reader.root(*parsed);
  root.allow({"seed", "threads", "ideal", "time_s", "effects", "target", "targets", "compare_ideal",
              "compensate", "scale", "drift_compensation", "chip", "record", "compare_exact"});
  if (root.has("seed"))
    options.seed = root.unsignedInteger("seed");
  if (root.has("threads"))
    options.threads = static_cast<int>(root.integer("threads", 0, kMaxThreads));
  if (root.has("ideal"))
    options.ideal = root.boolean("ideal");
  if (root.has("compare_ideal"))
    options.compareIdeal = root.boolean("compare_ideal");
  if (root.has("time_s")) {
    options.timeS.reset();
    if (!root.isNull("time_s"))
      options.timeS = root.number("time_s", 0, kMaxTimeS);
  }
  if (root.has("effects"))
    readEffects(root.object("effects"), options.effects);
  readChoice(root, "compensate", &model::parseCompensate,
             "one of: none, gain, weights, weights+pulses", options.compensate);
  readChoice(root, "scale", &model::parseScaleRule,
             "max, optimal or sigma:<q> with q from 0 to 100", options.scale);
  readDriftCompensation(root, options.driftCompensation);
  if (root.has("chip") && !root.isNull("chip"))
    options.chip = root.string("chip");
  if (root.has("record"))
    options.record = root.boolean("record");
  if (root.has("compare_exact"))
    options.compareExact = root.integer("compare_exact", 0, kMaxCompared);
  if (options.ideal && (options.record || !options.chip.empty()))
    root.mistake(options.record ? "record" : "chip",
                 "expected tiles, but \"ideal\" asks for a run without them");
  if (root.has("target") || root.has("targets"))
    mergeTargets(root, reader, manifest, options);
  if (reader.failed())
    return reader.result();
  noteGiven(root, options);
  if (options.timeS)
    if (auto known = checkTime(options.targets, *options.timeS); !known)
      return fail(AIMC_INVALID_ARGUMENT, label + ": " + known.error().message);
  return options;
}

/// The part of a target that a chip's devices were made by, as comparable text.
std::string shapingText(const json &target) {
  json shaping = {{"geometry", target["geometry"]}, {"device", target["device"]}};
  for (const char *key : {"read_noise_scale"})
    shaping["device"].erase(key);
  if (target["wire"].contains("spread"))
    shaping["wire_spread"] = target["wire"]["spread"];
  for (const char *key : {"gain_spread", "offset_spread_lsb", "calibrated"})
    if (target["adc"].contains(key))
      shaping[key] = target["adc"][key];
  return shaping.dump();
}

tl::unexpected<Error> shaped(const std::string &what, const std::string &before,
                             const std::string &after) {
  return fail(AIMC_INVALID_ARGUMENT, "session options: " + what +
                                         ": the chip was programmed with " + before + ", but got " +
                                         after + "; program another chip to change it");
}

std::string text(const std::optional<model::ScaleRule> &rule) {
  return rule ? scaleRuleText(*rule) : "what the package says";
}
std::string text(const std::optional<model::Compensate> &choice) {
  return choice ? compensateText(*choice) : "what the package says";
}
} // namespace

void readEffects(const JsonObject &object, Effects &effects) {
  object.allow({"programming", "wire", "dac", "adc", "read_noise", "variation"});
  auto read = [&](const char *key, bool &effect) {
    if (object.has(key))
      effect = object.boolean(key);
  };
  read("programming", effects.programming);
  read("wire", effects.wire);
  read("dac", effects.dac);
  read("adc", effects.adc);
  read("read_noise", effects.readNoise);
  read("variation", effects.variation);
}

Result<void> checkTime(const std::vector<Target> &targets, double seconds) {
  for (const Target &target : targets)
    if (auto wrong = model::checkTime(target.deviceModel(), seconds))
      return fail(AIMC_INVALID_ARGUMENT, "time_s: target " + quote(target.name) + ": " + *wrong);
  return {};
}

Result<Options> Options::parse(const char *text, const Manifest &manifest,
                               const std::string &label) {
  return apply(defaults(manifest), text, manifest, label);
}

Result<Options> Options::resume(const char *given, const json &saved, const Manifest &manifest) {
  JsonReader reader("chip", AIMC_INVALID_ARGUMENT);
  JsonObject root = reader.root(saved);
  Options before = defaults(manifest);
  before.seed = root.unsignedInteger("seed");
  if (!root.isNull("time_s"))
    before.timeS = root.number("time_s", 0, kMaxTimeS);
  readEffects(root.object("effects"), before.effects);
  readChoice(root, "compensate", &model::parseCompensate, "a kind of compensation",
             before.compensate);
  readChoice(root, "scale", &model::parseScaleRule, "a rule for scales", before.scale);
  readDriftCompensation(root, before.driftCompensation);
  JsonObject targets = root.object("targets");
  const std::vector<std::string> lsb = root.strings("lsb_given");
  for (size_t i = 0; i < manifest.targets.size() && !reader.failed(); ++i) {
    const std::string &name = manifest.targets[i].name;
    before.targets[i] = readTarget(targets.object(name), name);
    if (const json *text = targets.raw(name))
      before.targetTexts[i] = *text;
    for (const std::string &one : lsb)
      before.lsbGiven[i] = before.lsbGiven[i] || one == name;
  }
  if (reader.failed())
    return reader.result();

  auto after = apply(before, given, manifest, "session options");
  if (!after)
    return after;
  if (after->seed != before.seed)
    return shaped("seed", std::to_string(before.seed), std::to_string(after->seed));
  if (text(after->scale) != text(before.scale))
    return shaped("scale", text(before.scale), text(after->scale));
  if (text(after->compensate) != text(before.compensate))
    return shaped("compensate", text(before.compensate), text(after->compensate));
  auto onOff = [](bool on) { return std::string(on ? "true" : "false"); };
  if (after->effects.programming != before.effects.programming)
    return shaped("effects.programming", onOff(before.effects.programming),
                  onOff(after->effects.programming));
  if (after->effects.variation != before.effects.variation)
    return shaped("effects.variation", onOff(before.effects.variation),
                  onOff(after->effects.variation));
  for (size_t i = 0; i < before.targetTexts.size(); ++i) {
    const std::string was = shapingText(before.targetTexts[i]);
    const std::string is = shapingText(after->targetTexts[i]);
    if (was != is)
      return shaped("target " + quote(manifest.targets[i].name), was, is);
  }
  return after;
}

std::string Options::chipPath(const char *text) {
  if (!text || !*text)
    return {};
  const auto parsed = parseJson(text, "session options", AIMC_INVALID_ARGUMENT);
  if (!parsed || !parsed->is_object() || !parsed->contains("chip") ||
      !(*parsed)["chip"].is_string())
    return {};
  return (*parsed)["chip"].get<std::string>();
}

json Options::stateText() const {
  json state = {{"seed", seed},
                {"time_s", timeS ? json(*timeS) : json()},
                {"effects",
                 {{"programming", effects.programming},
                  {"wire", effects.wire},
                  {"dac", effects.dac},
                  {"adc", effects.adc},
                  {"read_noise", effects.readNoise},
                  {"variation", effects.variation}}},
                {"compensate", compensate ? json(compensateText(*compensate)) : json()},
                {"scale", scale ? json(scaleRuleText(*scale)) : json()},
                {"drift_compensation", kDriftCompensations[static_cast<size_t>(driftCompensation)]},
                {"targets", json::object()},
                {"lsb_given", json::array()}};
  for (size_t i = 0; i < targets.size(); ++i) {
    state["targets"][targets[i].name] = targetTexts[i];
    if (lsbGiven[i])
      state["lsb_given"].push_back(targets[i].name);
  }
  return state;
}

} // namespace aimc::exec
