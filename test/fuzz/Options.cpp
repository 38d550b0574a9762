//===- Options.cpp - options of a session ---------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Fuzz.h"

#include "aimc/exec/Options.h"

#include <nlohmann/json.hpp>

using namespace aimc::exec;
using namespace aimc::fuzz;
using nlohmann::json;

namespace {
/// Two targets, one of them with open rows.
Manifest twoTargets() {
  Manifest manifest;
  json open = defaultTarget();
  open["wire"]["idle"] = "open";
  for (const auto &[name, text] : {std::pair{"closed", defaultTarget()}, {"open", open}}) {
    JsonReader reader("target", AIMC_INVALID_ARGUMENT);
    manifest.targets.push_back(readTarget(reader.root(text), name));
    manifest.targetTexts.push_back(text);
    require(!reader.failed(), "expected a good target");
  }
  return manifest;
}
} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const Manifest manifest = twoTargets();
  const std::string text(textOf(data, size));
  Options::chipPath(text.c_str());
  const auto options = Options::parse(text.c_str(), manifest);
  if (!options) {
    requireLine(options.error().message);
    return 0;
  }
  for (const std::string &line : options->withoutEffect(false))
    requireLine(line);
  // A chip goes on with what it was programmed with, whatever else is asked for.
  const auto resumed = Options::resume("{}", options->stateText(), manifest);
  require(resumed.has_value(), "expected that a state can be resumed");
  require(resumed->stateText() == options->stateText(), "expected the same state");
  if (const auto both = Options::resume(text.c_str(), options->stateText(), manifest); !both)
    requireLine(both.error().message);
  return 0;
}
