//===- OpenRows.cpp - columns whose idle rows are disconnected -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/model/OpenRows.h"

#include "aimc/model/Clones.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>

namespace aimc::model {

namespace {

constexpr int64_t kStrip = 64;

/// One column of a block, far end first.
struct Column {
  std::vector<double> plus, minus, wireBefore; ///< 1/uS of the piece that leads to the cell
  double last = 0;                             ///< 1/uS from the last cell to the virtual ground
};

/// Resistance (1/uS) from the block's last cell to the ADC, over open rows that do not load.
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

ReferenceColumn referenceColumn(const TileView &tile, const Wires &wires, const BlockWindow &window,
                                bool atFirstRow, double gRef) {
  Wires uniform = wires;
  uniform.columnFactor = nullptr;
  return {gRef, wireFromOhm(wires.columnOhm), wireToAdc(tile, uniform, window, 0, atFirstRow),
          atFirstRow};
}

double meanConductance(const TileView &tile, const BlockWindow &window) {
  double sum = 0.0;
  for (int64_t i = window.row; i < window.row + window.rows; ++i)
    for (int64_t j = window.col; j < window.col + window.cols; ++j)
      sum += static_cast<double>(tile.gPlus[i * tile.stride + j]) +
             static_cast<double>(tile.gMinus[i * tile.stride + j]);
  const int64_t cells = window.rows * window.cols;
  return cells > 0 ? sum / static_cast<double>(cells) : 0.0;
}

double referenceTicks(const ReferenceColumn &column, std::span<const double> ticks,
                      std::span<double> z) {
  const size_t n = ticks.size();
  std::vector<double> load(n), transfer(n);
  std::fill(z.begin(), z.end(), 0.0);
  const ColumnWire<double> wire{column.wire, column.terminal - column.wire / 2.0};
  double begin = 0.0, outTicks = 0.0;
  const auto at = [&](size_t i) { return column.reversed ? n - 1 - i : i; };
  for (double end : pulseEnds(ticks)) {
    for (size_t i = 0; i < n; ++i)
      load[i] = std::abs(ticks[at(i)]) >= end ? column.conductance : 0.0;
    outTicks += columnTransfer<double>(load, wire, transfer) * (end - begin);
    for (size_t i = 0; i < n; ++i)
      if (load[i] > 0.0)
        z[at(i)] += (ticks[at(i)] < 0.0 ? -1.0 : 1.0) * transfer[i] * (end - begin);
    begin = end;
  }
  return outTicks;
}

namespace {

/// One slot of the mean field for up to kStrip columns: adds u T to `sum` and width G_out to `out`.
/// `first`, `step` walk from the far end to the ADC.
AIMC_CLONES
void meanFieldSlot(const float *gPlus, const float *gMinus, int64_t gStride, int64_t rows,
                   int64_t first, int64_t step, int64_t n, double wire, const float *wireFactor,
                   int64_t factorStride, const double *last, const float *probability,
                   const float *share, double width, double *factors, double *sum, double *out) {
  double h[kStrip] = {}, product[kStrip];
  for (int64_t i = 0, row = first; i < rows; ++i, row += step) {
    const float *plus = gPlus + row * gStride, *minus = gMinus + row * gStride;
    const double p = static_cast<double>(probability[row]);
    double *f = factors + i * kStrip;
    if (wireFactor && i > 0) {
      const float *piece = wireFactor + (row - step) * factorStride;
      for (int64_t j = 0; j < n; ++j)
        f[j] = 1.0 / (1.0 + wire * static_cast<double>(piece[j]) * h[j]);
    } else {
      for (int64_t j = 0; j < n; ++j)
        f[j] = 1.0 / (1.0 + wire * h[j]);
    }
    for (int64_t j = 0; j < n; ++j)
      h[j] = f[j] * h[j] + p * (static_cast<double>(plus[j]) + static_cast<double>(minus[j]));
  }
  for (int64_t j = 0; j < n; ++j) {
    product[j] = 1.0 / (1.0 + last[j] * h[j]);
    out[j] += width * product[j] * h[j];
  }
  for (int64_t i = rows - 1, row = first + step * (rows - 1); i >= 0; --i, row -= step) {
    const double *f = factors + i * kStrip;
    const double u = static_cast<double>(share[row]);
    double *t = sum + row * kStrip;
    for (int64_t j = 0; j < n; ++j) {
      t[j] += u * product[j];
      product[j] *= f[j];
    }
  }
}

} // namespace

void meanField(const TileView &tile, const Wires &wires, Readout readout, const BlockWindow &window,
               const RowActivity &activity, float *transfer, int64_t stride,
               float *outConductance) {
  if (window.rows <= 0)
    return;
  const auto cells = static_cast<size_t>(window.rows * kStrip);
  std::vector<double> factors(cells), sum(cells);
  double last[kStrip], out[kStrip];
  for (int64_t begin = 0; begin < window.cols; begin += kStrip) {
    const int64_t count = std::min(kStrip, window.cols - begin), col = window.col + begin;
    for (bool atFirstRow : {false, true}) {
      if (atFirstRow && readout == Readout::Single)
        continue;
      std::fill(sum.begin(), sum.end(), 0.0);
      std::fill_n(out, kStrip, 0.0);
      for (int64_t j = 0; j < count; ++j)
        last[j] = wireToAdc(tile, wires, window, col + j, atFirstRow);
      const int64_t corner = window.row * tile.stride + col;
      for (int64_t s = 0; s < activity.slots; ++s)
        meanFieldSlot(tile.gPlus + corner, tile.gMinus + corner, tile.stride, window.rows,
                      atFirstRow ? window.rows - 1 : 0, atFirstRow ? -1 : 1, count,
                      wireFromOhm(wires.columnOhm),
                      wires.columnFactor ? wires.columnFactor + window.row * tile.cols + col
                                         : nullptr,
                      tile.cols, last, activity.probability.data() + s * window.rows,
                      activity.share.data() + s * window.rows,
                      activity.width[static_cast<size_t>(s)], factors.data(), sum.data(), out);
      for (int64_t j = 0; j < count; ++j) {
        if (readAtFirstRow(readout, col + j) != atFirstRow)
          continue;
        for (int64_t i = 0; i < window.rows; ++i)
          transfer[i * stride + begin + j] =
              static_cast<float>(sum[static_cast<size_t>(i * kStrip + j)]);
        if (outConductance)
          outConductance[begin + j] = static_cast<float>(out[j]);
      }
    }
  }
}

double meanFieldReference(const ReferenceColumn &column, const RowActivity &activity,
                          std::span<double> transfer) {
  const auto n = static_cast<size_t>(activity.rows);
  std::vector<double> load(n), t(n);
  std::fill(transfer.begin(), transfer.end(), 0.0);
  const ColumnWire<double> wire{column.wire, column.terminal - column.wire / 2.0};
  const auto at = [&](size_t i) { return column.reversed ? n - 1 - i : i; };
  double out = 0.0;
  for (size_t s = 0; s < static_cast<size_t>(activity.slots); ++s) {
    for (size_t i = 0; i < n; ++i)
      load[i] = column.conductance * static_cast<double>(activity.probability[s * n + at(i)]);
    out += activity.width[s] * columnTransfer<double>(load, wire, t);
    for (size_t i = 0; i < n; ++i)
      transfer[at(i)] += static_cast<double>(activity.share[s * n + at(i)]) * t[i];
  }
  return out;
}

OneProduct foldOneProduct(const TileView &tile, const Wires &wires, Readout readout,
                          const BlockWindow &window, const RowActivity &activity, float *ratio,
                          int64_t stride, float *outRatio) {
  OneProduct fold;
  const double gRef = meanConductance(tile, window);
  const auto rows = static_cast<size_t>(window.rows);
  fold.atLastRow = referenceColumn(tile, wires, window, false, gRef);
  fold.atFirstRow = referenceColumn(tile, wires, window, true, gRef);
  fold.meanAtLastRow.resize(rows);
  fold.meanAtFirstRow.resize(rows);
  const double outLast = meanFieldReference(fold.atLastRow, activity, fold.meanAtLastRow),
               outFirst = meanFieldReference(fold.atFirstRow, activity, fold.meanAtFirstRow);
  meanField(tile, wires, readout, window, activity, ratio, stride, outRatio);
  for (int64_t j = 0; j < window.cols; ++j) {
    const bool first = readAtFirstRow(readout, window.col + j);
    const auto &mean = first ? fold.meanAtFirstRow : fold.meanAtLastRow;
    for (size_t i = 0; i < rows; ++i) {
      float &t = ratio[static_cast<int64_t>(i) * stride + j];
      t = static_cast<float>(static_cast<double>(t) / mean[i]);
    }
    const double out = first ? outFirst : outLast;
    if (outRatio && out > 0.0)
      outRatio[j] = static_cast<float>(static_cast<double>(outRatio[j]) / out);
  }
  return fold;
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
