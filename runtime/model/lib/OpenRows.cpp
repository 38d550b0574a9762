//===- OpenRows.cpp - columns whose idle rows are disconnected -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/model/OpenRows.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>

namespace aimc::model {

double wireToAdc(const TileView &tile, const Wires &wires, const BlockWindow &window, int64_t col,
                 bool atFirstRow) {
  const int64_t step = atFirstRow ? -1 : 1;
  const int64_t end = atFirstRow ? 0 : tile.rows - 1;
  double sum = 0.0;
  for (int64_t row = atFirstRow ? window.row : window.row + window.rows - 1;; row += step) {
    const double factor =
        wires.columnFactor ? static_cast<double>(wires.columnFactor[row * tile.cols + col]) : 1.0;
    sum += row == end ? factor / 2.0 : factor;
    if (row == end)
      break;
  }
  return wireFromOhm(wires.columnOhm) * sum + wireFromOhm(wires.adcOhm);
}

namespace {

/// One column of a block, far end first.
struct Column {
  std::vector<double> plus, minus, wireBefore; ///< 1/uS of the piece that leads to the cell
  double last = 0;                             ///< 1/uS from the last cell to the virtual ground
};

Column readColumn(const TileView &tile, const Wires &wires, Readout readout,
                  const BlockWindow &window, int64_t j) {
  Column column;
  const int64_t col = window.col + j;
  const bool flipped = readAtFirstRow(readout, col);
  const double wire = wireFromOhm(wires.columnOhm);
  for (int64_t i = 0; i < window.rows; ++i) {
    const int64_t row = window.row + (flipped ? window.rows - 1 - i : i);
    const int64_t before = flipped ? row + 1 : row - 1;
    column.plus.push_back(static_cast<double>(tile.gPlus[row * tile.stride + col]));
    column.minus.push_back(static_cast<double>(tile.gMinus[row * tile.stride + col]));
    column.wireBefore.push_back(
        i > 0 && wires.columnFactor
            ? wire * static_cast<double>(wires.columnFactor[before * tile.cols + col])
            : wire);
  }
  column.last = wireToAdc(tile, wires, window, col, flipped);
  return column;
}

/// Distinct pulse ends, ascending.
std::vector<double> pulseEnds(std::span<const double> ticks) {
  std::vector<double> ends;
  for (double d : ticks)
    if (d != 0.0)
      ends.push_back(std::abs(d));
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
  return ends;
}

/// Norton equivalent at a column's virtual ground.
struct Output {
  double current = 0, conductance = 0;
};
using ColumnRead = std::function<Output(const Column &, std::span<const double> duration,
                                        double end, double readVolt)>;

std::vector<double> readOpen(const TileView &tile, const Wires &wires, Readout readout,
                             const BlockWindow &window, std::span<const double> ticks,
                             double readVolt, double tickNs, double vOff, const ColumnRead &read) {
  const auto ends = pulseEnds(ticks);
  std::vector<double> charges(static_cast<size_t>(window.cols), 0.0);
  std::vector<double> duration(ticks.begin(), ticks.end());
  for (int64_t j = 0; j < window.cols; ++j) {
    const Column column = readColumn(tile, wires, readout, window, j);
    std::copy(ticks.begin(), ticks.end(), duration.begin());
    if (readAtFirstRow(readout, window.col + j))
      std::reverse(duration.begin(), duration.end());
    double begin = 0.0, charge = 0.0;
    for (double end : ends) {
      const Output out = read(column, duration, end, readVolt);
      charge += (out.current - out.conductance * vOff) * (end - begin) * tickNs;
      begin = end;
    }
    charges[static_cast<size_t>(j)] = charge;
  }
  return charges;
}

} // namespace

double meanConductance(const TileView &tile, const BlockWindow &window) {
  double sum = 0.0;
  for (int64_t i = window.row; i < window.row + window.rows; ++i)
    for (int64_t j = window.col; j < window.col + window.cols; ++j)
      sum += static_cast<double>(tile.gPlus[i * tile.stride + j]) +
             static_cast<double>(tile.gMinus[i * tile.stride + j]);
  const int64_t cells = window.rows * window.cols;
  return cells > 0 ? sum / static_cast<double>(cells) : 0.0;
}

std::vector<double> openExact(const TileView &tile, const Wires &wires, Readout readout,
                              const BlockWindow &window, std::span<const double> ticks,
                              double readVolt, double tickNs, double vOff) {
  return readOpen(tile, wires, readout, window, ticks, readVolt, tickNs, vOff,
                  [](const Column &c, std::span<const double> duration, double end, double volt) {
                    Output o;
                    for (size_t i = 0; i < duration.size(); ++i) {
                      const double f = 1.0 / (1.0 + c.wireBefore[i] * o.conductance);
                      o.conductance *= f;
                      o.current *= f;
                      if (std::abs(duration[i]) < end)
                        continue;
                      o.conductance += c.plus[i] + c.minus[i];
                      o.current += (duration[i] < 0.0 ? -volt : volt) * (c.plus[i] - c.minus[i]);
                    }
                    const double f = 1.0 / (1.0 + c.last * o.conductance);
                    return Output{o.current * f, o.conductance * f};
                  });
}

std::vector<double> openSegments(const TileView &tile, const Wires &wires, Readout readout,
                                 const BlockWindow &window, std::span<const double> ticks,
                                 double readVolt, double tickNs, int64_t cells, double vOff) {
  return readOpen(
      tile, wires, readout, window, ticks, readVolt, tickNs, vOff,
      [cells](const Column &c, std::span<const double> duration, double end, double volt) {
        Output o;
        const auto n = static_cast<size_t>(cells);
        double carried = 0.0; // wire from the previous segment's centre to this one's far edge
        for (size_t begin = 0; begin < duration.size(); begin += n) {
          const size_t stop = std::min(begin + n, duration.size());
          // Positions as resistance from the segment's far edge; an edge is half a piece away from
          // its first and last cell.
          double length = 0.0;
          std::vector<double> position(stop - begin);
          for (size_t i = begin; i < stop; ++i) {
            if (i > begin)
              length += c.wireBefore[i];
            position[i - begin] = length;
          }
          const double centre = length / 2.0;
          double g = 0.0, i0 = 0.0, i1 = 0.0;
          for (size_t i = begin; i < stop; ++i) {
            if (std::abs(duration[i]) < end)
              continue;
            const double current = (duration[i] < 0.0 ? -volt : volt) * (c.plus[i] - c.minus[i]);
            g += c.plus[i] + c.minus[i];
            i0 += current;
            i1 += current * (position[i - begin] - centre);
          }
          const double piece =
              (begin > 0 ? carried + c.wireBefore[begin] : 0.0) + (begin > 0 ? centre : 0.0);
          const double f = 1.0 / (1.0 + piece * o.conductance);
          o.conductance *= f;
          o.current = o.current * f + i0 + (o.conductance + g / 2.0) * i1;
          o.conductance += g;
          carried = length - centre;
        }
        const double f = 1.0 / (1.0 + (carried + c.last) * o.conductance);
        return Output{o.current * f, o.conductance * f};
      });
}

} // namespace aimc::model
