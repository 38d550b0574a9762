//===- Target.cpp - the hardware a block is programmed on -----------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/exec/Target.h"

#include "aimc/exec/DeviceTable.h"
#include "aimc/model/Limits.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace aimc::exec {

using nlohmann::json;

namespace {
namespace limits = model::limits;

int64_t integer(const JsonObject &object, const char *key, limits::Integers range) {
  return object.integer(key, range.low, range.high);
}
double number(const JsonObject &object, const char *key, limits::Reals range) {
  return object.number(key, range.low, range.high);
}

void oneOf(const JsonObject &object, std::string_view key, const std::string &value,
           std::initializer_list<std::string_view> known) {
  std::string list;
  for (std::string_view name : known) {
    if (name == value)
      return;
    list += (list.empty() ? "" : ", ") + std::string(name);
  }
  object.mistake(key, "expected one of: " + list + ", but got " + quote(value));
}
/// A value that a writer may leave out.
double optional(const JsonObject &object, const char *key, double neutral, limits::Reals range) {
  return object.has(key) ? number(object, key, range) : neutral;
}

void readGeometry(const JsonObject &object, Target &t) {
  object.allow({"rows", "cols", "pairs", "readout", "significance"});
  t.rows = integer(object, "rows", limits::kSide);
  t.cols = integer(object, "cols", limits::kSide);
  const int64_t pairs = integer(object, "pairs", limits::kPairs);
  t.significance.assign(static_cast<size_t>(pairs), 1.0);
  if (object.has("significance")) {
    t.significance =
        object.numbers("significance", limits::kSignificance.low, limits::kSignificance.high);
    if (static_cast<int64_t>(t.significance.size()) != pairs)
      object.mistake("significance", "expected one factor per pair, " + std::to_string(pairs) +
                                         ", but got " + std::to_string(t.significance.size()));
    if (!std::is_sorted(t.significance.begin(), t.significance.end()))
      object.mistake("significance", "expected factors from low to high");
  }
  std::string readout = object.string("readout");
  oneOf(object, "readout", readout, {"single", "alternating"});
  t.readout = readout == "alternating" ? model::Readout::Alternating : model::Readout::Single;
}

void readDevice(const JsonObject &object, Target &t) {
  object.allow({"kind", "g_min_us", "g_max_us", "programming_noise_scale", "read_noise_scale",
                "drift_scale", "stuck_off", "stuck_on", "chip_spread", "tile_spread",
                "column_spread", "device_spread", "acceptance_percent", "table"});
  t.device = object.string("kind");
  oneOf(object, "kind", t.device,
        {"pcm", "ideal", "hermes1", "hermes2", "reram_wan", "reram_cmo", "table"});
  t.range.gMaxUS = number(object, "g_max_us", limits::kGMaxUS);
  t.range.gMinUS = object.number("g_min_us", 0, t.range.gMaxUS);
  if (t.range.gMinUS >= t.range.gMaxUS)
    object.mistake("g_min_us", "expected less than g_max_us");
  t.programmingNoiseScale = optional(object, "programming_noise_scale", 1, limits::kNoiseScale);
  t.readNoiseScale = optional(object, "read_noise_scale", 1, limits::kNoiseScale);
  t.driftScale = optional(object, "drift_scale", 1, limits::kNoiseScale);
  t.stuckOff = optional(object, "stuck_off", 0, limits::kProbability);
  t.stuckOn = optional(object, "stuck_on", 0, limits::kProbability);
  if (t.stuckOff + t.stuckOn > 1)
    object.mistake("stuck_on", "expected stuck_off + stuck_on of at most 1");
  t.chipSpread = optional(object, "chip_spread", 0, limits::kSpread);
  t.tileSpread = optional(object, "tile_spread", 0, limits::kSpread);
  t.columnSpread = optional(object, "column_spread", 0, limits::kSpread);
  t.deviceSpread = optional(object, "device_spread", 0, limits::kSpread);
  t.acceptancePercent =
      optional(object, "acceptance_percent", 2, {limits::kAcceptance[0], limits::kAcceptance[1]});
  if (t.acceptancePercent != limits::kAcceptance[0] &&
      t.acceptancePercent != limits::kAcceptance[1])
    object.mistake("acceptance_percent", "expected 0.2 or 2");
  if (const json *table = object.raw("table"))
    t.table = *table;
  if ((t.device == "table") != t.table.is_object())
    object.mistake("table", "expected a device table for kind \"table\", and for no other kind");
  if (t.table.is_object()) {
    t.deviceTable = readDeviceTable(object.object("table"));
    // A target with one probability of its own keeps both of its own: its devices' yield was
    // characterised as a whole.
    if (t.deviceTable && t.stuckOff + t.stuckOn == 0) {
      t.stuckOff = t.deviceTable->stuckOff;
      t.stuckOn = t.deviceTable->stuckOn;
    }
  }
  if (t.device == "table" && !t.deviceTable)
    return;
  // The key that lies outside, or the only one where both do.
  const model::DeviceModel kind = t.deviceModel();
  if (auto wrong = model::checkRange(kind))
    object.mistake(
        t.range.gMinUS < model::characterisedRange(kind).gMinUS ? "g_min_us" : "g_max_us", *wrong);
}

void readWire(const JsonObject &object, Target &t) {
  object.allow({"column_ohm", "row_ohm", "idle", "driver_ohm", "adc_ohm", "spread", "fidelity"});
  t.columnOhm = number(object, "column_ohm", limits::kWireOhm);
  t.rowOhm = number(object, "row_ohm", limits::kWireOhm);
  t.driverOhm = optional(object, "driver_ohm", 0, limits::kTerminalOhm);
  t.adcOhm = optional(object, "adc_ohm", 0, limits::kTerminalOhm);
  t.wireSpread = optional(object, "spread", 0, limits::kSpread);
  const std::string idle = object.string("idle");
  oneOf(object, "idle", idle, {"midrail", "open"});
  t.idle = idle == "open" ? model::Idle::Open : model::Idle::Midrail;
  if (object.has("fidelity")) {
    const std::string fidelity = object.string("fidelity");
    oneOf(object, "fidelity", fidelity, {"exact", "segments", "one_product"});
    t.fidelity = fidelity == "exact"      ? model::Fidelity::Exact
                 : fidelity == "segments" ? model::Fidelity::Segments
                                          : model::Fidelity::OneProduct;
  }
  if (t.idle == model::Idle::Open && (t.rowOhm > 0 || t.driverOhm > 0))
    object.mistake("row_ohm", "expected 0 with idle = open, as driver_ohm: there is no model of "
                              "row wires whose rows disconnect");
}

void readDac(const JsonObject &object, Target &t) {
  object.allow({"bits", "mode", "v_read_v", "tick_ns", "lsb_bits"});
  t.dacBits = static_cast<int>(integer(object, "bits", limits::kDacBits));
  const std::string mode = object.string("mode");
  oneOf(object, "mode", mode, {"one_pass", "split", "bit_serial"});
  t.dacMode = mode == "split"        ? DacMode::Split
              : mode == "bit_serial" ? DacMode::BitSerial
                                     : DacMode::OnePass;
  t.readV = number(object, "v_read_v", limits::kReadV);
  t.tickNs = number(object, "tick_ns", limits::kTickNs);
  // Both passes of a split hold at least one of the bits - 1 magnitude bits.
  if (t.dacMode == DacMode::Split)
    t.lsbBits = static_cast<int>(object.integer("lsb_bits", 1, t.dacBits - 2));
  else if (object.has("lsb_bits"))
    object.integer("lsb_bits", 0, 0);
}

void readAdc(const JsonObject &object, Target &t) {
  object.allow(
      {"kind", "bits", "lsb_fc", "gain_spread", "offset_spread_lsb", "calibrated", "v_off_v"});
  std::string kind = object.string("kind");
  oneOf(object, "kind", kind, {"ideal", "linear", "cco"});
  t.adc.kind = kind == "cco"      ? model::AdcKind::Cco
               : kind == "linear" ? model::AdcKind::Linear
                                  : model::AdcKind::Ideal;
  // An ideal converter has none of these; a writer may leave them out or at zero.
  const bool real = t.adc.kind != model::AdcKind::Ideal;
  if (real) {
    t.adc.bits = static_cast<int>(integer(object, "bits", limits::kAdcBits));
    t.adc.lsbFc = number(object, "lsb_fc", limits::kLsbFC);
  } else {
    if (object.has("bits"))
      object.integer("bits", 0, limits::kAdcBits.high);
    if (object.has("lsb_fc"))
      object.number("lsb_fc", 0, limits::kLsbFC.high);
  }
  constexpr limits::Reals none{0, 0};
  t.adcGainSpread = optional(object, "gain_spread", 0, real ? limits::kSpread : none);
  t.adcOffsetSpreadLsb =
      optional(object, "offset_spread_lsb", 0, real ? limits::kOffsetSpreadLsb : none);
  if (object.has("calibrated"))
    t.adcCalibrated = object.boolean("calibrated");
  t.vOffV = optional(object, "v_off_v", 0, limits::kOffsetV);
}
} // namespace

int32_t Target::maxPulseTicks() const {
  const int magnitude = dacBits - 1;
  const int widest = dacMode == DacMode::OnePass ? magnitude
                     : dacMode == DacMode::Split ? std::max(lsbBits, magnitude - lsbBits)
                                                 : 1;
  return (int32_t(1) << widest) - 1;
}

model::DeviceModel Target::deviceModel() const {
  model::DeviceModel m;
  m.kind = model::deviceKind(device).value_or(model::DeviceKind::Ideal);
  m.range = range;
  m.programmingScale = programmingNoiseScale;
  m.readScale = readNoiseScale;
  m.driftScale = driftScale;
  m.acceptancePercent = acceptancePercent;
  m.table = deviceTable;
  return m;
}

Target readTarget(const JsonObject &object, const std::string &name) {
  Target t;
  t.name = name;
  object.allow({"geometry", "device", "wire", "dac", "adc"});
  readGeometry(object.object("geometry"), t);
  readDevice(object.object("device"), t);
  readWire(object.object("wire"), t);
  readDac(object.object("dac"), t);
  readAdc(object.object("adc"), t);
  return t;
}

json mergeTarget(const json &base, const JsonObject &overrides) {
  json merged = base;
  for (const std::string &part : overrides.keys()) {
    if (!base.contains(part)) {
      overrides.mistake("", "unknown key " + quote(part) +
                                ", expected one of: geometry, device, wire, dac, adc");
      return merged;
    }
    JsonObject values = overrides.object(part);
    for (const std::string &key : values.keys()) {
      const json *value = values.raw(key);
      if (part == "geometry" && value && merged[part].value(key, json()) != *value) {
        values.mistake(key,
                       "the weights were mapped for this geometry, compile again to change it");
        return merged;
      }
      if (value)
        merged[part][key] = *value;
    }
  }
  return merged;
}

} // namespace aimc::exec
