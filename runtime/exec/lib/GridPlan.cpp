//===- GridPlan.cpp - what a grid call converts and reads -----------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/exec/Grids.h"
#include "aimc/model/Converter.h"

#include <algorithm>
#include <map>

namespace aimc::exec {

namespace {
/// The conversions of a code, in the order that their results are added.
std::vector<Dac> passesOf(const Target &target, const Options &options, float range,
                          const PackedOpen *predistort) {
  Dac dac;
  dac.levels = model::converterLevels(target.dacBits);
  dac.quantise = options.effects.dac;
  dac.range = range;
  dac.predistort = predistort;
  std::vector<Dac> passes;
  const auto list = dacPasses(target);
  if (list.size() == 1 || !dac.quantise)
    return {dac};
  for (const model::DacPass &pass : list) {
    dac.shift = pass.shift;
    dac.mask = (int32_t(1) << pass.bits) - 1;
    passes.push_back(dac);
  }
  return passes;
}

bool same(const std::vector<Dac> &a, const std::vector<Dac> &b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Dac &x, const Dac &y) {
    return x.levels == y.levels && x.shift == y.shift && x.mask == y.mask &&
           x.predistort == y.predistort;
  });
}

/// Columns lie in the same panels.
bool sameColumns(const PackedBlock &a, const PackedBlock &b) {
  const bool sortedA = a.open && !a.open->column.empty();
  const bool sortedB = b.open && !b.open->column.empty();
  return sortedA == sortedB && (!sortedA || a.open->column == b.open->column);
}
} // namespace

/// Places in the lists of what a chunk converts.
void Grids::numberConversions(Plan &plan) {
  plan.conversions = plan.arrivals = 0;
  for (Band &band : plan.bands) {
    band.firstInput = plan.conversions;
    band.firstArrival = plan.arrivals;
    plan.conversions += band.passes.size();
    plan.arrivals += band.references.empty() ? 0 : band.passes.size();
  }
}

void Grids::addBlock(Plan &plan, const Chip &chip, const Grid &grid, size_t w, size_t b,
                     std::vector<Piece> &pieces, uint64_t drawId) const {
  const Block &block = manifest.weights[w].blocks[b];
  const Target &target = options.targets[static_cast<size_t>(block.target)];
  Piece piece;
  for (size_t k = 0; k < chip.planes(w, b); ++k)
    piece.planes.push_back(&chip.block(w, b, k));
  const PackedBlock &first = *piece.planes[0];
  Band band;
  band.row = block.row;
  band.rows = block.rows;
  band.passes = passesOf(target, options, static_cast<float>(grid.inputRange.value_or(0.0)),
                         chip.predistorted(w, b) ? first.open.get() : nullptr);
  band.noise = chip.noise(static_cast<size_t>(block.target));
  size_t index = 0;
  while (index < plan.bands.size() &&
         !(plan.bands[index].row == band.row && plan.bands[index].rows == band.rows &&
           same(plan.bands[index].passes, band.passes) && plan.bands[index].noise == band.noise))
    ++index;
  if (index == plan.bands.size())
    plan.bands.push_back(band);
  plan.noisy = plan.noisy || band.noise;
  plan.open = plan.open || first.open;
  piece.references.resize(piece.planes.size());
  for (size_t k = 0; k < piece.planes.size(); ++k) {
    const PackedOpen *open = piece.planes[k]->open.get();
    if (!open || open->fidelity != model::Fidelity::OneProduct)
      continue;
    auto &references = plan.bands[index].references;
    std::vector<int32_t> places;
    for (const OpenReference &reference : open->references) {
      auto found = std::find(references.begin(), references.end(), reference);
      places.push_back(static_cast<int32_t>(found - references.begin()));
      if (found == references.end())
        references.push_back(reference);
    }
    for (int32_t panel : open->panelReference)
      piece.references[k].push_back(places[static_cast<size_t>(panel)]);
  }
  piece.band = index;
  piece.col = block.col;
  piece.first = block.row == 0;
  piece.drawId = drawId;
  piece.weight = w;
  piece.block = b;
  pieces.push_back(std::move(piece));
}

Grids::Plan Grids::analogPlan(const Manifest &manifest, const Options &options, const Chip &chip,
                              size_t gridIndex) const {
  const Grid &grid = manifest.grids[gridIndex];
  Plan plan;
  plan.inputs = manifest.weights[static_cast<size_t>(grid.weights[0])].rows;
  uint64_t drawId = grid.drawId + (static_cast<uint64_t>(gridIndex) << kCallSiteBit);
  for (size_t output = 0; output < grid.weights.size(); ++output) {
    auto w = static_cast<size_t>(grid.weights[output]);
    const Weight &weight = manifest.weights[w];
    plan.outputs.push_back(weight.cols);

    std::vector<Piece> pieces;
    // cuts[c]: how many bands begin a block at column c; a cut of all bands separates ranges.
    std::map<int64_t, int64_t> cuts;
    int64_t bandCount = 0;
    for (size_t b = 0; b < weight.blocks.size(); ++b) {
      addBlock(plan, chip, grid, w, b, pieces, drawId++);
      ++cuts[weight.blocks[b].col];
      bandCount += weight.blocks[b].col == 0;
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
          const PackedBlock &block = *piece.planes[0];
          range.aligned = range.aligned && piece.col == starts[s] && piece.col + block.cols == end;
          for (const PackedBlock *plane : piece.planes)
            range.aligned = range.aligned && sameColumns(*plane, *range.pieces[0].planes[0]);
        }
      range.panels = range.aligned ? range.pieces[0].planes[0]->panels() : 1;
      plan.ranges.push_back(std::move(range));
    }
  }
  plan.whole = std::none_of(plan.ranges.begin(), plan.ranges.end(),
                            [](const Range &range) { return range.aligned; });
  numberConversions(plan);
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
        Band band;
        band.row = bands[b].row;
        band.rows = bands[b].block.rows;
        band.passes.resize(1);
        plan.bands.push_back(std::move(band));
      }
      Piece piece;
      piece.planes = {&bands[b].block};
      piece.band = b;
      piece.first = b == 0;
      range.pieces.push_back(std::move(piece));
    }
    range.panels = bands[0].block.panels();
    plan.ranges.push_back(std::move(range));
  }
  numberConversions(plan);
  return plan;
}

} // namespace aimc::exec
