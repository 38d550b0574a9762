//===- Grids.cpp - grid calls: one input, several weights -----------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/exec/Grids.h"

#include "aimc/model/Converter.h"
#include "aimc/model/Random.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

namespace aimc::exec {

using nlohmann::json;

namespace {
/// Rows that are converted and read together: enough to use a panel of weights many times while it
/// is in the second-level cache, few enough that their pulses stay there too.
constexpr int64_t kChunkRows = 128;
/// Bound of the pulses that one pass keeps.
constexpr int64_t kPassBytes = 32 << 20;
/// Outputs of a task stay in the second-level cache while bands add to them.
constexpr int64_t kMaxUnitPanels = 8;
constexpr int64_t kUnitsPerThread = 4;
} // namespace

Grids::Grids(const Manifest &manifest, const Options &options, const Chip &chip, Threads &threads)
    : manifest(manifest), options(options), threads(threads), kernels(bestKernels()) {
  sites.resize(manifest.grids.size());
  for (size_t g = 0; g < sites.size(); ++g) {
    if (!options.ideal)
      sites[g].plan = analogPlan(manifest, options, chip, g);
    if (options.ideal || options.compareIdeal)
      sites[g].exactPlan = exactPlan(manifest, chip, g);
    sites[g].sums.resize(manifest.grids[g].weights.size());
  }
}

Grids::Plan Grids::analogPlan(const Manifest &manifest, const Options &options, const Chip &chip,
                              size_t gridIndex) const {
  const Grid &grid = manifest.grids[gridIndex];
  Plan plan;
  plan.inputs = manifest.weights[static_cast<size_t>(grid.weights[0])].rows;
  uint64_t drawId = static_cast<uint64_t>(gridIndex) << 32;
  for (size_t output = 0; output < grid.weights.size(); ++output) {
    auto w = static_cast<size_t>(grid.weights[output]);
    const Weight &weight = manifest.weights[w];
    plan.outputs.push_back(weight.cols);

    std::vector<Piece> pieces;
    // cuts[c]: how many bands begin a block at column c; a cut of all bands separates ranges.
    std::map<int64_t, int64_t> cuts;
    int64_t bandCount = 0;
    for (size_t b = 0; b < weight.blocks.size(); ++b) {
      const Block &block = weight.blocks[b];
      const Target &target = options.targets[static_cast<size_t>(block.target)];
      Band band;
      band.row = block.row;
      band.rows = block.rows;
      band.dac.levels = model::converterLevels(target.dacBits);
      band.dac.quantise = options.effects.dac;
      band.dac.range = static_cast<float>(grid.inputRange.value_or(0.0));
      band.noise = chip.noise(static_cast<size_t>(block.target));
      size_t index = 0;
      while (index < plan.bands.size() &&
             !(plan.bands[index].row == band.row && plan.bands[index].rows == band.rows &&
               plan.bands[index].dac.levels == band.dac.levels &&
               plan.bands[index].noise == band.noise))
        ++index;
      if (index == plan.bands.size())
        plan.bands.push_back(band);
      plan.maxBandRows = std::max(plan.maxBandRows, band.rows);
      plan.noisy = plan.noisy || band.noise;
      pieces.push_back({&chip.block(w, b), index, block.col, block.row == 0, drawId++});
      ++cuts[block.col];
      bandCount += block.col == 0;
    }
    std::vector<int64_t> starts;
    for (auto [col, count] : cuts)
      if (count == bandCount)
        starts.push_back(col);
    for (size_t s = 0; s < starts.size(); ++s) {
      int64_t end = s + 1 < starts.size() ? starts[s + 1] : weight.cols;
      Range range;
      range.output = output;
      for (const Piece &piece : pieces) // blocks are sorted by row, so bands are in order
        if (piece.col >= starts[s] && piece.col < end) {
          range.pieces.push_back(piece);
          range.aligned =
              range.aligned && piece.col == starts[s] && piece.col + piece.block->cols == end;
        }
      range.panels = range.aligned ? range.pieces[0].block->panels() : 1;
      plan.ranges.push_back(std::move(range));
    }
  }
  return plan;
}

Grids::Plan Grids::exactPlan(const Manifest &manifest, const Chip &chip, size_t gridIndex) const {
  const Grid &grid = manifest.grids[gridIndex];
  Plan plan;
  plan.exact = true;
  for (size_t output = 0; output < grid.weights.size(); ++output) {
    auto w = static_cast<size_t>(grid.weights[output]);
    plan.inputs = manifest.weights[w].rows;
    plan.outputs.push_back(manifest.weights[w].cols);
    Range range;
    range.output = output;
    const auto &bands = chip.exact(w);
    for (size_t b = 0; b < bands.size(); ++b) {
      if (output == 0) {
        plan.bands.push_back({bands[b].row, bands[b].block.rows, Dac{}, nullptr});
        plan.maxBandRows = std::max(plan.maxBandRows, bands[b].block.rows);
      }
      range.pieces.push_back({&bands[b].block, b, 0, b == 0, 0});
    }
    range.panels = bands[0].block.panels();
    plan.ranges.push_back(std::move(range));
  }
  return plan;
}

void Grids::run(size_t grid, int64_t rows, const float *x, float *const *y) {
  if (rows == 0)
    return;
  auto start = std::chrono::steady_clock::now();
  Site &site = sites[grid];
  execute(site, options.ideal ? site.exactPlan : site.plan, rows, x, y);
  site.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (options.compareIdeal && !options.ideal)
    compare(site, rows, x, y);
  ++site.calls;
  site.rows += rows;
}

void Grids::execute(Site &site, const Plan &plan, int64_t rows, const float *x, float *const *y) {
  // Equal chunks: a last chunk of one row would cost a whole pass over the weights.
  int64_t chunks = (rows + kChunkRows - 1) / kChunkRows;
  int64_t chunkRows = (rows + chunks - 1) / chunks;
  int64_t chunkBytes = chunkRows * plan.inputs * int64_t{sizeof(float)} * (plan.noisy ? 2 : 1);
  int64_t passChunks = std::max<int64_t>(1, kPassBytes / std::max<int64_t>(1, chunkBytes));
  for (int64_t row = 0; row < rows; row += passChunks * chunkRows)
    executeRows(site, plan, row, std::min(rows - row, passChunks * chunkRows), chunkRows, x, y);
}

void Grids::planUnits(const Plan &plan, int64_t chunks) {
  int64_t panels = 0;
  for (const Range &range : plan.ranges)
    panels += range.panels;
  int64_t wanted = kUnitsPerThread * threads.count();
  int64_t each = std::clamp<int64_t>(panels * chunks / wanted, 1, kMaxUnitPanels);
  units.clear();
  for (size_t r = 0; r < plan.ranges.size(); ++r)
    for (int64_t p = 0; p < plan.ranges[r].panels; p += each)
      units.push_back({r, p, std::min(p + each, plan.ranges[r].panels)});
}

void Grids::executeRows(Site &site, const Plan &plan, int64_t row0, int64_t rows, int64_t chunkRows,
                        const float *x, float *const *y) {
  const int64_t chunks = (rows + chunkRows - 1) / chunkRows;
  const auto bands = static_cast<int64_t>(plan.bands.size());
  if (static_cast<int64_t>(inputs.size()) < chunks * bands)
    inputs.resize(static_cast<size_t>(chunks * bands));
  auto rowsOf = [&](int64_t chunk) { return std::min(chunkRows, rows - chunk * chunkRows); };

  threads.parallelFor(chunks * bands, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const Band &band = plan.bands[static_cast<size_t>(i % bands)];
      PackedInput &input = inputs[static_cast<size_t>(i)];
      int64_t m = rowsOf(i / bands);
      const float *from = x + (row0 + i / bands * chunkRows) * plan.inputs + band.row;
      input.reserve(kernels, m, band.rows, band.noise != nullptr);
      if (plan.exact)
        kernels.packPlain(input, from, plan.inputs, m, band.rows);
      else
        kernels.packInput(input, from, plan.inputs, m, band.rows, band.dac, band.noise);
    }
  });
  if (!plan.exact) {
    for (int64_t i = 0; i < chunks * bands; ++i)
      site.clippedInputs += inputs[static_cast<size_t>(i)].clipped;
    for (const Band &band : plan.bands)
      site.inputs += rows * band.rows;
  }

  planUnits(plan, chunks);
  const auto tasks = static_cast<int64_t>(units.size()) * chunks;
  unitCounters.assign(plan.exact ? 0 : static_cast<size_t>(tasks), {});
  // Chunks run fastest: a thread keeps its weights in cache from chunk to chunk.
  threads.parallelFor(tasks, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t)
      readUnit(site, plan, units[static_cast<size_t>(t / chunks)], t % chunks,
               t % chunks * chunkRows, row0, y,
               plan.exact ? nullptr : &unitCounters[static_cast<size_t>(t)]);
  });
  // In task order, so that sums do not depend on threads.
  for (size_t t = 0; t < unitCounters.size(); ++t) {
    const Unit &unit = units[t / static_cast<size_t>(chunks)];
    ReadCounters &sum = site.sums[plan.ranges[unit.range].output].reads;
    sum.codes += unitCounters[t].codes;
    sum.saturated += unitCounters[t].saturated;
    sum.signalPower += unitCounters[t].signalPower;
    sum.noisePower += unitCounters[t].noisePower;
  }
}

void Grids::readUnit(const Site &site, const Plan &plan, const Unit &unit, int64_t chunk,
                     int64_t chunkRow, int64_t row0, float *const *y,
                     ReadCounters *counters) const {
  const Range &range = plan.ranges[unit.range];
  const int64_t ldy = plan.outputs[range.output];
  float *out = y[range.output] + (row0 + chunkRow) * ldy;
  // Rows are numbered from the session's start, so that batches may be cut anywhere.
  const auto firstRow = static_cast<uint64_t>(site.readsBefore + site.rows + row0 + chunkRow);
  for (const Piece &piece : range.pieces) {
    const PackedInput &input = inputs[static_cast<size_t>(chunk) * plan.bands.size() + piece.band];
    int64_t panel0 = range.aligned ? unit.panel0 : 0;
    int64_t panel1 = range.aligned ? unit.panel1 : piece.block->panels();
    if (plan.exact) {
      kernels.gemm(*piece.block, input, panel0, panel1, out + piece.col, ldy, !piece.first);
      continue;
    }
    ReadDraws draws;
    model::Stream stream;
    if (plan.bands[piece.band].noise) {
      stream = model::makeStream(options.seed, model::StreamKind::Read, piece.drawId,
                                 static_cast<uint32_t>(firstRow >> 32));
      draws = {&stream, static_cast<uint32_t>(firstRow)};
    }
    kernels.read(*piece.block, input, panel0, panel1, draws, out + piece.col, ldy, !piece.first,
                 counters);
  }
}

void Grids::compare(Site &site, int64_t rows, const float *x, float *const *y) {
  const Plan &plan = site.exactPlan;
  std::vector<float *> pointers;
  exactOutputs.resize(std::max(exactOutputs.size(), plan.outputs.size()));
  for (size_t i = 0; i < plan.outputs.size(); ++i) {
    exactOutputs[i].resize(static_cast<size_t>(rows * plan.outputs[i]));
    pointers.push_back(exactOutputs[i].data());
  }
  execute(site, plan, rows, x, pointers.data());
  for (size_t i = 0; i < plan.outputs.size(); ++i) {
    OutputSums &sums = site.sums[i];
    for (int64_t e = 0; e < rows * plan.outputs[i]; ++e) {
      double exact = exactOutputs[i][static_cast<size_t>(e)];
      double difference = static_cast<double>(y[i][e]) - exact;
      sums.signal += exact * exact;
      sums.error += difference * difference;
    }
  }
}

void Grids::reset() {
  for (Site &site : sites) {
    site.calls = site.rows = site.inputs = site.clippedInputs = 0;
    site.seconds = 0;
    std::fill(site.sums.begin(), site.sums.end(), OutputSums{});
  }
}

std::vector<int64_t> Grids::reads() const {
  std::vector<int64_t> counts;
  for (const Site &site : sites)
    counts.push_back(site.readsBefore + site.rows);
  return counts;
}

void Grids::startAfter(std::span<const int64_t> reads) {
  for (size_t g = 0; g < sites.size() && g < reads.size(); ++g)
    sites[g].readsBefore = reads[g];
}

namespace {
/// 10 log10(signal / error); null where that is no number.
json decibel(double signal, double error) {
  double value = 10 * std::log10(signal / error);
  return std::isfinite(value) ? json(value) : json(nullptr);
}

json rate(int64_t part, int64_t whole) {
  return whole ? json(static_cast<double>(part) / static_cast<double>(whole)) : json(nullptr);
}
} // namespace

json Grids::statistics() const {
  json text = json::array();
  for (size_t g = 0; g < sites.size(); ++g) {
    const Site &site = sites[g];
    const Grid &grid = manifest.grids[g];
    json entry = {{"grid", g},
                  {"layer", grid.layer},
                  {"calls", site.calls},
                  {"rows", site.rows},
                  {"seconds", site.seconds},
                  {"dac_clip_rate", rate(site.clippedInputs, site.inputs)},
                  {"weights", json::array()}};
    for (size_t i = 0; i < grid.weights.size(); ++i) {
      const OutputSums &sums = site.sums[i];
      json weight = {{"weight", manifest.weights[static_cast<size_t>(grid.weights[i])].name},
                     {"adc_codes", sums.reads.codes},
                     {"adc_clip_rate", rate(sums.reads.saturated, sums.reads.codes)},
                     {"read_snr_db", decibel(sums.reads.signalPower, sums.reads.noisePower)}};
      if (options.compareIdeal && !options.ideal)
        weight["snr_db"] = decibel(sums.signal, sums.error);
      entry["weights"].push_back(std::move(weight));
    }
    text.push_back(std::move(entry));
  }
  return text;
}

} // namespace aimc::exec
