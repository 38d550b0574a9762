//===- CApiTarget.cpp - the C surface of targets --------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "CApiSupport.h"
#include "aimc/exec/TargetFile.h"

#include <nlohmann/json.hpp>

using namespace aimc::exec;

namespace {
Result<TargetSource> readSource(const char *text) {
  TargetSource source;
  if (!text || !*text)
    return source;
  auto parsed = parseJson(text, "target options", AIMC_INVALID_ARGUMENT);
  if (!parsed)
    return tl::unexpected(parsed.error());
  JsonReader reader("target options", AIMC_INVALID_ARGUMENT);
  const JsonObject root = reader.root(*parsed);
  root.allow({"label", "partial", "training", "folder"});
  if (root.has("label"))
    source.label = root.string("label");
  if (root.has("partial"))
    source.partial = root.boolean("partial");
  if (root.has("training"))
    source.training = root.boolean("training");
  if (root.has("folder") && !root.isNull("folder"))
    source.folder = root.string("folder");
  if (reader.failed())
    return reader.result();
  return source;
}
} // namespace

extern "C" {

aimc_status aimc_target_read(const char *target_json, const char *options_json, char **json) {
  if (json)
    *json = nullptr;
  return guarded([&]() -> Result<void> {
    if (auto given = notNull({{"json", json}}); !given)
      return given;
    auto source = readSource(options_json);
    if (!source)
      return tl::unexpected(source.error());
    auto given = parseJson(target_json && *target_json ? target_json : "{}", source->label,
                           AIMC_INVALID_ARGUMENT);
    if (!given)
      return tl::unexpected(given.error());
    auto whole = wholeTarget(std::move(*given), *source);
    if (!whole)
      return tl::unexpected(whole.error());
    return handOut(whole->text.dump(), json);
  });
}

} // extern "C"
