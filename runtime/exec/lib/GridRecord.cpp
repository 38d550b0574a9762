//===- GridRecord.cpp - a grid call that only looks -----------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Sessions with option `record` pass exact products on; beside them this counts what inputs look
// like to the DACs and what charges the tiles would have given. Each histogram is filled by one
// task in the order of the rows.
//
//===----------------------------------------------------------------------===//
#include "aimc/exec/Grids.h"
#include "aimc/model/Converter.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

namespace aimc::exec {

namespace {
constexpr int64_t kRecordRows = 64; ///< rows converted at once

/// The pass with the longest pulses.
size_t longestPass(const std::vector<Dac> &passes) {
  size_t best = 0;
  for (size_t p = 1; p < passes.size(); ++p)
    if (passes[p].longest() >= passes[best].longest())
      best = p;
  return best;
}

/// Adds rows [row, row + bandRows) of every vector to their histograms.
void countActivity(RecordedWeight &weight, int64_t row, int64_t bandRows, float range,
                   int64_t vectors, const float *x, int64_t stride) {
  const auto bins = static_cast<float>(model::kActivityBins);
  for (int64_t v = 0; v < vectors; ++v) {
    const float *from = x + v * stride + row;
    const float full = range > 0.0f ? range : model::absMax({from, static_cast<size_t>(bandRows)});
    const float scale = full > 0.0f ? bins / full : 0.0f;
    for (int64_t i = 0; i < bandRows; ++i) {
      const float at = std::fabs(from[i]) * scale;
      if (!std::isfinite(from[i]))
        continue;
      const auto bin = at < bins ? static_cast<int64_t>(at) : model::kActivityBins - 1;
      ++weight.counts[static_cast<size_t>((row + i) * model::kActivityBins + bin)];
    }
  }
}
} // namespace

void Grids::record(Site &site, size_t grid, int64_t rows, const float *x) {
  const Plan &plan = site.plan;
  const int64_t stride = plan.inputs;
  RecordedGrid &seen = recording.grids[grid];
  seen.vectors += rows;

  // Magnitudes: integer counts, so slices may come in any order.
  const auto slices = static_cast<int64_t>(threads.count());
  std::vector<MagnitudeHistogram> parts(static_cast<size_t>(slices));
  threads.parallelFor(slices, [&](int64_t begin, int64_t end) {
    for (int64_t s = begin; s < end; ++s)
      for (int64_t i = rows * stride * s / slices; i < rows * stride * (s + 1) / slices; ++i)
        parts[static_cast<size_t>(s)].add(x[i]);
  });
  for (const MagnitudeHistogram &part : parts)
    seen.input.add(part);

  // Each weight once a call, by the bands of its own blocks.
  const Grid &site_ = manifest.grids[grid];
  std::set<size_t> weights;
  for (int w : site_.weights)
    weights.insert(static_cast<size_t>(w));
  for (size_t w : weights) {
    RecordedWeight &weight = recording.weights[w];
    if (weight.counts.empty())
      weight.counts.assign(static_cast<size_t>(manifest.weights[w].rows * model::kActivityBins), 0);
    std::vector<std::pair<int64_t, int64_t>> bands;
    for (const Block &block : manifest.weights[w].blocks)
      if (block.col == 0)
        bands.emplace_back(block.row, block.rows);
    threads.parallelFor(static_cast<int64_t>(bands.size()), [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b)
        countActivity(weight, bands[static_cast<size_t>(b)].first,
                      bands[static_cast<size_t>(b)].second,
                      static_cast<float>(site_.inputRange.value_or(0.0)), rows, x, stride);
    });
  }

  // Charges: a block belongs to one task. A weight that the grid names twice is read once.
  std::vector<const Piece *> pieces;
  std::set<std::pair<size_t, size_t>> known;
  for (const Range &range : plan.ranges)
    for (const Piece &piece : range.pieces)
      if (known.insert({piece.weight, piece.block}).second)
        pieces.push_back(&piece);
  ReadMode mode;
  mode.charges = mode.quiet = true;
  for (int64_t row0 = 0; row0 < rows; row0 += kRecordRows) {
    const int64_t n = std::min(kRecordRows, rows - row0);
    convert(plan, row0, n, kRecordRows, x, true);
    threads.parallelFor(static_cast<int64_t>(pieces.size()), [&](int64_t begin, int64_t end) {
      std::vector<float> charges;
      for (int64_t i = begin; i < end; ++i) {
        const Piece &piece = *pieces[static_cast<size_t>(i)];
        const Band &band = plan.bands[piece.band];
        const size_t pass = longestPass(band.passes);
        RecordedBlock &block = recording.blocks[piece.weight][piece.block];
        for (size_t k = 0; k < piece.planes.size(); ++k) {
          const PackedBlock *plane = piece.planes[k];
          Conversion c;
          c.block = plane;
          c.input = &inputs[band.firstInput + pass];
          if (!piece.references[k].empty()) {
            c.arrived = &arrivals[band.firstArrival + pass];
            c.panelReference = piece.references[k].data();
          }
          charges.assign(static_cast<size_t>(n * plane->cols), 0.0f);
          kernels.read(std::span(&c, 1), 0, plane->panels(), mode, charges.data(), plane->cols,
                       false);
          for (float q : charges) {
            block.charge.add(q);
            block.power += static_cast<double>(q) * static_cast<double>(q);
          }
          block.count += n * plane->cols;
        }
      }
    });
  }
}

} // namespace aimc::exec
