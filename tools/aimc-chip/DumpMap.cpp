//===- DumpMap.cpp - aimc-chip dump-map -----------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Tile after tile: where each device is, what it should hold, what programming left in it, and what
// it has become at the chip's time.
//
//===----------------------------------------------------------------------===//
#include "Commands.h"

#include "MapFile.h"
#include "aimc/exec/Chip.h"
#include "aimc/exec/ChipFile.h"
#include "aimc/exec/Names.h"

namespace aimc::chip {

using namespace aimc::exec;

namespace {
Result<void> dumpBlock(const Chip &chip, const Chip::Tile &tile, size_t b, const TileState &wanted,
                       const TileState &made, MapFile &map) {
  const Chip::Placed &placed = tile.placed[b];
  const Block &block = chip.manifest().weights[placed.weight].blocks[placed.block];
  MapRow row;
  row.weight = static_cast<int32_t>(placed.weight);
  row.chip = static_cast<int32_t>(block.chip);
  row.tile = static_cast<int32_t>(block.tile);
  for (int64_t i = 0; i < block.rows; ++i)
    for (int64_t j = 0; j < block.cols; ++j)
      for (size_t k = 0; k < made.planes().size(); ++k) {
        const model::TileView target = wanted.targets(k);
        const model::TileView now = made.now(k);
        const Plane &plane = made.planes()[k];
        const int64_t cell = (block.atRow + i) * target.stride + block.atCol + j;
        row.row = static_cast<int32_t>(block.row + i);
        row.column = static_cast<int32_t>(block.col + j);
        row.tileRow = static_cast<int32_t>(block.atRow + i);
        row.tileColumn = static_cast<int32_t>(block.atCol + j);
        row.plane = static_cast<int32_t>(k);
        for (int32_t sign : {1, -1}) {
          row.sign = sign;
          row.targetUS = (sign > 0 ? target.gPlus : target.gMinus)[cell];
          row.programmedUS = (sign > 0 ? plane.plus : plane.minus)[static_cast<size_t>(cell)];
          row.nowUS = (sign > 0 ? now.gPlus : now.gMinus)[cell];
          if (auto done = map.add(row); !done)
            return done;
        }
      }
  return {};
}
} // namespace

Result<void> dumpMap(const Arguments &arguments) {
  auto package = openPackage(arguments.package);
  if (!package)
    return tl::unexpected(package.error());
  const Manifest &manifest = (*package)->manifest();
  std::shared_ptr<const ChipFile> saved;
  if (!arguments.chip.empty()) {
    auto file = openChip(arguments.chip);
    if (!file)
      return tl::unexpected(file.error());
    if (auto fits = (*file)->checkFits(manifest); !fits)
      return fits;
    saved = std::move(*file);
  }
  const std::string text = arguments.session.dump();
  auto options = saved ? Options::resume(text.c_str(), saved->options(), manifest)
                       : Options::parse(text.c_str(), manifest, "options");
  if (!options)
    return tl::unexpected(options.error());
  std::vector<std::string> names;
  bool found = arguments.weight.empty();
  for (const Weight &weight : manifest.weights) {
    names.push_back(weight.name);
    found = found || weight.name == arguments.weight;
  }
  if (!found)
    return fail(AIMC_INVALID_ARGUMENT, "--weight: the package has no weight named " +
                                           quote(arguments.weight) + "; it has " +
                                           nearestNames(arguments.weight, names));

  Threads threads(0);
  auto target = Chip::layOut(ChipSource(**package), *options, nullptr, threads);
  auto chip = Chip::layOut(ChipSource(**package), *options, saved, threads);
  if (!target || !chip)
    return tl::unexpected((target ? chip : target).error());
  auto map = makeMapFile(arguments.output, names);
  if (!map)
    return tl::unexpected(map.error());
  TileState wanted, restored;
  wanted.keepTargets = true;
  std::vector<TileBlock> wantedList, list;
  for (const Chip::Tile &tile : (*chip)->tiles()) {
    auto chosen = [&](const Chip::Placed &placed) {
      return arguments.weight.empty() || names[placed.weight] == arguments.weight;
    };
    bool any = false;
    for (const Chip::Placed &placed : tile.placed)
      any = any || chosen(placed);
    if (!any)
      continue;
    (*target)->devices(tile, wantedList, wanted);
    if (saved)
      (*chip)->devices(tile, list, restored);
    (saved ? restored : wanted).setTime(options->timeS);
    for (size_t b = 0; b < tile.placed.size(); ++b)
      if (chosen(tile.placed[b]))
        if (auto done = dumpBlock(**chip, tile, b, wanted, saved ? restored : wanted, **map); !done)
          return done;
  }
  return (*map)->finish();
}

} // namespace aimc::chip
