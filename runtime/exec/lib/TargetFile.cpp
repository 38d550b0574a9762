//===- TargetFile.cpp - targets as people write them ----------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/exec/TargetFile.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace aimc::exec {

using nlohmann::json;

namespace {
/// What a target asks for and training has no model of is refused instead of being left out.
Result<void> checkTrainable(const Target &t, const std::string &label) {
  for (const auto &[key, value] :
       {std::pair{"wire.spread", t.wireSpread}, std::pair{"adc.gain_spread", t.adcGainSpread},
        std::pair{"adc.offset_spread_lsb", t.adcOffsetSpreadLsb},
        std::pair{"adc.v_off_v", t.vOffV}})
    if (value != 0)
      return fail(AIMC_UNSUPPORTED,
                  label + ": " + key + ": training models 0 alone, but got " + numberText(value));
  return {};
}

/// Puts the table that a device's `file` names in its place.
Result<void> readTable(json &given, const TargetSource &source) {
  if (!source.folder || !given.is_object() || !given.contains("device") ||
      !given["device"].is_object() || !given["device"].contains("file"))
    return {};
  json &device = given["device"];
  const json file = device["file"];
  if (!file.is_string() || device.contains("table"))
    return fail(AIMC_INVALID_ARGUMENT,
                source.label + ": device.file: expected the name of a device file, and no table");
  const auto name = file.get<std::string>();
  const bool here = source.folder->empty() || (!name.empty() && name[0] == '/');
  auto table = readDeviceFile(here ? name : *source.folder + "/" + name);
  if (!table)
    return fail(AIMC_INVALID_ARGUMENT, source.label + ": " + table.error().message);
  device.erase("file");
  device["table"] = std::move(*table);
  return {};
}
} // namespace

Result<json> readDeviceFile(const std::string &path) {
  const std::string label = "device file '" + path + "'";
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  // A folder opens and does not read.
  if (!stream || !(text << stream.rdbuf()))
    return fail(AIMC_INVALID_ARGUMENT, "cannot read " + label);
  auto table = parseJson(text.str(), label, AIMC_INVALID_ARGUMENT);
  if (table && !table->is_object())
    return fail(AIMC_INVALID_ARGUMENT, label + ": expected a JSON object");
  return table;
}

Result<WholeTarget> wholeTarget(json given, const TargetSource &source) {
  if (auto done = readTable(given, source); !done)
    return tl::unexpected(done.error());
  JsonReader reader(source.label, AIMC_INVALID_ARGUMENT);
  const JsonObject root = reader.root(given);
  WholeTarget whole;
  whole.text = source.partial ? completeTarget(root) : given;
  if (!reader.failed())
    whole.target = readTarget(JsonObject(reader, &whole.text, ""), source.name);
  if (reader.failed())
    return reader.result();
  if (source.training)
    if (auto known = checkTrainable(whole.target, source.label); !known)
      return tl::unexpected(known.error());
  // A program's text leaves neutral values out; a reader of this one finds every key.
  if (!source.partial)
    whole.text = completeTarget(root);
  return whole;
}

model::InForce inForce(const Target &target) {
  model::InForce t;
  t.device = target.deviceModel();
  t.ohm = target.columnOhm + target.rowOhm + target.driverOhm + target.adcOhm;
  t.open = target.idle == model::Idle::Open;
  t.converter = target.adc.kind != model::AdcKind::Ideal;
  t.offset = target.vOffV != 0;
  t.varies = target.chipSpread + target.tileSpread + target.columnSpread + target.deviceSpread +
                 target.stuckOff + target.stuckOn + target.wireSpread + target.adcGainSpread +
                 target.adcOffsetSpreadLsb >
             0;
  return t;
}

std::string summaryOf(const Target &t) {
  std::string text = std::to_string(t.rows) + " x " + std::to_string(t.cols) + ", " +
                     (t.pairs() > 1 ? std::to_string(t.pairs()) + " pairs of " : "") + t.device +
                     " " + numberText(t.range.gMinUS) + " to " + numberText(t.range.gMaxUS) +
                     " uS, " + numberText(t.columnOhm) + " ohm a cell of a column, DAC of " +
                     std::to_string(t.dacBits) + " bits, ";
  if (t.adc.kind == model::AdcKind::Ideal)
    return text + "ideal ADC";
  return text + (t.adc.kind == model::AdcKind::Cco ? "cco" : "linear") + " ADC of " +
         std::to_string(t.adc.bits) + " bits, " + numberText(t.adc.lsbFc) + " fC a code";
}

} // namespace aimc::exec
