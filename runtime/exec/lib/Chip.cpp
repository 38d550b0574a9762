//===- Chip.cpp - one programmed chip instance ----------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/exec/Chip.h"

#include "aimc/model/Converter.h"
#include "aimc/model/Drift.h"
#include "aimc/model/Ladder.h"
#include "aimc/model/Random.h"

#include <algorithm>
#include <atomic>
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

/// Names a tile in random streams. Target indices are below 16, chip and tile below 2^30.
uint64_t tileId(size_t target, int64_t chip, int64_t tile) {
  return uint64_t{target} << 60 | static_cast<uint64_t>(chip) << 30 | static_cast<uint64_t>(tile);
}

/// The plus and the minus device of a cell draw from streams of their own.
enum Device : uint32_t { Plus = 0, Minus = 1 };
} // namespace

/// Conductances of one tile; owned by one thread, reused from tile to tile.
struct Chip::Scratch {
  AlignedVector<float> plus, minus, transfer, normals;
  std::vector<float> scales;
};

model::WeightView Chip::view(size_t weight, int64_t row, int64_t rows, int64_t col,
                             int64_t cols) const {
  const Weight &w = package.manifest().weights[weight];
  const auto *data = reinterpret_cast<const float *>(package.weights().find(w.tensor)->data);
  model::WeightView view;
  view.rows = rows;
  view.cols = cols;
  view.rowStride = w.transposed ? 1 : w.cols;
  view.colStride = w.transposed ? w.rows : 1;
  view.data = data + row * view.rowStride + col * view.colStride;
  return view;
}

void Chip::findTiles() {
  const Manifest &manifest = package.manifest();
  std::map<std::tuple<size_t, int64_t, int64_t>, Tile> found;
  for (size_t w = 0; w < manifest.weights.size(); ++w)
    for (size_t b = 0; b < manifest.weights[w].blocks.size(); ++b) {
      const Block &block = manifest.weights[w].blocks[b];
      auto target = static_cast<size_t>(block.target);
      Tile &tile = found[{target, block.chip, block.tile}];
      tile.target = target;
      tile.chip = block.chip;
      tile.index = block.tile;
      tile.placed.push_back({w, b});
      tile.usedDevices += block.rows * block.cols;
    }
  for (auto &[where, tile] : found)
    tiles.push_back(std::move(tile));
}

void Chip::programTile(const Tile &tile, Scratch &scratch) {
  const Manifest &manifest = package.manifest();
  const Target &target = options.targets[tile.target];
  const Kernels &kernels = bestKernels();
  const int64_t stride = target.cols;
  const auto cells = static_cast<size_t>(target.rows * stride);
  const auto rest = static_cast<float>(target.range.gMinUS);
  scratch.plus.assign(cells, rest);
  scratch.minus.assign(cells, rest);
  scratch.normals.resize(static_cast<size_t>(target.cols));

  const uint64_t id = tileId(tile.target, tile.chip, tile.index);
  const bool pcm = target.device == "pcm";
  const auto noiseScale = static_cast<float>(target.programmingNoiseScale);
  const bool noisy = pcm && options.effects.programming && noiseScale > 0;
  auto eachRow = [&](const Block &block, model::StreamKind kind, auto &&apply) {
    for (Device device : {Plus, Minus}) {
      model::Stream stream = model::makeStream(options.seed, kind, id, device);
      float *cell = (device == Plus ? scratch.plus : scratch.minus).data();
      for (int64_t row = block.atRow; row < block.atRow + block.rows; ++row) {
        kernels.normals(stream, static_cast<uint32_t>(row), static_cast<uint32_t>(block.atCol),
                        block.cols, scratch.normals.data());
        apply(cell + row * stride + block.atCol, block.cols);
      }
    }
  };

  int64_t firstCol = target.cols, endCol = 0;
  size_t scaleCount = 0;
  for (const Placed &placed : tile.placed)
    scaleCount += static_cast<size_t>(manifest.weights[placed.weight].blocks[placed.block].cols);
  scratch.scales.resize(scaleCount);
  float *scale = scratch.scales.data();
  for (const Placed &placed : tile.placed) {
    const Block &block = manifest.weights[placed.weight].blocks[placed.block];
    model::WeightView weight = view(placed.weight, block.row, block.rows, block.col, block.cols);
    int64_t corner = block.atRow * stride + block.atCol;
    model::columnScales(weight, scale);
    model::targetBlock(weight, scale, target.range, scratch.plus.data() + corner,
                       scratch.minus.data() + corner, stride);
    if (noisy)
      eachRow(block, model::StreamKind::Programming, [&](float *g, int64_t n) {
        if (noiseScale != 1)
          for (int64_t i = 0; i < n; ++i)
            scratch.normals[static_cast<size_t>(i)] *= noiseScale;
        model::pcmProgramRow(g, scratch.normals.data(), n, target.range);
      });
    if (pcm && options.timeS)
      eachRow(block, model::StreamKind::Drift, [&](float *g, int64_t n) {
        model::pcmDriftRow(g, scratch.normals.data(), n, target.range, *options.timeS);
      });
    firstCol = std::min(firstCol, block.atCol);
    endCol = std::max(endCol, block.atCol + block.cols);
    scale += block.cols;
  }

  const bool wired = options.effects.wire && target.columnOhm > 0;
  if (wired) {
    scratch.transfer.resize(cells);
    model::TileView whole{scratch.plus.data(), scratch.minus.data(), target.rows, target.cols,
                          stride};
    model::foldTile(whole, model::wireFromOhm(target.columnOhm), target.readout, firstCol,
                    endCol - firstCol, scratch.transfer.data() + firstCol, stride);
  }

  scale = scratch.scales.data();
  for (const Placed &placed : tile.placed) {
    const Block &block = manifest.weights[placed.weight].blocks[placed.block];
    int64_t corner = block.atRow * stride + block.atCol;
    BlockSource source;
    source.rows = block.rows;
    source.cols = block.cols;
    source.gPlus = scratch.plus.data() + corner;
    source.gMinus = scratch.minus.data() + corner;
    source.gStride = stride;
    source.transfer = wired ? scratch.transfer.data() + corner : nullptr;
    source.transferStride = stride;
    source.columnScale = scale;
    source.range = target.range;
    source.readVolt = target.readV;
    source.tickNs = target.tickNs;
    source.adc = target.adc;
    if (!options.effects.adc)
      source.adc.kind = model::AdcKind::Ideal;
    source.noise = noise(tile.target);
    PackedBlock packed = packBlock(source);
    if (source.noise && target.readNoiseScale != 1) {
      const auto factor = static_cast<float>(target.readNoiseScale * target.readNoiseScale);
      for (auto *part : {&packed.varianceScale, &packed.varianceSlope})
        for (float &value : *part)
          value *= factor;
    }
    blocks[placed.weight][placed.block] = std::move(packed);
    scale += block.cols;
  }
}

void Chip::packExact(size_t weight) {
  const Weight &w = package.manifest().weights[weight];
  for (int64_t row = 0; row < w.rows; row += kExactBandRows) {
    int64_t rows = std::min(kExactBandRows, w.rows - row);
    exactBands[weight].push_back({row, packWeights(view(weight, row, rows, 0, w.cols))});
  }
}

Result<void> Chip::checkFinite(Threads &threads) const {
  const auto &weights = package.manifest().weights;
  std::vector<char> bad(weights.size(), 0);
  threads.parallelFor(static_cast<int64_t>(weights.size()), [&](int64_t begin, int64_t end) {
    for (int64_t w = begin; w < end; ++w) {
      const StoredTensor *tensor = package.weights().find(weights[size_t(w)].tensor);
      const auto *data = reinterpret_cast<const uint32_t *>(tensor->data);
      // All exponent bits set is infinity or NaN; the loop has no branch, so it runs at memory
      // speed.
      uint32_t seen = 0;
      for (size_t i = 0; i < tensor->bytes / sizeof(float); ++i)
        seen |= (data[i] & 0x7f800000u) == 0x7f800000u;
      bad[size_t(w)] = seen != 0;
    }
  });
  for (size_t w = 0; w < bad.size(); ++w)
    if (bad[w])
      return fail(AIMC_BAD_PACKAGE, "weights.safetensors: tensor " + quote(weights[w].tensor) +
                                        ": expected finite values, but got nan or inf");
  return {};
}

Result<std::unique_ptr<Chip>> Chip::program(const Package &package, const Options &options,
                                            Threads &threads) {
  auto start = std::chrono::steady_clock::now();
  std::unique_ptr<Chip> chip(new Chip(package, options));
  if (auto finite = chip->checkFinite(threads); !finite)
    return tl::unexpected(finite.error());
  chip->findTiles();
  const Manifest &manifest = package.manifest();
  for (const Target &target : options.targets) {
    bool noisy = !options.ideal && options.effects.readNoise && target.device == "pcm" &&
                 target.readNoiseScale > 0;
    chip->noiseTables.push_back(
        noisy ? std::make_unique<model::ReadNoiseTable>(model::makeReadNoiseTable(
                    model::converterLevels(target.dacBits), target.tickNs))
              : nullptr);
  }
  chip->blocks.resize(manifest.weights.size());
  chip->exactBands.resize(manifest.weights.size());
  for (size_t w = 0; w < manifest.weights.size(); ++w)
    chip->blocks[w].resize(manifest.weights[w].blocks.size());
  if (options.ideal || options.compareIdeal)
    threads.parallelFor(static_cast<int64_t>(manifest.weights.size()),
                        [&](int64_t begin, int64_t end) {
                          for (int64_t w = begin; w < end; ++w)
                            chip->packExact(static_cast<size_t>(w));
                        });
  if (!options.ideal)
    threads.parallelFor(static_cast<int64_t>(chip->tiles.size()), [&](int64_t begin, int64_t end) {
      Scratch scratch;
      for (int64_t t = begin; t < end; ++t)
        chip->programTile(chip->tiles[static_cast<size_t>(t)], scratch);
    });
  chip->programSeconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return chip;
}

json Chip::statistics() const {
  json text = {{"program_s", programSeconds}, {"tiles", json::array()}};
  std::map<std::string, std::pair<int64_t, int64_t>> totals; // tiles, used devices
  for (const Tile &tile : tiles) {
    const Target &target = options.targets[tile.target];
    double devices = static_cast<double>(target.rows) * static_cast<double>(target.cols);
    text["tiles"].push_back({{"target", target.name},
                             {"chip", tile.chip},
                             {"tile", tile.index},
                             {"blocks", tile.placed.size()},
                             {"used_cells", tile.usedDevices},
                             {"utilisation", static_cast<double>(tile.usedDevices) / devices}});
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
