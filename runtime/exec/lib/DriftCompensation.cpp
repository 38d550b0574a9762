//===- DriftCompensation.cpp - digital scales for an aged tile ------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A calibration set goes through a tile right after programming and again at the chip's time, both
// times as any input does: DAC, read noise, ADC. With outputs a and b, the factor that brings b
// closest to a is sum a b / sum b^2, over a column or over the tile. The first read is a function
// of the programmed devices and its own random stream, so it need not be kept: a chip that is
// saved and taken up again gets the same factors.
//
//===----------------------------------------------------------------------===//
#include "aimc/exec/Chip.h"
#include "aimc/exec/Grids.h"
#include "aimc/model/Random.h"

#include <algorithm>
#include <stdexcept>

namespace aimc::exec {

namespace {
constexpr int64_t kVectors = 64;

/// Streams of calibration: its read noise, and the inputs, which are the same at every time.
enum Sub : uint32_t { kReads = 0, kInputs = 1 };

/// A package of the blocks of one tile, each a weight with a grid of its own.
Manifest tileManifest(const Manifest &whole, const Options &options, const Chip::Tile &tile) {
  Manifest manifest;
  manifest.targets = options.targets;
  manifest.targetTexts = options.targetTexts;
  for (const Chip::Placed &placed : tile.placed) {
    Weight weight = whole.weights[placed.weight];
    Block block = weight.blocks[placed.block];
    block.row = block.col = 0;
    weight.rows = block.rows;
    weight.cols = block.cols;
    weight.blocks = {block};
    Grid grid;
    grid.weights = {static_cast<int>(manifest.weights.size())};
    manifest.weights.push_back(std::move(weight));
    manifest.grids.push_back(std::move(grid));
  }
  return manifest;
}
} // namespace

/// Outputs [kVectors x cols] of every block, `seconds` after programming.
Result<std::vector<std::vector<float>>> Chip::readCalibration(const Tile &tile,
                                                              std::optional<double> seconds) const {
  const Manifest part = tileManifest(manifest(), options, tile);
  Options then = options;
  then.timeS = seconds;
  then.driftCompensation = DriftCompensation::None;
  then.compareIdeal = then.record = false;
  then.compareExact = 0;
  ChipSource from(part);
  from.givenPlus = source.givenPlus;
  from.givenMinus = source.givenMinus;
  for (size_t i = 0; i < tile.placed.size(); ++i) {
    const Placed &placed = tile.placed[i];
    const Block &block = manifest().weights[placed.weight].blocks[placed.block];
    from.weights[i] = view(placed.weight, block.row, block.rows, block.col, block.cols);
    from.scales[i][0] = source.scales[placed.weight][placed.block];
    if (const float *activity = source.activity[placed.weight])
      from.activity[i] = activity + block.row * model::kActivityBins;
  }
  Threads alone(1);
  auto chip = Chip::program(std::move(from), then, saved, alone);
  if (!chip)
    return tl::unexpected(chip.error());

  auto noise =
      model::makeStream(options.seed, model::StreamKind::Calibration, tile.id.stream(), kReads);
  if (seconds)
    noise = model::atTime(noise, *seconds);
  Options reading = then;
  reading.seed = uint64_t{noise.key[1]} << 32 | noise.key[0];
  Grids grids(part, reading, **chip, alone);
  const auto inputs =
      model::makeStream(options.seed, model::StreamKind::Calibration, tile.id.stream(), kInputs);
  std::vector<std::vector<float>> outputs;
  std::vector<float> x;
  for (size_t i = 0; i < part.weights.size(); ++i) {
    const Weight &weight = part.weights[i];
    x.resize(static_cast<size_t>(kVectors * weight.rows));
    for (int64_t v = 0; v < kVectors; ++v)
      bestKernels().normals(inputs, static_cast<uint32_t>(v), 0, weight.rows,
                            x.data() + v * weight.rows);
    outputs.emplace_back(static_cast<size_t>(kVectors * weight.cols));
    float *const y[] = {outputs.back().data()};
    grids.run(i, kVectors, x.data(), y);
  }
  return outputs;
}

void Chip::compensateDrift(Tile &tile, std::vector<std::vector<float>> &factors) const {
  const auto before = readCalibration(tile, std::nullopt);
  const auto now = readCalibration(tile, options.timeS);
  if (!before || !now)
    throw std::runtime_error((before ? now : before).error().message);
  double sumOfFactors = 0, columns = 0, wholeCross = 0, wholePower = 0;
  std::vector<std::vector<double>> cross, power;
  for (size_t b = 0; b < now->size(); ++b) {
    const std::vector<float> &first = (*before)[b], &second = (*now)[b];
    const size_t cols = second.size() / static_cast<size_t>(kVectors);
    cross.emplace_back(cols, 0.0);
    power.emplace_back(cols, 0.0);
    for (size_t i = 0; i < second.size(); ++i) {
      const double a = first[i], c = second[i];
      cross[b][i % cols] += a * c;
      power[b][i % cols] += c * c;
    }
    for (size_t j = 0; j < cols; ++j) {
      wholeCross += cross[b][j];
      wholePower += power[b][j];
    }
  }
  // A column without signal keeps its scale; one whose sign noise has turned is worth nothing.
  auto factor = [](double crossed, double powered) {
    return powered > 0 ? std::max(0.0, crossed / powered) : 1.0;
  };
  const bool perColumn = options.driftCompensation == DriftCompensation::Column;
  factors.assign(cross.size(), {});
  for (size_t b = 0; b < cross.size(); ++b)
    for (size_t j = 0; j < cross[b].size(); ++j) {
      const double alpha =
          perColumn ? factor(cross[b][j], power[b][j]) : factor(wholeCross, wholePower);
      sumOfFactors += alpha;
      columns += 1;
      factors[b].push_back(static_cast<float>(alpha));
    }
  tile.driftFactor = columns > 0 ? sumOfFactors / columns : 1.0;
}

} // namespace aimc::exec
