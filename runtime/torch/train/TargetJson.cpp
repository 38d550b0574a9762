//===- TargetJson.cpp - targets and noise specs ---------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Both are JSON as packages have it. A key that is not known, or asks for what training has no
// model of, is an error: to train without it would be to train for another chip.
//
//===----------------------------------------------------------------------===//
#include "aimc/model/Limits.h"
#include "aimc/torch/TensorFile.h"
#include "aimc/torch/Tiles.h"

#include <ATen/ATen.h>
#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

namespace aimc::train {

using nlohmann::json;

namespace {
namespace limits = model::limits;

struct Fault : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// One part of a target, whose keys are taken one after another.
class Part {
public:
  Part(const json &target, const std::string &name) : name(name) {
    if (!target.contains(name) || !target[name].is_object())
      throw Fault("expected a part '" + name + "'");
    rest = target[name];
  }

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
  void number(const char *key, double &value, double low, double high) {
    take(key, value);
    if (!(value >= low && value <= high))
      throw Fault(name + "." + key + ": expected a number from " + text(low) + " to " + text(high) +
                  ", but got " + text(value));
  }
  void count(const char *key, int64_t &value, int64_t low, int64_t high) {
    take(key, value);
    if (value < low || value > high)
      throw Fault(name + "." + key + ": expected a number from " + std::to_string(low) + " to " +
                  std::to_string(high) + ", but got " + std::to_string(value));
  }
  /// A setting whose other values training has no model of.
  template <class T> void only(const char *key, T known) {
    T value = known;
    take(key, value);
    if (value != known)
      throw Fault(name + "." + key + ": training models " + json(known).dump() +
                  " alone, but got " + json(value).dump());
  }
  void ignore(const char *key) { rest.erase(key); }
  void done() const {
    if (!rest.empty())
      throw Fault(name + ": expected no key '" + rest.begin().key() + "'");
  }

private:
  static std::string text(double value) {
    std::ostringstream os;
    os << value;
    return os.str();
  }
  std::string name;
  json rest;
};

TileTarget read(const json &object) {
  if (!object.is_object())
    throw Fault("expected an object");
  TileTarget target;
  target.text = object.dump();
  ops::Circuit &circuit = target.circuit;
  Part geometry(object, "geometry");
  geometry.count("rows", target.rows, 1, 65536);
  geometry.count("cols", target.cols, 1, 65536);
  int64_t pairs = 1;
  geometry.count("pairs", pairs, limits::kPairs.low, limits::kPairs.high);
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
  if (readout != "single" && readout != "alternating")
    throw Fault("geometry.readout: expected single or alternating, but got " + readout);
  geometry.done();
  circuit.tileRows = target.rows;
  circuit.tileCols = target.cols;
  circuit.alternating = readout == "alternating";

  Part device(object, "device");
  device.take("kind", target.device);
  json table;
  device.take("table", table);
  if (!table.is_null())
    target.table = table.dump();
  device.number("g_min_us", circuit.gMinUS, 0, 1e6);
  device.number("g_max_us", circuit.gMaxUS, 0, 1e6);
  if (circuit.gMinUS >= circuit.gMaxUS)
    throw Fault("device.g_min_us: expected less than g_max_us");
  device.number("programming_noise_scale", target.programmingScale, 0, 1e6);
  device.number("read_noise_scale", target.readScale, 0, 1e6);
  device.number("drift_scale", target.driftScale, 0, 1e6);
  device.number("acceptance_percent", target.acceptancePercent, 0, 100);
  device.number("stuck_off", target.stuckOff, 0, 1);
  device.number("stuck_on", target.stuckOn, 0, 1);
  device.number("chip_spread", target.chipSpread, 0, 10);
  device.number("tile_spread", target.tileSpread, 0, 10);
  device.number("column_spread", target.columnSpread, 0, 10);
  device.number("device_spread", target.deviceSpread, 0, 10);
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
  wire.number("column_ohm", circuit.columnOhm, 0, 1e6);
  wire.number("adc_ohm", circuit.adcOhm, 0, 1e9);
  std::string idle = "midrail";
  wire.take("idle", idle);
  if (idle != "midrail" && idle != "open")
    throw Fault("wire.idle: expected midrail or open, but got " + idle);
  circuit.open = idle == "open";
  if (circuit.open) {
    wire.only<double>("row_ohm", 0);
    wire.only<double>("driver_ohm", 0);
  }
  wire.number("row_ohm", circuit.rowOhm, 0, 1e6);
  wire.number("driver_ohm", circuit.driverOhm, 0, 1e9);
  wire.only<double>("spread", 0);
  wire.ignore("fidelity"); // training has one_product's
  wire.done();

  Part adc(object, "adc");
  std::string kind = "ideal";
  adc.take("kind", kind);
  if (kind != "ideal" && kind != "linear" && kind != "cco")
    throw Fault("adc.kind: expected ideal, linear or cco, but got " + kind);
  circuit.adc = kind == "ideal"    ? ops::AdcMode::Ideal
                : kind == "linear" ? ops::AdcMode::Linear
                                   : ops::AdcMode::Cco;
  adc.count("bits", circuit.adcBits, 1, 32);
  adc.number("lsb_fc", target.lsbFC, 0, 1e12);
  adc.only<double>("gain_spread", 0);
  adc.only<double>("offset_spread_lsb", 0);
  adc.only<double>("v_off_v", 0);
  adc.ignore("calibrated"); // of spreads
  adc.done();

  Part dac(object, "dac");
  int64_t bits = 8;
  dac.count("bits", bits, 2, 24);
  circuit.levels = (int64_t(1) << (bits - 1)) - 1;
  std::string mode = "one_pass";
  dac.take("mode", mode);
  int64_t low = 0;
  dac.count("lsb_bits", low, 0, bits - 1);
  if (mode == "split") {
    if (low < 1 || low > bits - 2)
      throw Fault("dac.lsb_bits: expected a number from 1 to " + std::to_string(bits - 2));
    circuit.passes = {0, low, low, bits - 1 - low};
  } else if (mode == "bit_serial") {
    for (int64_t bit = 0; bit + 1 < bits; ++bit)
      circuit.passes.insert(circuit.passes.end(), {bit, 1});
  } else if (mode != "one_pass") {
    throw Fault("dac.mode: expected one_pass, split or bit_serial, but got " + mode);
  }
  dac.number("v_read_v", circuit.readVolt, 1e-9, 1e3);
  dac.number("tick_ns", circuit.tickNs, 1e-9, 1e9);
  dac.done();
  return target;
}

int64_t integer(const json &entry, const char *key) {
  if (!entry.contains(key) || !entry[key].is_number_integer() || entry[key].get<int64_t>() < 0)
    throw Fault(std::string("expected '") + key + "' as a number of at least 0");
  return entry[key].get<int64_t>();
}

std::string word(const json &entry, const char *key) {
  if (!entry.contains(key) || !entry[key].is_string())
    throw Fault(std::string("expected '") + key + "' as text");
  return entry[key].get<std::string>();
}

TileBlock readBlock(const json &entry, const TensorFile &tensors) {
  TileBlock block{integer(entry, "row"),
                  integer(entry, "rows"),
                  integer(entry, "col"),
                  integer(entry, "cols"),
                  integer(entry, "at_row"),
                  integer(entry, "at_col"),
                  {},
                  entry.value("compensate", ""),
                  {},
                  {}};
  if (entry.contains("lsb_fc") && entry["lsb_fc"].is_number())
    block.lsbFC = entry["lsb_fc"].get<double>();
  if (entry.contains("scales") && entry["scales"].is_string()) {
    auto found = tensors.tensors.find(entry["scales"].get<std::string>());
    if (found == tensors.tensors.end() || found->second.numel() != block.cols)
      throw Fault("expected a tensor '" + entry["scales"].get<std::string>() + "' of " +
                  std::to_string(block.cols) + " scales");
    block.scales = found->second.to(at::kFloat).reshape({-1});
  }
  return block;
}

/// Bands of equal row ranges, each of column ranges that follow each other, inside the tile.
void checkBlocks(const SiteSpec &site) {
  int64_t row = 0, col = site.cols, height = 0;
  for (const TileBlock &block : site.blocks) {
    if (col == site.cols) {
      row += height;
      height = block.rows;
      col = 0;
    }
    if (block.row != row || block.rows != height || block.col != col || block.rows < 1 ||
        block.cols < 1 || block.atRow + block.rows > site.target->rows ||
        block.atCol + block.cols > site.target->cols)
      throw Fault("expected blocks that form bands and lie inside their tiles");
    col += block.cols;
  }
  if (row + height != site.rows || col != site.cols)
    throw Fault("expected blocks that cover the weight");
}

SiteSpec readSite(const json &entry,
                  const std::map<std::string, std::shared_ptr<const TileTarget>> &targets,
                  const TensorFile &tensors) {
  SiteSpec site;
  site.layer = word(entry, "layer");
  try {
    site.weight = word(entry, "weight");
    if (entry.contains("initializer") && !entry["initializer"].is_null())
      site.initializer = word(entry, "initializer");
    site.rows = integer(entry, "rows");
    site.cols = integer(entry, "cols");
    if (entry.contains("input_range") && entry["input_range"].is_number())
      site.inputRange = entry["input_range"].get<double>();
    if (entry.contains("activity") && entry["activity"].is_string()) {
      auto found = tensors.tensors.find(entry["activity"].get<std::string>());
      if (found == tensors.tensors.end() || found->second.numel() != site.rows * 32)
        throw Fault("expected a tensor '" + entry["activity"].get<std::string>() + "' of " +
                    std::to_string(site.rows) + " x 32 shares");
      site.activity = found->second.to(at::kFloat).reshape({site.rows, 32});
    }
    if (!entry.contains("blocks") || !entry["blocks"].is_array() || entry["blocks"].empty())
      throw Fault("expected blocks");
    for (const json &block : entry["blocks"]) {
      auto target = targets.find(word(block, "target"));
      if (target == targets.end())
        throw Fault("expected a target of the spec, but got '" + word(block, "target") + "'");
      if (site.target && site.target != target->second)
        throw Fault("expected blocks on one target");
      site.target = target->second;
      site.blocks.push_back(readBlock(block, tensors));
      // As TileId::stream() of runtime/exec, which numbers targets by their sorted names.
      site.blocks.back().stream = std::distance(targets.begin(), target) << 60 |
                                  integer(block, "chip") << 30 | integer(block, "tile");
    }
    std::sort(site.blocks.begin(), site.blocks.end(), [](const TileBlock &a, const TileBlock &b) {
      return std::pair(a.row, a.col) < std::pair(b.row, b.col);
    });
    checkBlocks(site);
  } catch (const Fault &fault) {
    throw Fault("layer '" + site.layer + "': " + fault.what());
  }
  return site;
}
} // namespace

Result<TileTarget> parseTarget(const std::string &text, const std::string &name) {
  try {
    TileTarget target = read(json::parse(text));
    target.name = name;
    return target;
  } catch (const std::exception &error) {
    return tl::unexpected(Error{"target '" + name + "': " + error.what()});
  }
}

Result<std::vector<SiteSpec>> readSpec(const std::string &path) {
  std::ifstream stream(path);
  std::stringstream text;
  text << stream.rdbuf();
  if (!stream)
    return tl::unexpected(Error{path + ": cannot open the file"});
  try {
    json spec = json::parse(text.str());
    if (!spec.is_object() || spec.value("format", "") != "aimc-noise" ||
        spec.value("version", 0) != 1)
      throw Fault("expected a noise spec of version 1, as aimc-compile --emit-noise writes it");
    TensorFile tensors;
    if (spec.contains("tensors") && spec["tensors"].is_string()) {
      size_t slash = path.rfind('/');
      std::string folder = slash == std::string::npos ? "" : path.substr(0, slash + 1);
      auto read = readTensors(folder + spec["tensors"].get<std::string>());
      if (!read)
        return tl::unexpected(read.error());
      tensors = std::move(*read);
    }
    if (!spec.contains("targets") || !spec.contains("layers") || !spec["layers"].is_array())
      throw Fault("expected targets and layers");
    std::map<std::string, std::shared_ptr<const TileTarget>> targets;
    for (auto &[name, object] : spec["targets"].items()) {
      TileTarget target;
      try {
        target = read(object);
      } catch (const Fault &fault) {
        throw Fault("target '" + name + "': " + fault.what());
      }
      target.name = name;
      targets[name] = std::make_shared<const TileTarget>(target);
    }
    std::vector<SiteSpec> sites;
    for (const json &entry : spec["layers"]) {
      sites.push_back(readSite(entry, targets, tensors));
      sites.back().file = path;
    }
    return sites;
  } catch (const std::exception &error) {
    std::string what = error.what();
    return tl::unexpected(Error{path + ": " + what.substr(0, what.find('\n'))});
  }
}

std::vector<TileBlock> cutBlocks(int64_t rows, int64_t cols, const TileTarget &target) {
  std::vector<TileBlock> blocks;
  for (int64_t row = 0; row < rows; row += target.rows)
    for (int64_t col = 0; col < cols; col += target.cols) {
      int64_t height = std::min(target.rows, rows - row), width = std::min(target.cols, cols - col);
      blocks.push_back({row, height, col, width, target.rows - height, 0, {}, "", {}, {}});
    }
  return blocks;
}

} // namespace aimc::train
