//===- Target.cpp - the hardware a block is programmed on -----------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/exec/Target.h"

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
} // namespace

Target readTarget(const JsonObject &object, const std::string &name) {
  Target t;
  t.name = name;
  object.allow({"geometry", "device", "wire", "dac", "adc"});

  JsonObject geometry = object.object("geometry");
  geometry.allow({"rows", "cols", "pairs", "readout"});
  t.rows = geometry.integer("rows", 1, kMaxSide);
  t.cols = geometry.integer("cols", 1, kMaxSide);
  geometry.integer("pairs", 1, 1);
  std::string readout = geometry.string("readout");
  oneOf(geometry, "readout", readout, {"single", "alternating"});
  t.readout = readout == "alternating" ? model::Readout::Alternating : model::Readout::Single;

  JsonObject device = object.object("device");
  device.allow({"kind", "g_min_us", "g_max_us", "programming_noise_scale", "read_noise_scale"});
  t.device = device.string("kind");
  oneOf(device, "kind", t.device, {"pcm", "ideal"});
  t.range.gMaxUS = device.number("g_max_us", 1e-6, 1e6);
  t.range.gMinUS = device.number("g_min_us", 0, t.range.gMaxUS);
  if (t.range.gMinUS >= t.range.gMaxUS)
    device.mistake("g_min_us", "expected less than g_max_us");

  if (device.has("programming_noise_scale"))
    t.programmingNoiseScale = device.number("programming_noise_scale", 0, 100);
  if (device.has("read_noise_scale"))
    t.readNoiseScale = device.number("read_noise_scale", 0, 100);

  JsonObject wire = object.object("wire");
  wire.allow({"column_ohm", "row_ohm", "idle"});
  t.columnOhm = wire.number("column_ohm", 0, 1e6);
  if (wire.number("row_ohm", 0, 1e6) != 0)
    wire.mistake("row_ohm", "expected 0, this runtime has no model of row wires");
  oneOf(wire, "idle", wire.string("idle"), {"midrail"});

  JsonObject dac = object.object("dac");
  dac.allow({"bits", "mode", "v_read_v", "tick_ns", "lsb_bits"});
  t.dacBits = static_cast<int>(dac.integer("bits", 2, 9));
  oneOf(dac, "mode", dac.string("mode"), {"one_pass"});
  t.readV = dac.number("v_read_v", 1e-6, 100);
  t.tickNs = dac.number("tick_ns", 1e-6, 1e6);

  if (dac.has("lsb_bits"))
    dac.integer("lsb_bits", 0, 0); // belongs to mode split

  JsonObject adc = object.object("adc");
  adc.allow({"kind", "bits", "lsb_fc"});
  std::string kind = adc.string("kind");
  oneOf(adc, "kind", kind, {"ideal", "linear", "cco"});
  t.adc.kind = kind == "cco"      ? model::AdcKind::Cco
               : kind == "linear" ? model::AdcKind::Linear
                                  : model::AdcKind::Ideal;
  // An ideal converter has neither; a writer may leave them out or at zero.
  if (t.adc.kind != model::AdcKind::Ideal) {
    t.adc.bits = static_cast<int>(adc.integer("bits", 2, 24));
    t.adc.lsbFc = adc.number("lsb_fc", 1e-9, 1e9);
  } else {
    if (adc.has("bits"))
      adc.integer("bits", 0, 24);
    if (adc.has("lsb_fc"))
      adc.number("lsb_fc", 0, 1e9);
  }
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
