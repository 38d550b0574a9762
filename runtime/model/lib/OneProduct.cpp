//===- OneProduct.cpp - open rows as one matrix product -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/model/OneProduct.h"

#include <algorithm>

namespace aimc::model {

ReferenceColumn referenceColumn(const TileView &tile, const Wires &wires, const BlockWindow &window,
                                bool atFirstRow, double gRef) {
  Wires uniform = wires;
  uniform.columnFactor = nullptr;
  return {window.rows, static_cast<float>(gRef), static_cast<float>(wireFromOhm(wires.columnOhm)),
          static_cast<float>(wireToAdc(tile, uniform, window, 0, atFirstRow)), atFirstRow};
}

MeanReference referenceMean(const ReferenceColumn &r, const RowActivity &activity) {
  MeanReference result;
  result.column = r;
  const int64_t rows = r.rows, chunks = (rows + kChunkCells - 1) / kChunkCells;
  result.mean.assign(static_cast<size_t>(rows), 0.0);
  std::vector<double> transfer(static_cast<size_t>(chunks));
  for (int64_t s = 0; s < activity.slots; ++s) {
    const float *p = activity.probability.data() + s * rows;
    const float *u = activity.share.data() + s * rows;
    double b = 1.0, a = 0.0;
    for (int64_t step = 0; step < chunks; ++step) {
      const int64_t chunk = r.reversed ? chunks - 1 - step : step;
      b += static_cast<double>(chunkWire(r, step)) * a;
      transfer[static_cast<size_t>(chunk)] = b;
      double on = 0.0;
      for (int64_t i = chunk * kChunkCells; i < std::min(rows, (chunk + 1) * kChunkCells); ++i)
        on += static_cast<double>(p[i]);
      a += on * static_cast<double>(r.conductance) * b;
    }
    b += static_cast<double>(chunkWire(r, chunks)) * a;
    result.out += activity.width[static_cast<size_t>(s)] * a / b;
    for (int64_t i = 0; i < rows; ++i)
      result.mean[static_cast<size_t>(i)] +=
          static_cast<double>(u[i]) * transfer[static_cast<size_t>(i / kChunkCells)] / b;
  }
  return result;
}

std::vector<double> ownShares(const RowActivity &activity) {
  const auto rows = static_cast<size_t>(activity.rows);
  std::vector<double> own(rows, 0.0);
  for (size_t c = 0; c < activity.share.size(); ++c)
    own[c % rows] +=
        static_cast<double>(activity.share[c]) * static_cast<double>(activity.probability[c]);
  return own;
}

std::vector<double> awayResistance(const ReferenceColumn &r, std::span<const double> own) {
  std::vector<double> away;
  for (int64_t i = 0; i < r.rows; ++i) {
    const auto pieces = static_cast<double>(r.reversed ? i : r.rows - 1 - i);
    away.push_back((1.0 - own[static_cast<size_t>(i)]) *
                   (static_cast<double>(r.wire) * pieces + static_cast<double>(r.terminal)));
  }
  return away;
}

namespace {
/// References of panels, and which one each column has.
std::vector<size_t> chooseReferences(OneProduct &fold, const TileView &tile, const Wires &wires,
                                     Readout readout, const BlockWindow &window,
                                     const RowActivity &activity) {
  std::vector<size_t> of(static_cast<size_t>(window.cols), 0);
  for (size_t c = 0; c < fold.panels.order.size(); ++c) {
    const int64_t j = fold.panels.order[c];
    if (j < 0)
      continue;
    const size_t panel = c / kReferencePanel;
    if (c % kReferencePanel == 0) {
      const auto wanted =
          referenceColumn(tile, wires, window, readAtFirstRow(readout, window.col + j),
                          fold.panels.conductance[panel]);
      size_t r = 0;
      while (r < fold.references.size() && !(fold.references[r].column == wanted))
        ++r;
      if (r == fold.references.size())
        fold.references.push_back(referenceMean(wanted, activity));
      fold.panelReference.push_back(static_cast<int32_t>(r));
    }
    of[static_cast<size_t>(j)] = static_cast<size_t>(fold.panelReference[panel]);
  }
  return of;
}
} // namespace

OneProduct foldOneProduct(const TileView &tile, const Wires &wires, Readout readout,
                          const BlockWindow &window, const RowActivity &activity, bool panels) {
  OneProduct fold;
  const double mean = meanConductance(tile, window);
  fold.panels =
      referencePanels(columnLoads(tile, window), panels ? mean : 0.0, readout, window.col);
  for (int side = 0; side < kReadSides; ++side)
    if (fold.panels.sidePanels[side])
      fold.pulses[side] = referenceMean(
          referenceColumn(tile, wires, window, side == 1, pulseConductance(mean)), activity);
  std::vector<size_t> referenceOf;
  if (panels)
    referenceOf = chooseReferences(fold, tile, wires, readout, window, activity);
  const auto own = ownShares(activity);
  const auto rows = static_cast<size_t>(window.rows), cols = static_cast<size_t>(window.cols);
  fold.transfer.resize(rows * cols);
  fold.matrix.resize(rows * cols);
  fold.outRatio.assign(cols, 0.0f);
  constexpr auto n = static_cast<size_t>(kLadderStrip);
  std::vector<double> load, pieces, field(rows * n), scratch(3 * rows * n);
  std::vector<std::vector<double>> away;
  for (const MeanReference &r : fold.references)
    away.push_back(awayResistance(r.column, own));
  std::vector<double> pulsesAway[kReadSides];
  for (int side = 0; side < kReadSides; ++side)
    pulsesAway[side] = awayResistance(fold.pulses[side].column, own);
  eachStrip(window, readout, [&](std::span<const int64_t> columns, bool atFirstRow) {
    double out[n];
    const StripField strip =
        stripOf(tile, wires, window, activity, atFirstRow, columns, load, pieces);
    strip.forward(load.data(), field.data(), out, scratch.data());
    for (size_t k = 0; k < columns.size(); ++k) {
      const auto j = static_cast<size_t>(columns[k]);
      const MeanReference &r = panels ? fold.references[referenceOf[j]] : fold.pulses[atFirstRow];
      const auto &missing = panels ? away[referenceOf[j]] : pulsesAway[atFirstRow];
      for (size_t i = 0; i < rows; ++i) {
        const size_t at = (atFirstRow ? rows - 1 - i : i), cell = i * n + k;
        const int64_t device = (window.row + static_cast<int64_t>(at)) * tile.stride + window.col +
                               static_cast<int64_t>(j);
        const double ratio = oneProductRatio(field[cell], r.mean[at], missing[at],
                                             static_cast<double>(r.column.conductance), load[cell])
                                 .value;
        fold.transfer[at * cols + j] = static_cast<float>(field[cell]);
        fold.matrix[at * cols + j] =
            static_cast<float>(ratio * (static_cast<double>(tile.gPlus[device]) -
                                        static_cast<double>(tile.gMinus[device])));
      }
      if (r.out > 0.0)
        fold.outRatio[j] = static_cast<float>(out[k] / r.out);
    }
  });
  return fold;
}

} // namespace aimc::model
