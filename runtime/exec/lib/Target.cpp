//===- Target.cpp - the hardware a block is programmed on -----------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/exec/Target.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace aimc::exec {

using nlohmann::json;

namespace {
/// Larger arrays exist on no roadmap; the bound keeps products of sizes far from overflow.
constexpr int64_t kMaxSide = 1 << 14;

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
double optional(const JsonObject &object, const char *key, double neutral, double low,
                double high) {
  return object.has(key) ? object.number(key, low, high) : neutral;
}

void readGeometry(const JsonObject &object, Target &t) {
  object.allow({"rows", "cols", "pairs", "readout", "significance"});
  t.rows = object.integer("rows", 1, kMaxSide);
  t.cols = object.integer("cols", 1, kMaxSide);
  const int64_t pairs = object.integer("pairs", 1, 8);
  t.significance.assign(static_cast<size_t>(pairs), 1.0);
  if (object.has("significance")) {
    t.significance = object.numbers("significance", 1e-6, 1e6);
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
  t.range.gMaxUS = object.number("g_max_us", 1e-6, 1000);
  t.range.gMinUS = object.number("g_min_us", 0, t.range.gMaxUS);
  if (t.range.gMinUS >= t.range.gMaxUS)
    object.mistake("g_min_us", "expected less than g_max_us");
  t.programmingNoiseScale = optional(object, "programming_noise_scale", 1, 0, 100);
  t.readNoiseScale = optional(object, "read_noise_scale", 1, 0, 100);
  t.driftScale = optional(object, "drift_scale", 1, 0, 100);
  t.stuckOff = optional(object, "stuck_off", 0, 0, 1);
  t.stuckOn = optional(object, "stuck_on", 0, 0, 1);
  if (t.stuckOff + t.stuckOn > 1)
    object.mistake("stuck_on", "expected stuck_off + stuck_on of at most 1");
  t.chipSpread = optional(object, "chip_spread", 0, 0, 1);
  t.tileSpread = optional(object, "tile_spread", 0, 0, 1);
  t.columnSpread = optional(object, "column_spread", 0, 0, 1);
  t.deviceSpread = optional(object, "device_spread", 0, 0, 1);
  t.acceptancePercent = optional(object, "acceptance_percent", 2, 0.2, 2);
  if (t.acceptancePercent != 0.2 && t.acceptancePercent != 2)
    object.mistake("acceptance_percent", "expected 0.2 or 2");
  if (const json *table = object.raw("table"))
    t.table = *table;
  if ((t.device == "table") != t.table.is_object())
    object.mistake("table", "expected a device table for kind \"table\", and for no other kind");
}

void readWire(const JsonObject &object, Target &t) {
  object.allow({"column_ohm", "row_ohm", "idle", "driver_ohm", "adc_ohm", "spread", "fidelity"});
  t.columnOhm = object.number("column_ohm", 0, 1000);
  t.rowOhm = object.number("row_ohm", 0, 1000);
  t.driverOhm = optional(object, "driver_ohm", 0, 0, 1e6);
  t.adcOhm = optional(object, "adc_ohm", 0, 0, 1e6);
  t.wireSpread = optional(object, "spread", 0, 0, 1);
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
  t.dacBits = static_cast<int>(object.integer("bits", 2, 9));
  const std::string mode = object.string("mode");
  oneOf(object, "mode", mode, {"one_pass", "split", "bit_serial"});
  t.dacMode = mode == "split"        ? DacMode::Split
              : mode == "bit_serial" ? DacMode::BitSerial
                                     : DacMode::OnePass;
  t.readV = object.number("v_read_v", 1e-6, 1);
  t.tickNs = object.number("tick_ns", 1e-6, 4096);
  // Both passes of a split hold at least one of the bits - 1 magnitude bits.
  if (t.dacMode == DacMode::Split)
    t.lsbBits = static_cast<int>(object.integer("lsb_bits", 1, t.dacBits - 2));
  else if (object.has("lsb_bits"))
    object.integer("lsb_bits", 0, 0);
}

void readAdc(const JsonObject &object, Target &t) {
  object.allow({"kind", "bits", "lsb_fc", "gain_spread", "offset_spread_lsb", "calibrated",
                "v_off_v"});
  std::string kind = object.string("kind");
  oneOf(object, "kind", kind, {"ideal", "linear", "cco"});
  t.adc.kind = kind == "cco"      ? model::AdcKind::Cco
               : kind == "linear" ? model::AdcKind::Linear
                                  : model::AdcKind::Ideal;
  // An ideal converter has none of these; a writer may leave them out or at zero.
  const bool real = t.adc.kind != model::AdcKind::Ideal;
  if (real) {
    t.adc.bits = static_cast<int>(object.integer("bits", 2, 24));
    t.adc.lsbFc = object.number("lsb_fc", 1e-9, 1e9);
  } else {
    if (object.has("bits"))
      object.integer("bits", 0, 24);
    if (object.has("lsb_fc"))
      object.number("lsb_fc", 0, 1e9);
  }
  t.adcGainSpread = optional(object, "gain_spread", 0, 0, real ? 1 : 0);
  t.adcOffsetSpreadLsb = optional(object, "offset_spread_lsb", 0, 0, real ? 1e6 : 0);
  if (object.has("calibrated"))
    t.adcCalibrated = object.boolean("calibrated");
  t.vOffV = optional(object, "v_off_v", 0, -1, 1);
}
} // namespace

int32_t Target::maxPulseTicks() const {
  const int magnitude = dacBits - 1;
  const int widest = dacMode == DacMode::OnePass ? magnitude
                     : dacMode == DacMode::Split ? std::max(lsbBits, magnitude - lsbBits)
                                                 : 1;
  return (int32_t(1) << widest) - 1;
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
