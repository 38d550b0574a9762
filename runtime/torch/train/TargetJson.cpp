//===- TargetJson.cpp - targets -------------------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// As packages have them, with the runtime's limits. A key that is not known, or asks for what
// training has no model of, is an error: to train without it would be to train for another chip.
//
//===----------------------------------------------------------------------===//
#include "Json.h"

#include "aimc/model/Limits.h"

#include <algorithm>
#include <array>

namespace aimc::train {

using nlohmann::json;

namespace {
namespace limits = model::limits;

constexpr std::array kParts{"geometry", "device", "wire", "dac", "adc"};

/// One part of a target, whose keys are taken one after another.
class Part {
public:
  Part(const json &target, const std::string &name) : name(name), rest(target[name]) {}

  template <class T> void take(const char *key, T &value) {
    if (!rest.contains(key))
      return;
    try {
      value = rest[key].get<T>();
    } catch (const json::exception &) {
      throw Fault(name + "." + key + ": expected another type than " + rest[key].dump());
    }
    rest.erase(key);
  }
  void number(const char *key, double &value, limits::Reals range) {
    auto found = rest.find(key);
    if (found == rest.end())
      return;
    if (!found->is_number() ||
        !(found->get<double>() >= range.low && found->get<double>() <= range.high))
      throw Fault(name + "." + key + ": expected a number from " + shown(range.low) + " to " +
                  shown(range.high) + ", but got " + typed(*found));
    take(key, value);
  }
  void count(const char *key, int64_t &value, limits::Integers range) {
    auto found = rest.find(key);
    if (found == rest.end())
      return;
    if (!found->is_number_integer() || found->get<double>() < static_cast<double>(range.low) ||
        found->get<double>() > static_cast<double>(range.high))
      throw Fault(name + "." + key + ": expected an integer from " + std::to_string(range.low) +
                  " to " + std::to_string(range.high) + ", but got " + typed(*found));
    take(key, value);
  }
  /// A setting whose other values training has no model of.
  template <class T> void only(const char *key, T known) {
    T value = known;
    take(key, value);
    if (value != known)
      throw Fault(name + "." + key + ": training models " + json(known).dump() +
                  " alone, but got " + json(value).dump());
  }
  void done() const {
    if (!rest.empty())
      throw Fault("expected a key of " + name + ", but got '" + rest.begin().key() + "'");
  }

private:
  static std::string typed(const json &value) {
    return (value.is_string() ? "the string " : "") + shown(value);
  }
  std::string name;
  json rest;
};

void oneOf(const std::string &key, const std::string &value,
           std::initializer_list<const char *> known) {
  std::string list;
  for (const char *name : known) {
    if (value == name)
      return;
    list += (list.empty() ? "" : ", ") + std::string(name);
  }
  throw Fault(key + ": expected one of: " + list + ", but got '" + value + "'");
}
} // namespace

TileTarget readTarget(const json &object) {
  for (const char *part : kParts)
    if (!object.is_object() || !object.contains(part) || !object[part].is_object())
      throw Fault(std::string("expected a part '") + part + "', but got " +
                  shown(object.is_object() ? object.value(part, json()) : object));
  for (const auto &[part, values] : object.items())
    if (std::find(kParts.begin(), kParts.end(), part) == kParts.end())
      throw Fault("expected one of geometry, device, wire, dac, adc, but got '" + part + "'");
  TileTarget target;
  target.text = object.dump();
  ops::Circuit &circuit = target.circuit;
  Part geometry(object, "geometry");
  geometry.count("rows", target.rows, limits::kSide);
  geometry.count("cols", target.cols, limits::kSide);
  int64_t pairs = 1;
  geometry.count("pairs", pairs, limits::kPairs);
  target.significance.assign(static_cast<size_t>(pairs), 1.0);
  geometry.take("significance", target.significance);
  if (static_cast<int64_t>(target.significance.size()) != pairs)
    throw Fault("geometry.significance: expected one factor per pair, " + std::to_string(pairs) +
                ", but got " + std::to_string(target.significance.size()));
  const bool ascending = std::is_sorted(target.significance.begin(), target.significance.end());
  if (!ascending || !(target.significance.front() >= limits::kSignificance.low &&
                      target.significance.back() <= limits::kSignificance.high))
    throw Fault("geometry.significance: expected factors from 1e-6 to 1e6, from low to high");
  std::string readout = "single";
  geometry.take("readout", readout);
  oneOf("geometry.readout", readout, {"single", "alternating"});
  geometry.done();
  circuit.tileRows = target.rows;
  circuit.tileCols = target.cols;
  circuit.alternating = readout == "alternating";

  Part device(object, "device");
  device.take("kind", target.device);
  oneOf("device.kind", target.device,
        {"pcm", "ideal", "hermes1", "hermes2", "reram_wan", "reram_cmo", "table"});
  json table;
  device.take("table", table);
  if (!table.is_null())
    target.table = table.dump();
  device.number("g_max_us", circuit.gMaxUS, limits::kGMaxUS);
  device.number("g_min_us", circuit.gMinUS, {0, circuit.gMaxUS});
  if (circuit.gMinUS >= circuit.gMaxUS)
    throw Fault("device.g_min_us: expected less than g_max_us");
  device.number("programming_noise_scale", target.programmingScale, limits::kNoiseScale);
  device.number("read_noise_scale", target.readScale, limits::kNoiseScale);
  device.number("drift_scale", target.driftScale, limits::kNoiseScale);
  device.number("acceptance_percent", target.acceptancePercent,
                {limits::kAcceptance[0], limits::kAcceptance[1]});
  if (target.acceptancePercent != limits::kAcceptance[0] &&
      target.acceptancePercent != limits::kAcceptance[1])
    throw Fault("device.acceptance_percent: expected 0.2 or 2");
  device.number("stuck_off", target.stuckOff, limits::kProbability);
  device.number("stuck_on", target.stuckOn, limits::kProbability);
  device.number("chip_spread", target.chipSpread, limits::kSpread);
  device.number("tile_spread", target.tileSpread, limits::kSpread);
  device.number("column_spread", target.columnSpread, limits::kSpread);
  device.number("device_spread", target.deviceSpread, limits::kSpread);
  if (target.stuckOff + target.stuckOn > 1)
    throw Fault("device.stuck_on: expected stuck_off + stuck_on of at most 1");
  device.done();
  try {
    auto [noisy, off, on] = ops::deviceFacts(target.device, circuit.gMinUS, circuit.gMaxUS,
                                             target.stuckOff, target.stuckOn, target.table);
    target.noisyReads = noisy;
    target.stuckOff = off;
    target.stuckOn = on;
  } catch (const c10::Error &error) {
    throw Fault(error.what_without_backtrace());
  }

  Part wire(object, "wire");
  wire.number("column_ohm", circuit.columnOhm, limits::kWireOhm);
  wire.number("adc_ohm", circuit.adcOhm, limits::kTerminalOhm);
  std::string idle = "midrail";
  wire.take("idle", idle);
  oneOf("wire.idle", idle, {"midrail", "open"});
  circuit.open = idle == "open";
  if (circuit.open) {
    wire.only<double>("row_ohm", 0);
    wire.only<double>("driver_ohm", 0);
  }
  wire.number("row_ohm", circuit.rowOhm, limits::kWireOhm);
  wire.number("driver_ohm", circuit.driverOhm, limits::kTerminalOhm);
  wire.only<double>("spread", 0);
  std::string fidelity = "one_product"; // which training has in any case
  wire.take("fidelity", fidelity);
  oneOf("wire.fidelity", fidelity, {"exact", "segments", "one_product"});
  wire.done();

  Part adc(object, "adc");
  std::string kind = "ideal";
  adc.take("kind", kind);
  oneOf("adc.kind", kind, {"ideal", "linear", "cco"});
  const bool real = kind != "ideal"; // an ideal one may have zeros
  circuit.adc = kind == "ideal"    ? ops::AdcMode::Ideal
                : kind == "linear" ? ops::AdcMode::Linear
                                   : ops::AdcMode::Cco;
  adc.count("bits", circuit.adcBits, {real ? limits::kAdcBits.low : 0, limits::kAdcBits.high});
  adc.number("lsb_fc", target.lsbFC, {real ? limits::kLsbFC.low : 0, limits::kLsbFC.high});
  adc.only<double>("gain_spread", 0);
  adc.only<double>("offset_spread_lsb", 0);
  adc.only<double>("v_off_v", 0);
  bool calibrated = true; // of spreads
  adc.take("calibrated", calibrated);
  adc.done();

  Part dac(object, "dac");
  int64_t bits = 8;
  dac.count("bits", bits, limits::kDacBits);
  circuit.levels = (int64_t(1) << (bits - 1)) - 1;
  std::string mode = "one_pass";
  dac.take("mode", mode);
  oneOf("dac.mode", mode, {"one_pass", "split", "bit_serial"});
  int64_t low = 0;
  dac.count("lsb_bits", low, {0, mode == "split" ? bits - 1 : 0});
  if (mode == "split") {
    if (low < 1 || low > bits - 2)
      throw Fault("dac.lsb_bits: expected a number from 1 to " + std::to_string(bits - 2));
    circuit.passes = {0, low, low, bits - 1 - low};
  } else if (mode == "bit_serial") {
    for (int64_t bit = 0; bit + 1 < bits; ++bit)
      circuit.passes.insert(circuit.passes.end(), {bit, 1});
  }
  dac.number("v_read_v", circuit.readVolt, limits::kReadV);
  dac.number("tick_ns", circuit.tickNs, limits::kTickNs);
  dac.done();
  return target;
}

Result<TileTarget> parseTarget(const std::string &text, const std::string &name) {
  try {
    TileTarget target = readTarget(parseJson(text));
    target.name = name;
    return target;
  } catch (const std::exception &error) {
    return tl::unexpected(Error{"target '" + name + "': " + error.what()});
  }
}

std::vector<TileBlock> cutBlocks(int64_t rows, int64_t cols, const TileTarget &target) {
  std::vector<TileBlock> blocks;
  const ops::Blocks n = ops::cutBlocks(rows, cols, target.circuit);
  for (size_t i = 0; i < n.size(); i += 6)
    blocks.push_back({n[i], n[i + 1], n[i + 2], n[i + 3], n[i + 4], n[i + 5], {}, "", {}, {}});
  return blocks;
}

} // namespace aimc::train
