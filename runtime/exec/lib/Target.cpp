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
/// A value that a writer may leave out where it is neutral, as it is before.
void optional(const JsonObject &object, const char *key, double &value, limits::Reals range) {
  if (object.has(key))
    value = object.number(key, range);
}

void readGeometry(const JsonObject &object, Target &t) {
  object.allow({"rows", "cols", "pairs", "readout", "significance"});
  t.rows = object.integer("rows", limits::kSide);
  t.cols = object.integer("cols", limits::kSide);
  const int64_t pairs = object.integer("pairs", limits::kPairs);
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
  t.range.gMaxUS = object.number("g_max_us", limits::kGMaxUS);
  t.range.gMinUS = object.number("g_min_us", 0, t.range.gMaxUS);
  if (t.range.gMinUS >= t.range.gMaxUS)
    object.mistake("g_min_us", "expected less than g_max_us");
  optional(object, "programming_noise_scale", t.programmingNoiseScale, limits::kNoiseScale);
  optional(object, "read_noise_scale", t.readNoiseScale, limits::kNoiseScale);
  optional(object, "drift_scale", t.driftScale, limits::kNoiseScale);
  optional(object, "stuck_off", t.stuckOff, limits::kProbability);
  optional(object, "stuck_on", t.stuckOn, limits::kProbability);
  if (t.stuckOff + t.stuckOn > 1)
    object.mistake("stuck_on", "expected stuck_off + stuck_on of at most 1");
  optional(object, "chip_spread", t.chipSpread, limits::kSpread);
  optional(object, "tile_spread", t.tileSpread, limits::kSpread);
  optional(object, "column_spread", t.columnSpread, limits::kSpread);
  optional(object, "device_spread", t.deviceSpread, limits::kSpread);
  optional(object, "acceptance_percent", t.acceptancePercent,
           {limits::kAcceptance[0], limits::kAcceptance[1]});
  if (t.acceptancePercent != limits::kAcceptance[0] &&
      t.acceptancePercent != limits::kAcceptance[1])
    object.mistake("acceptance_percent", "expected 0.2 or 2");
  if (t.device != "reram_cmo" && t.acceptancePercent != 2)
    object.mistake("acceptance_percent", "expected none for a device other than reram_cmo");
  if (t.device == "ideal")
    for (const auto &[key, scale] :
         {std::pair{"programming_noise_scale", t.programmingNoiseScale},
          std::pair{"read_noise_scale", t.readNoiseScale}, std::pair{"drift_scale", t.driftScale}})
      if (scale != 1)
        object.mistake(key, "expected none for an ideal device, which has neither noise nor drift");
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
  t.columnOhm = object.number("column_ohm", limits::kWireOhm);
  t.rowOhm = object.number("row_ohm", limits::kWireOhm);
  optional(object, "driver_ohm", t.driverOhm, limits::kTerminalOhm);
  optional(object, "adc_ohm", t.adcOhm, limits::kTerminalOhm);
  optional(object, "spread", t.wireSpread, limits::kSpread);
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
  t.dacBits = static_cast<int>(object.integer("bits", limits::kDacBits));
  const std::string mode = object.string("mode");
  oneOf(object, "mode", mode, {"one_pass", "split", "bit_serial"});
  t.dacMode = mode == "split"        ? DacMode::Split
              : mode == "bit_serial" ? DacMode::BitSerial
                                     : DacMode::OnePass;
  t.readV = object.number("v_read_v", limits::kReadV);
  t.tickNs = object.number("tick_ns", limits::kTickNs);
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
    t.adc.bits = static_cast<int>(object.integer("bits", limits::kAdcBits));
    t.adc.lsbFc = object.number("lsb_fc", limits::kLsbFC);
  } else {
    if (object.has("bits"))
      object.integer("bits", 0, limits::kAdcBits.high);
    if (object.has("lsb_fc"))
      object.number("lsb_fc", 0, limits::kLsbFC.high);
  }
  constexpr limits::Reals none{0, 0};
  optional(object, "gain_spread", t.adcGainSpread, real ? limits::kSpread : none);
  optional(object, "offset_spread_lsb", t.adcOffsetSpreadLsb,
           real ? limits::kOffsetSpreadLsb : none);
  if (object.has("calibrated"))
    t.adcCalibrated = object.boolean("calibrated");
  optional(object, "v_off_v", t.vOffV, limits::kOffsetV);
}
/// What two parts say together; the rules of the op aimc.target.
void checkTogether(const JsonObject &object, const Target &t) {
  const JsonObject adc = object.object("adc");
  if (t.device == "pcm" && t.tickNs < limits::kPcmPulseNs.low)
    object.object("dac").mistake("tick_ns", "expected at least 1 for a pcm device, whose read "
                                            "noise is known from 1 ns on");
  if (t.adc.kind == model::AdcKind::Ideal)
    return;
  const double cellFc = t.readV * t.tickNs * (t.range.gMaxUS - t.range.gMinUS);
  const double codes = static_cast<double>((int64_t{1} << (t.adc.bits - 1)) - 1);
  const double columnFc = cellFc * t.maxPulseTicks() * static_cast<double>(t.rows);
  if (t.adc.lsbFc * codes < cellFc)
    adc.mistake("lsb_fc", "expected a full scale of at least the charge of one cell in one tick, " +
                              numberText(cellFc) + " fC, but got " +
                              numberText(t.adc.lsbFc * codes) +
                              " fC, so that the ADC saturates on every input");
  if (t.adc.lsbFc > columnFc)
    adc.mistake("lsb_fc", "expected at most the largest charge of a column, " +
                              numberText(columnFc) + " fC, but got " + numberText(t.adc.lsbFc) +
                              ", so that the ADC reads zero on every input");
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
  checkTogether(object, t);
  return t;
}

json defaultTarget() {
  constexpr model::DeviceRange window;
  return {
      {"geometry", {{"rows", 512}, {"cols", 512}, {"pairs", 1}, {"readout", "single"}}},
      {"device",
       {{"kind", "pcm"},
        {"g_min_us", window.gMinUS},
        {"g_max_us", window.gMaxUS},
        {"programming_noise_scale", 1.0},
        {"read_noise_scale", 1.0},
        {"drift_scale", 1.0},
        {"stuck_off", 0.0},
        {"stuck_on", 0.0},
        {"chip_spread", 0.0},
        {"tile_spread", 0.0},
        {"column_spread", 0.0},
        {"device_spread", 0.0},
        {"acceptance_percent", 2.0}}},
      {"wire",
       {{"column_ohm", 0.15},
        {"row_ohm", 0.0},
        {"idle", "midrail"},
        {"driver_ohm", 0.0},
        {"adc_ohm", 0.0},
        {"spread", 0.0},
        {"fidelity", "one_product"}}},
      {"dac",
       {{"bits", 8}, {"mode", "one_pass"}, {"v_read_v", 0.2}, {"tick_ns", 1.0}, {"lsb_bits", 0}}},
      {"adc",
       {{"kind", "cco"},
        {"bits", 12},
        {"lsb_fc", 16.03},
        {"gain_spread", 0.0},
        {"offset_spread_lsb", 0.0},
        {"calibrated", true},
        {"v_off_v", 0.0}}}};
}

json completeTarget(const JsonObject &given, const json &defaults) {
  json whole = defaults;
  given.allow({"geometry", "device", "wire", "dac", "adc"});
  for (const std::string &part : given.keys()) {
    const JsonObject values = given.object(part);
    auto says = [&](const char *key, const char *word) {
      const json *value = values.raw(key);
      return value && *value == word;
    };
    if (part == "adc" && says("kind", "ideal")) {
      whole[part].erase("bits");
      whole[part].erase("lsb_fc");
    } else if (part == "dac" && says("mode", "split")) {
      whole[part].erase("lsb_bits"); // 0 is none of its values
    } else if (part == "device") {
      const json *table = values.raw("table");
      for (const char *key : {"g_min_us", "g_max_us"})
        if (table && table->is_object() && table->contains(key))
          whole[part][key] = (*table)[key];
    }
    for (const std::string &key : values.keys())
      whole[part][key] = *values.raw(key);
  }
  return whole;
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
