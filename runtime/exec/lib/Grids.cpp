//===- Grids.cpp - grid calls: one input, several weights -----------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/exec/Grids.h"

#include "aimc/model/Random.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>

namespace aimc::exec {

namespace {
/// Rows that are converted and read together: enough to use a panel of weights many times while it
/// is in the second-level cache, few enough that their pulses stay there too.
constexpr int64_t kChunkRows = 128;
/// Fewer are not worth a pass over the weights.
constexpr int64_t kLeastRows = 28;
/// Bound of the pulses that one pass keeps.
constexpr int64_t kPassBytes = 32 << 20;
/// Outputs of a task stay in the second-level cache while bands add to them.
constexpr int64_t kMaxUnitPanels = 8;
constexpr int64_t kUnitsPerThread = 4;
/// Planes times passes.
constexpr size_t kMaxConversions = 64;
} // namespace

Grids::Grids(const Manifest &manifest, const Options &options, const Chip &chip, Threads &threads)
    : manifest(manifest), options(options), chip(chip), threads(threads), kernels(bestKernels()) {
  sites.resize(manifest.grids.size());
  for (size_t g = 0; g < sites.size(); ++g)
    sites[g].sums.resize(manifest.grids[g].weights.size());
  replan();
  if (!options.record)
    return;
  recording.grids.resize(sites.size());
  recording.weights.resize(manifest.weights.size());
  for (const Weight &weight : manifest.weights)
    recording.blocks.emplace_back(weight.blocks.size());
}

void Grids::replan() {
  for (size_t g = 0; g < sites.size(); ++g) {
    if (!options.ideal)
      sites[g].plan = analogPlan(manifest, options, chip, g);
    if (options.ideal || options.compareIdeal || options.record)
      sites[g].exactPlan = exactPlan(manifest, chip, g);
  }
}

void Grids::run(size_t grid, int64_t rows, const float *x, float *const *y) {
  if (rows == 0)
    return;
  auto start = std::chrono::steady_clock::now();
  Site &site = sites[grid];
  const bool plain = options.ideal || options.record;
  execute(site, plain ? site.exactPlan : site.plan, rows, x, y, {});
  if (options.record && !options.ideal)
    record(site, grid, rows, x);
  site.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (options.compareIdeal && !plain)
    compare(site, rows, x, y);
  if (options.compareExact > 0 && !plain && site.plan.open)
    compareCircuit(site, std::min(rows, options.compareExact), x);
  ++site.calls;
  site.rows += rows;
}

void Grids::execute(Site &site, const Plan &plan, int64_t rows, const float *x, float *const *y,
                    const ReadMode &mode) {
  // Equal chunks: a last chunk of one row would cost a whole pass over the weights.
  int64_t chunks = (rows + kChunkRows - 1) / kChunkRows;
  // Blocks with columns in orders of their own are read whole: rows keep the threads busy then.
  if (plan.open && plan.whole && threads.count() > 1)
    chunks = std::max(chunks,
                      std::min<int64_t>(2 * threads.count(), (rows + kLeastRows - 1) / kLeastRows));
  int64_t chunkRows = (rows + chunks - 1) / chunks;
  int64_t chunkBytes = plan.noisy ? 2 : 1;
  for (const Band &band : plan.bands)
    chunkBytes = std::max<int64_t>(
        chunkBytes, static_cast<int64_t>(band.passes.size() * (1 + band.references.size())));
  chunkBytes *= chunkRows * plan.inputs * int64_t{sizeof(float)};
  int64_t passChunks = std::max<int64_t>(1, kPassBytes / std::max<int64_t>(1, chunkBytes));
  for (int64_t row = 0; row < rows; row += passChunks * chunkRows)
    executeRows(site, plan, row, std::min(rows - row, passChunks * chunkRows), chunkRows, x, y,
                mode);
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

namespace {
/// Power of every vector's inputs and of what lies beyond a fixed range, in its units; sums that
/// do not depend on how vectors are cut into chunks.
void measureClipping(std::vector<std::pair<float, float>> &sums, const float *x, int64_t stride,
                     int64_t vectors, int64_t count, const Dac &dac) {
  sums.clear();
  if (!(dac.range > 0) || !dac.quantise)
    return;
  constexpr int64_t kLanes = 16;
  constexpr float kMost = 1e15f; // keeps squares finite
  const float scale = 1.0f / std::max(dac.range, 1e-37f);
  for (int64_t r = 0; r < vectors; ++r, x += stride) {
    float power[kLanes] = {}, lost[kLanes] = {};
    auto add = [&](int64_t lane, float value) {
      const float size = std::min(std::fabs(value) * scale, kMost);
      const float over = std::max(size - 1.0f, 0.0f);
      power[lane] += size * size;
      lost[lane] += over * over;
    };
    int64_t i = 0;
    for (; i + kLanes <= count; i += kLanes)
      for (int64_t lane = 0; lane < kLanes; ++lane)
        add(lane, x[i + lane]);
    for (int64_t lane = 0; i < count; ++i, ++lane)
      add(lane, x[i]);
    for (int64_t lane = 1; lane < kLanes; ++lane) {
      power[0] += power[lane];
      lost[0] += lost[lane];
    }
    sums.emplace_back(power[0], lost[0]);
  }
}
} // namespace

void Grids::convert(const Plan &plan, int64_t row0, int64_t rows, int64_t chunkRows, const float *x,
                    bool arrive) {
  const int64_t chunks = (rows + chunkRows - 1) / chunkRows;
  const auto list = static_cast<int64_t>(plan.conversions);
  inputs.resize(std::max(inputs.size(), static_cast<size_t>(chunks * list)));
  rowPowers.resize(inputs.size());
  auto rowsOf = [&](int64_t chunk) { return std::min(chunkRows, rows - chunk * chunkRows); };
  // The band that place i of a chunk's list belongs to.
  auto bandAt = [&](size_t i, size_t Band::*first) {
    size_t b = plan.bands.size() - 1;
    while (plan.bands[b].*first > i)
      --b;
    return b;
  };
  threads.parallelFor(chunks * list, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const auto at = static_cast<size_t>(i % list);
      const Band &band = plan.bands[bandAt(at, &Band::firstInput)];
      PackedInput &input = inputs[static_cast<size_t>(i)];
      int64_t m = rowsOf(i / list);
      const float *from = x + (row0 + i / list * chunkRows) * plan.inputs + band.row;
      input.reserve(kernels, m, band.rows, band.noise != nullptr);
      if (plan.exact)
        kernels.packPlain(input, from, plan.inputs, m, band.rows);
      else
        kernels.packInput(input, from, plan.inputs, m, band.rows, band.passes[at - band.firstInput],
                          band.noise);
      if (!plan.exact && at == band.firstInput)
        measureClipping(rowPowers[static_cast<size_t>(i)], from, plan.inputs, m, band.rows,
                        band.passes.front());
    }
  });
  const auto through = static_cast<int64_t>(arrive ? plan.arrivals : 0);
  arrivals.resize(std::max(arrivals.size(), static_cast<size_t>(chunks * through)));
  if (through == 0)
    return;
  threads.parallelFor(chunks * through, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const auto at = static_cast<size_t>(i % through);
      size_t b = bandAt(at, &Band::firstArrival);
      while (plan.bands[b].references.empty())
        --b; // shares its place with the band that has some
      const Band &band = plan.bands[b];
      kernels.arrive(arrivals[static_cast<size_t>(i)],
                     inputs[static_cast<size_t>(i / through) * plan.conversions + band.firstInput +
                            at - band.firstArrival],
                     band.references);
    }
  });
}

void Grids::executeRows(Site &site, const Plan &plan, int64_t row0, int64_t rows, int64_t chunkRows,
                        const float *x, float *const *y, const ReadMode &mode) {
  const int64_t chunks = (rows + chunkRows - 1) / chunkRows;
  convert(plan, row0, rows, chunkRows, x, !mode.exact);
  const bool count = !plan.exact && !mode.quiet;
  if (count)
    for (const Band &band : plan.bands) {
      site.inputs += rows * band.rows;
      // Every pass sees the same codes.
      for (int64_t c = 0; c < chunks; ++c) {
        const size_t at = static_cast<size_t>(c) * plan.conversions + band.firstInput;
        const PackedInput &input = inputs[at];
        const auto &sums = rowPowers[at];
        site.clippedInputs += input.clipped;
        for (size_t r = 0; r < static_cast<size_t>(input.rows); ++r) {
          const bool broken = std::isnan(input.rowScale[r]);
          site.notFinite += broken;
          if (broken || sums.empty())
            continue;
          site.inputPower += double(sums[r].first);
          site.lostPower += double(sums[r].second);
        }
      }
    }

  planUnits(plan, chunks);
  const auto tasks = static_cast<int64_t>(units.size()) * chunks;
  unitCounters.assign(count ? static_cast<size_t>(tasks) : 0, {});
  // Chunks run fastest: a thread keeps its weights in cache from chunk to chunk.
  threads.parallelFor(tasks, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t)
      readUnit(site, plan, units[static_cast<size_t>(t / chunks)], t % chunks,
               t % chunks * chunkRows, row0, y, mode,
               count ? &unitCounters[static_cast<size_t>(t)] : nullptr);
  });
  // In task order, so that sums do not depend on threads.
  for (size_t t = 0; t < unitCounters.size(); ++t) {
    const Unit &unit = units[t / static_cast<size_t>(chunks)];
    ReadCounters &sum = site.sums[plan.ranges[unit.range].output].reads;
    sum.codes += unitCounters[t].codes;
    sum.saturated += unitCounters[t].saturated;
    sum.signalPower += unitCounters[t].signalPower;
    sum.noisePower += unitCounters[t].noisePower;
    sum.codePower += unitCounters[t].codePower;
  }
}

void Grids::readUnit(const Site &site, const Plan &plan, const Unit &unit, int64_t chunk,
                     int64_t chunkRow, int64_t row0, float *const *y, const ReadMode &mode,
                     ReadCounters *counters) const {
  const Range &range = plan.ranges[unit.range];
  const int64_t ldy = plan.outputs[range.output];
  float *out = y[range.output] + (row0 + chunkRow) * ldy;
  // Rows are numbered from the session's start, so that batches may be cut anywhere.
  const auto firstRow = static_cast<uint64_t>(site.readsBefore + site.rows + row0 + chunkRow);
  const PackedInput *input = inputs.data() + static_cast<size_t>(chunk) * plan.conversions;
  const ArrivedPulses *arrived = arrivals.data() + static_cast<size_t>(chunk) * plan.arrivals;
  std::array<Conversion, kMaxConversions> conversions;
  std::array<model::Stream, kMaxConversions> streams;
  for (const Piece &piece : range.pieces) {
    const Band &band = plan.bands[piece.band];
    int64_t panel0 = range.aligned ? unit.panel0 : 0;
    int64_t panel1 = range.aligned ? unit.panel1 : piece.planes[0]->panels();
    if (plan.exact) {
      kernels.gemm(*piece.planes[0], input[band.firstInput], panel0, panel1, out + piece.col, ldy,
                   !piece.first);
      continue;
    }
    size_t n = 0;
    for (size_t p = 0; p < band.passes.size(); ++p)
      for (size_t k = 0; k < piece.planes.size(); ++k, ++n) {
        Conversion &c = conversions[n] = {};
        c.block = piece.planes[k];
        c.input = input + band.firstInput + p;
        const PackedOpen *open = c.block->open.get();
        if (!mode.exact && open && !piece.references[k].empty()) {
          c.arrived = arrived + band.firstArrival + p;
          c.panelReference = piece.references[k].data();
        }
        if (!band.noise || mode.quiet)
          continue;
        // Call site, block, plane and pass name a stream.
        streams[n] =
            model::makeStream(options.seed, model::StreamKind::Read,
                              piece.drawId | uint64_t{k} << kPlaneBit | uint64_t{p} << kPassBit,
                              static_cast<uint32_t>(firstRow >> 32));
        c.draws = {&streams[n], static_cast<uint32_t>(firstRow)};
      }
    kernels.read(std::span(conversions.data(), n), panel0, panel1, mode, out + piece.col, ldy,
                 !piece.first, counters);
  }
}

std::vector<float *> Grids::scratchOutputs(const Plan &plan, int64_t rows,
                                           std::vector<std::vector<float>> &buffers) const {
  std::vector<float *> pointers;
  buffers.resize(std::max(buffers.size(), plan.outputs.size()));
  for (size_t i = 0; i < plan.outputs.size(); ++i) {
    buffers[i].resize(static_cast<size_t>(rows * plan.outputs[i]));
    pointers.push_back(buffers[i].data());
  }
  return pointers;
}

void Grids::compare(Site &site, int64_t rows, const float *x, float *const *y) {
  const Plan &plan = site.exactPlan;
  const auto pointers = scratchOutputs(plan, rows, exactOutputs);
  execute(site, plan, rows, x, pointers.data(), {});
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

/// The configured fidelity against the circuit itself, both without noise and converters.
void Grids::compareCircuit(Site &site, int64_t rows, const float *x) {
  const Plan &plan = site.plan;
  const auto exact = scratchOutputs(plan, rows, exactOutputs);
  const auto fast = scratchOutputs(plan, rows, circuitOutputs);
  ReadMode mode;
  mode.quiet = true;
  execute(site, plan, rows, x, fast.data(), mode);
  mode.exact = true;
  execute(site, plan, rows, x, exact.data(), mode);
  for (size_t i = 0; i < plan.outputs.size(); ++i)
    for (int64_t e = 0; e < rows * plan.outputs[i]; ++e) {
      const double wanted = exact[i][e], difference = static_cast<double>(fast[i][e]) - wanted;
      site.sums[i].circuitSignal += wanted * wanted;
      site.sums[i].circuitError += difference * difference;
    }
}

void Grids::reset() {
  for (Site &site : sites) {
    site.calls = site.rows = site.inputs = site.clippedInputs = site.notFinite = 0;
    site.inputPower = site.lostPower = 0;
    site.seconds = 0;
    std::fill(site.sums.begin(), site.sums.end(), OutputSums{});
  }
  for (RecordedGrid &grid : recording.grids)
    grid = {};
  for (RecordedWeight &weight : recording.weights)
    weight = {};
  for (auto &weight : recording.blocks)
    std::fill(weight.begin(), weight.end(), RecordedBlock{});
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

} // namespace aimc::exec
