//===- SpecJson.cpp - noise specs -----------------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Sites and their places as python/aimc/torch/spec.py reads them.
//
//===----------------------------------------------------------------------===//
#include "Json.h"

#include "aimc/exec/TargetFile.h"
#include "aimc/files/Seal.h"
#include "aimc/files/Text.h"

#include <ATen/ATen.h>
#include <algorithm>
#include <fstream>
#include <sstream>

namespace aimc::train {

using nlohmann::json;

namespace {
namespace limits = model::limits;
constexpr int64_t kExtent = (int64_t(1) << 31) - 1, kBins = 32;

using Targets = std::map<std::string, std::shared_ptr<const TileTarget>>;

std::vector<std::string> namesOf(const Targets &targets) {
  std::vector<std::string> names;
  for (const auto &[name, target] : targets)
    names.push_back(name);
  return names;
}

TileBlock readBlock(const Entry &entry, const Targets &targets, const TensorFile &tensors) {
  entry.allow({"name", "target", "row", "rows", "col", "cols", "chip", "tile", "at_row", "at_col",
               "scales", "lsb_fc", "compensate"});
  TileBlock block;
  block.row = entry.integer("row", 0, kExtent);
  block.col = entry.integer("col", 0, kExtent);
  block.atRow = entry.integer("at_row", 0, kExtent);
  block.atCol = entry.integer("at_col", 0, kExtent);
  block.rows = entry.integer("rows", 1, kExtent);
  block.cols = entry.integer("cols", 1, kExtent);
  auto target = targets.find(entry.word("target", namesOf(targets)));
  if (entry.has("compensate"))
    block.compensate = entry.word("compensate", {"none", "gain", "weights", "weights+pulses"});
  if (block.compensate == "weights+pulses" && !target->second->circuit.open)
    throw entry.wrong("compensate", "none, gain or weights with idle = midrail");
  block.scales = entry.tensor("scales", tensors, {block.cols});
  if (entry.has("lsb_fc"))
    block.lsbFC = entry.real("lsb_fc", 1e-9, 1e9);
  // Targets are numbered by their sorted names, as the runtime does.
  auto number = [&](const char *key) {
    return static_cast<uint64_t>(
        entry.integer(key, limits::kChipOrTile.low, limits::kChipOrTile.high));
  };
  const uint64_t chip = number("chip"), tile = number("tile");
  block.stream = static_cast<int64_t>(limits::tileStream(
      static_cast<uint64_t>(std::distance(targets.begin(), target)), chip, tile));
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
    if (block.row != row || block.rows != height || block.col != col ||
        block.atRow + block.rows > site.target->rows ||
        block.atCol + block.cols > site.target->cols)
      throw Fault("expected blocks that form bands and lie inside their tiles");
    col += block.cols;
  }
  if (row + height != site.rows || col != site.cols)
    throw Fault("expected blocks that cover the weight, " + std::to_string(site.rows) + " x " +
                std::to_string(site.cols));
}

SiteSpec readSite(const Entry &entry, const Targets &targets, const TensorFile &tensors) {
  entry.allow({"layer", "weight", "initializer", "transposed", "rows", "cols", "grid",
               "input_range", "activity", "blocks"});
  SiteSpec site;
  for (const Entry &block : entry.entries("blocks")) {
    const auto &target = targets.at(block.word("target", namesOf(targets)));
    if (site.target && site.target != target)
      throw Fault("expected blocks on one target, but got " + site.target->name + ", " +
                  target->name);
    site.target = target;
    site.blocks.push_back(readBlock(block, targets, tensors));
  }
  std::sort(site.blocks.begin(), site.blocks.end(), [](const TileBlock &a, const TileBlock &b) {
    return std::pair(a.row, a.col) < std::pair(b.row, b.col);
  });
  site.rows = entry.integer("rows", 1, kExtent);
  site.cols = entry.integer("cols", 1, kExtent);
  checkBlocks(site);
  site.weight = entry.name("weight");
  if (entry.has("initializer"))
    site.initializer = entry.name("initializer");
  entry.flag("transposed"); // the model's file says it too
  if (entry.has("grid"))
    entry.integer("grid", 0, kExtent); // names draws of reads, which aimc.torch evaluates with
  if (entry.has("input_range"))
    site.inputRange = entry.real("input_range", 1e-30, 1e30);
  site.activity = entry.tensor("activity", tensors, {site.rows, kBins});
  return site;
}

SiteSpec readLayer(const Entry &entry, const Targets &targets, const TensorFile &tensors) {
  const std::string layer = entry.name("layer");
  try {
    SiteSpec site = readSite(entry.alone(), targets, tensors);
    site.layer = layer;
    return site;
  } catch (const Fault &fault) {
    throw Fault("layer '" + layer + "': " + fault.what());
  }
}

Targets readTargets(const Entry &spec) {
  const json *named = spec.raw("targets");
  if (!named || !named->is_object() || named->empty() ||
      named->size() > static_cast<size_t>(limits::kTargets.high))
    throw spec.wrong("targets",
                     "an object of 1 to " + std::to_string(limits::kTargets.high) + " targets");
  Targets targets;
  for (const auto &[name, object] : named->items()) {
    // A program has written it: what is missing is lost, and no default stands for it.
    exec::TargetSource source{name, "target " + exec::quote(name)};
    source.partial = false;
    source.training = true;
    auto target = readTarget(object, source);
    if (!target)
      throw Fault(target.error().message);
    targets[name] = std::make_shared<TileTarget>(std::move(*target));
  }
  return targets;
}
} // namespace

Result<std::vector<SiteSpec>> readSpec(const std::string &path) {
  std::ifstream stream(path);
  std::stringstream text;
  text << stream.rdbuf();
  if (!stream)
    return tl::unexpected(Error{path + ": cannot open the file"});
  try {
    const json object = parseJson(text.str());
    const Entry spec(object, "");
    const json *format = spec.raw("format"), *version = spec.raw("version");
    if (!format || *format != "aimc-noise")
      throw spec.wrong("format", "'aimc-noise'");
    if (!version || !version->is_number_integer() || *version != 1)
      throw spec.wrong("version", "version 1 of a noise spec");
    spec.allow({"format", "version", "tensors", "layers", "targets"});
    TensorFile tensors;
    if (spec.has("tensors")) {
      const std::string name = spec.name("tensors");
      if (name.find('/') != std::string::npos)
        throw spec.wrong("tensors", "the name of a file beside the spec");
      size_t slash = path.rfind('/');
      const std::string beside =
          (slash == std::string::npos ? "" : path.substr(0, slash + 1)) + name;
      auto read = readTensors(beside);
      if (!read)
        return tl::unexpected(read.error());
      tensors = std::move(*read);
      for (const auto &[key, value] : tensors.metadata)
        if (key != "format" && key != files::kSealKey) // a damaged key must not pass for no seal
          return tl::unexpected(Error{beside + ": expected metadata of a noise spec, format and " +
                                      std::string(files::kSealKey) + ", but got " + shown(key)});
    }
    const Targets targets = readTargets(spec);
    std::vector<SiteSpec> sites;
    for (const Entry &entry : spec.entries("layers")) {
      sites.push_back(readLayer(entry, targets, tensors));
      sites.back().file = path;
    }
    return sites;
  } catch (const std::exception &error) {
    std::string what = error.what();
    return tl::unexpected(Error{files::printable(path + ": " + what.substr(0, what.find('\n')))});
  }
}

} // namespace aimc::train
