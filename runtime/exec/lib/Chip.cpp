//===- Chip.cpp - one programmed chip instance ----------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/exec/Chip.h"

#include "aimc/exec/ChipFile.h"
#include "aimc/model/Converter.h"
#include "aimc/model/Crossbar.h"
#include "aimc/model/Ladder.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

namespace aimc::exec {

using nlohmann::json;

namespace {
/// 512 rows of 32 columns are 64 KiB: a panel stays in the second-level cache.
constexpr int64_t kExactBandRows = 512;
} // namespace

ChipSource::ChipSource(const Manifest &manifest) : manifest(&manifest) {
  weights.resize(manifest.weights.size());
  activity.assign(manifest.weights.size(), nullptr);
  for (const Weight &weight : manifest.weights)
    scales.emplace_back(weight.blocks.size(), nullptr);
}

ChipSource::ChipSource(const Package &package) : ChipSource(package.manifest()) {
  name = "weights.safetensors: tensor ";
  auto find = [&](const std::string &tensor) -> const float * {
    const StoredTensor *found = tensor.empty() ? nullptr : package.weights().find(tensor);
    return found ? reinterpret_cast<const float *>(found->data) : nullptr;
  };
  for (size_t w = 0; w < manifest->weights.size(); ++w) {
    const Weight &weight = manifest->weights[w];
    weights[w] = {find(weight.tensor), weight.rows, weight.cols,
                  weight.transposed ? 1 : weight.cols, weight.transposed ? weight.rows : 1};
    activity[w] = find(weight.activity);
    for (size_t b = 0; b < weight.blocks.size(); ++b)
      scales[w][b] = find(weight.blocks[b].scales);
  }
}

/// Buffers of one thread, reused from tile to tile.
struct Chip::Scratch {
  TileState state;
  std::vector<TileBlock> list;
  AlignedVector<float> transfer, weff, outUS;
};

Chip::Chip(ChipSource source, const Options &options, std::shared_ptr<const ChipFile> saved)
    : source(std::move(source)), options(options), saved(std::move(saved)) {}

model::WeightView Chip::view(size_t weight, int64_t row, int64_t rows, int64_t col,
                             int64_t cols) const {
  model::WeightView view = source.weights[weight];
  view.data += row * view.rowStride + col * view.colStride;
  view.rows = rows;
  view.cols = cols;
  return view;
}

void Chip::findTiles() {
  std::map<std::tuple<size_t, int64_t, int64_t>, Tile> found;
  for (size_t w = 0; w < manifest().weights.size(); ++w)
    for (size_t b = 0; b < manifest().weights[w].blocks.size(); ++b) {
      const Block &block = manifest().weights[w].blocks[b];
      Tile &tile = found[{static_cast<size_t>(block.target), block.chip, block.tile}];
      tile.id = {static_cast<uint64_t>(block.target), static_cast<uint64_t>(block.chip),
                 static_cast<uint64_t>(block.tile)};
      tile.placed.push_back({w, b});
      tile.usedDevices += block.rows * block.cols;
    }
  for (auto &[where, tile] : found)
    tileList.push_back(std::move(tile));
}

model::Compensate Chip::compensation(const Block &block) const {
  return options.compensate.value_or(block.compensate);
}

bool Chip::predistorted(size_t weight, size_t block) const {
  return options.effects.wire && compensation(manifest().weights[weight].blocks[block]) ==
                                     model::Compensate::WeightsAndPulses;
}

void Chip::request(const Tile &tile, bool life, std::vector<TileBlock> &list,
                   TileState::Request &request) const {
  list.clear();
  for (const Placed &placed : tile.placed) {
    const Block &block = manifest().weights[placed.weight].blocks[placed.block];
    TileBlock entry;
    entry.weight = view(placed.weight, block.row, block.rows, block.col, block.cols);
    entry.atRow = block.atRow;
    entry.atCol = block.atCol;
    entry.compensate = compensation(block);
    if (const float *activity = source.activity[placed.weight])
      entry.activity = activity + block.row * model::kActivityBins;
    if (options.scale)
      entry.rule = *options.scale;
    else
      entry.scales = source.scales[placed.weight][placed.block];
    list.push_back(entry);
  }
  request.target = &options.targets[tile.id.target];
  request.blocks = list;
  request.id = tile.id;
  request.seed = options.seed;
  request.effects = options.effects;
  request.life = life;
  request.givenPlus = source.givenPlus;
  request.givenMinus = source.givenMinus;
}

void Chip::makeDevices(const Tile &tile, bool life, std::vector<TileBlock> &list,
                       TileState &state) const {
  TileState::Request wanted;
  request(tile, life, list, wanted);
  if (saved)
    saved->restore(wanted, state);
  else
    state.program(wanted);
}

void Chip::devices(const Tile &tile, std::vector<TileBlock> &list, TileState &state) const {
  makeDevices(tile, true, list, state);
}

void Chip::buildTile(Tile &tile, Scratch &scratch) {
  makeDevices(tile, options.timeS.has_value(), scratch.list, scratch.state);
  tile.scaled = scratch.state.scaleReport();
  tile.driftFactors.clear();
  const size_t planes = scratch.state.planes().size();
  // Compensation reads the tile as it was, too.
  std::vector<std::vector<PackedBlock>> fresh;
  if (options.timeS && options.driftCompensation != DriftCompensation::None) {
    scratch.state.setTime(std::nullopt);
    for (size_t k = 0; k < planes; ++k)
      packPlane(tile, k, scratch);
    for (const Placed &placed : tile.placed) {
      std::vector<PackedBlock> &packed = blocks[placed.weight][placed.block];
      fresh.emplace_back(std::move(packed));
      packed.resize(planes);
    }
  }
  scratch.state.setTime(options.timeS);
  for (size_t k = 0; k < planes; ++k)
    packPlane(tile, k, scratch);
  if (!fresh.empty())
    compensateDrift(tile, fresh);
}

/// Folds the wires of a plane and packs its part of every block.
void Chip::packPlane(const Tile &tile, size_t plane, Scratch &scratch) {
  const Target &target = options.targets[tile.id.target];
  const TileState &state = scratch.state;
  const model::TileView devices = state.now(plane);
  const model::Wires wires = state.wires(plane);
  const int64_t stride = target.cols;
  const bool open = target.idle == model::Idle::Open && (wires.any() || target.vOffV != 0);
  const bool leaks = target.vOffV != 0 && options.effects.adc;
  scratch.outUS.resize(static_cast<size_t>(target.cols));
  if (!open && wires.any() && !wires.rows()) {
    int64_t firstCol = target.cols, endCol = 0;
    for (const TileBlock &block : scratch.list) {
      firstCol = std::min(firstCol, block.atCol);
      endCol = std::max(endCol, block.atCol + block.weight.cols);
    }
    scratch.transfer.resize(static_cast<size_t>(target.rows * stride));
    model::foldTile(devices, wires, target.readout, firstCol, endCol - firstCol,
                    scratch.transfer.data() + firstCol, stride,
                    leaks ? scratch.outUS.data() + firstCol : nullptr);
  }

  double significance = 0;
  for (double factor : target.significance)
    significance += factor;
  const Plane &programmed = state.planes()[plane];
  for (size_t b = 0; b < scratch.list.size(); ++b) {
    const Placed &placed = tile.placed[b];
    const Block &block = manifest().weights[placed.weight].blocks[placed.block];
    const int64_t corner = block.atRow * stride + block.atCol;
    BlockSource from;
    from.rows = block.rows;
    from.cols = block.cols;
    from.gPlus = devices.gPlus + corner;
    from.gMinus = devices.gMinus + corner;
    from.gStride = stride;
    if (!open && wires.rows()) {
      scratch.transfer.resize(static_cast<size_t>(target.rows * stride));
      scratch.weff.resize(static_cast<size_t>(target.rows * stride));
      model::foldCrossbar(devices, wires, target.readout, state.window(b),
                          scratch.weff.data() + corner, scratch.transfer.data() + corner, stride,
                          {}, leaks ? scratch.outUS.data() + block.atCol : nullptr);
      from.weff = scratch.weff.data() + corner;
      from.weffStride = stride;
    }
    if (!open && wires.any()) {
      from.transfer = scratch.transfer.data() + corner;
      from.transferStride = stride;
    }
    from.columnScale = state.digitalScales(b, plane).data();
    from.range = target.range;
    from.readVolt = target.readV;
    from.tickNs = target.tickNs;
    from.adc = target.adc;
    if (block.lsbFc && !options.lsbGiven[tile.id.target])
      from.adc.lsbFc = *block.lsbFc;
    if (!options.effects.adc)
      from.adc.kind = model::AdcKind::Ideal;
    from.noise = noise(tile.id.target);
    from.readNoiseScale = target.readNoiseScale;
    from.significance = target.significance[plane] / significance;
    if (options.effects.adc && !programmed.gain.empty()) {
      from.adcGain = programmed.gain.data() + block.atCol;
      from.adcOffsetLsb = programmed.offsetLsb.data() + block.atCol;
    }
    from.adcCalibrated = target.adcCalibrated;
    if (leaks) {
      from.vOffV = target.vOffV;
      if (!open) {
        if (!wires.any()) // G_out is the sum of a whole column
          for (int64_t j = block.atCol; j < block.atCol + block.cols; ++j) {
            double sum = 0;
            for (int64_t i = 0; i < target.rows; ++i)
              sum += static_cast<double>(devices.gPlus[i * stride + j]) +
                     static_cast<double>(devices.gMinus[i * stride + j]);
            scratch.outUS[static_cast<size_t>(j)] = static_cast<float>(sum);
          }
        from.columnOutUS = scratch.outUS.data() + block.atCol;
      }
    }
    OpenSource disconnected;
    if (open) {
      disconnected.tile = devices;
      disconnected.window = state.window(b);
      disconnected.wires = wires;
      disconnected.readout = target.readout;
      disconnected.fidelity = target.fidelity;
      disconnected.passes = dacPasses(target);
      disconnected.histogram = scratch.list[b].activity;
      disconnected.exact = options.compareExact > 0;
      disconnected.predistort = predistorted(placed.weight, placed.block);
      from.open = &disconnected;
    }
    blocks[placed.weight][placed.block][plane] = packBlock(from);
  }
}

void Chip::packExact(size_t weight) {
  const Weight &w = manifest().weights[weight];
  for (int64_t row = 0; row < w.rows; row += kExactBandRows) {
    int64_t rows = std::min(kExactBandRows, w.rows - row);
    exactBands[weight].push_back({row, packWeights(view(weight, row, rows, 0, w.cols))});
  }
}

Result<std::unique_ptr<Chip>> Chip::layOut(ChipSource source, const Options &options,
                                           std::shared_ptr<const ChipFile> saved,
                                           Threads &threads) {
  std::unique_ptr<Chip> chip(new Chip(std::move(source), options, std::move(saved)));
  if (auto good = chip->checkWeights(threads); !good)
    return tl::unexpected(good.error());
  chip->findTiles();
  return chip;
}

Result<std::unique_ptr<Chip>> Chip::program(ChipSource source, const Options &options,
                                            std::shared_ptr<const ChipFile> saved,
                                            Threads &threads) {
  auto start = std::chrono::steady_clock::now();
  auto made = layOut(std::move(source), options, std::move(saved), threads);
  if (!made)
    return made;
  std::unique_ptr<Chip> chip = std::move(*made);
  const Manifest &manifest = chip->manifest();
  for (const Target &target : options.targets) {
    bool noisy = !options.ideal && options.effects.readNoise && target.deviceModel().noisyReads() &&
                 target.readNoiseScale > 0;
    chip->noiseTables.push_back(
        noisy ? std::make_unique<model::ReadNoiseTable>(model::makeReadNoiseTable(
                    model::converterLevels(target.dacBits), target.tickNs))
              : nullptr);
  }
  chip->blocks.resize(manifest.weights.size());
  chip->exactBands.resize(manifest.weights.size());
  for (size_t w = 0; w < manifest.weights.size(); ++w)
    for (const Block &block : manifest.weights[w].blocks)
      chip->blocks[w].emplace_back(
          static_cast<size_t>(options.targets[static_cast<size_t>(block.target)].pairs()));
  if (options.ideal || options.compareIdeal || options.record)
    threads.parallelFor(static_cast<int64_t>(manifest.weights.size()),
                        [&](int64_t begin, int64_t end) {
                          for (int64_t w = begin; w < end; ++w)
                            chip->packExact(static_cast<size_t>(w));
                        });
  chip->rebuild(threads);
  chip->programSeconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return chip;
}

void Chip::rebuild(Threads &threads) {
  if (options.ideal)
    return;
  threads.parallelFor(static_cast<int64_t>(tileList.size()), [&](int64_t begin, int64_t end) {
    Scratch scratch;
    for (int64_t t = begin; t < end; ++t)
      buildTile(tileList[static_cast<size_t>(t)], scratch);
  });
}

model::ScaleReport Chip::scaleReport() const {
  model::ScaleReport sum;
  for (const Tile &tile : tileList)
    sum += tile.scaled;
  return sum;
}

json Chip::statistics() const {
  json text = {{"program_s", programSeconds}, {"tiles", json::array()}};
  text["time_s"] = options.timeS ? json(*options.timeS) : json();
  std::map<std::string, std::pair<int64_t, int64_t>> totals; // tiles, used devices
  for (const Tile &tile : tileList) {
    const Target &target = options.targets[tile.id.target];
    double devices = static_cast<double>(target.rows) * static_cast<double>(target.cols);
    json entry = {{"target", target.name},
                  {"chip", tile.id.chip},
                  {"tile", tile.id.tile},
                  {"blocks", tile.placed.size()},
                  {"used_cells", tile.usedDevices},
                  {"utilisation", static_cast<double>(tile.usedDevices) / devices}};
    if (!tile.driftFactors.empty()) {
      double sum = 0, columns = 0;
      for (const std::vector<float> &block : tile.driftFactors)
        for (float factor : block) {
          sum += static_cast<double>(factor);
          columns += 1;
        }
      entry["drift_factor"] = sum / columns;
      entry["drift_factors"] = tile.driftFactors;
    }
    text["tiles"].push_back(std::move(entry));
    auto &[count, used] = totals[target.name];
    ++count;
    used += tile.usedDevices;
  }
  text["targets"] = json::object();
  for (const Target &target : options.targets) {
    auto [count, used] = totals[target.name];
    double devices = static_cast<double>(target.rows) * static_cast<double>(target.cols) *
                     static_cast<double>(count);
    text["targets"][target.name] = {
        {"tiles", count},
        {"used_cells", used},
        {"utilisation", count ? static_cast<double>(used) / devices : 0.0}};
  }
  return text;
}

} // namespace aimc::exec
