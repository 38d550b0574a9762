//===- Crossbar.cpp - a tile with row and column wires -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/model/Crossbar.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

namespace aimc::model {

namespace {

/// A ladder with n nodes, loads to ground, pieces of wire between neighbours and a terminal
/// conductance at its last node, eliminated from the first node.
struct Ladder {
  std::vector<double> pass, piece; ///< f_i and the resistance that leads to node i
  double total = 0;                ///< conductance of the last node, terminal included

  template <class Load, class Piece>
  Ladder(size_t n, const Load &load, const Piece &before, double terminal) : pass(n), piece(n) {
    double h = 0.0;
    for (size_t i = 0; i < n; ++i) {
      piece[i] = i > 0 ? before(i) : 0.0;
      pass[i] = 1.0 / (1.0 + piece[i] * h);
      h = h * pass[i] + load(i);
    }
    total = h + terminal;
  }
  /// Potentials for injected currents, in place.
  void solve(std::span<double> x) const {
    for (size_t i = 1; i < x.size(); ++i)
      x[i] += pass[i] * x[i - 1];
    x.back() /= total;
    for (size_t i = x.size() - 1; i-- > 0;)
      x[i] = pass[i + 1] * (x[i + 1] + piece[i + 1] * x[i]);
  }
};

} // namespace

CrossbarResult foldCrossbar(const TileView &tile, const Wires &wires, Readout readout,
                            const BlockWindow &window, float *weff, float *transfer, int64_t stride,
                            const CrossbarOptions &options, float *outConductance) {
  CrossbarResult result;
  const auto rows = static_cast<size_t>(tile.rows), cols = static_cast<size_t>(tile.cols);
  const size_t cells = rows * cols;
  std::vector<double> plus(cells), minus(cells);
  for (size_t i = 0; i < rows; ++i)
    for (size_t j = 0; j < cols; ++j) {
      const auto at = static_cast<int64_t>(i) * tile.stride + static_cast<int64_t>(j);
      plus[i * cols + j] = static_cast<double>(tile.gPlus[at]);
      minus[i * cols + j] = static_cast<double>(tile.gMinus[at]);
    }
  const auto factor = [&](const float *f, size_t i, size_t j) {
    return f ? static_cast<double>(f[i * cols + j]) : 1.0;
  };
  const double cw = wireFromOhm(wires.columnOhm), rw = wireFromOhm(wires.rowOhm);
  const auto end = [&](size_t i, size_t j, double terminal) {
    return cw * factor(wires.columnFactor, i, j) / 2.0 + terminal;
  };

  std::vector<float> t(cells), out(cols);
  foldTile(tile, wires, readout, 0, tile.cols, t.data(), tile.cols, out.data());
  // Rows: far end is the last column.
  std::vector<Ladder> plusLines, minusLines, columns;
  std::vector<double> attenuationPlus(cells, 1.0), attenuationMinus(cells, 1.0);
  const bool grounded = cw == 0.0 && wires.adcOhm == 0.0;
  if (wires.rows()) {
    for (size_t i = 0; i < rows; ++i)
      for (bool positive : {true, false}) {
        const auto &g = positive ? plus : minus;
        const double first =
            rw * factor(wires.rowFactor, i, 0) / 2.0 + wireFromOhm(wires.driverOhm);
        auto &lines = positive ? plusLines : minusLines;
        lines.emplace_back(
            cols, [&](size_t k) { return g[i * cols + cols - 1 - k]; },
            [&](size_t k) { return rw * factor(wires.rowFactor, i, cols - k); }, 1.0 / first);
        std::vector<double> x(cols, 0.0);
        x.back() = 1.0 / first;
        lines.back().solve(x);
        auto &a = positive ? attenuationPlus : attenuationMinus;
        for (size_t k = 0; k < cols; ++k)
          a[i * cols + cols - 1 - k] = x[k];
      }
    if (!grounded)
      for (size_t j = 0; j < cols; ++j) {
        const bool flipped = readAtFirstRow(readout, static_cast<int64_t>(j));
        const auto row = [&](size_t k) { return flipped ? rows - 1 - k : k; };
        columns.emplace_back(
            rows, [&](size_t k) { return plus[row(k) * cols + j] + minus[row(k) * cols + j]; },
            [&](size_t k) { return cw * factor(wires.columnFactor, row(k - 1), j); },
            1.0 / end(row(rows - 1), j, wireFromOhm(wires.adcOhm)));
      }
  }

  double top = 0.0;
  std::vector<double> field(cells), line(std::max(rows, cols)), sum(cols);
  // Adds the response to currents `field` injected into the columns, sweep by sweep.
  const auto respond = [&](double scaleOfResult) {
    double last = 0.0;
    for (int sweep = 1; sweep <= options.maxSweeps; ++sweep) {
      for (size_t j = 0; j < cols; ++j) {
        const bool flipped = readAtFirstRow(readout, static_cast<int64_t>(j));
        const auto x = std::span<double>(line).first(rows);
        for (size_t k = 0; k < rows; ++k)
          x[k] = field[(flipped ? rows - 1 - k : k) * cols + j];
        columns[j].solve(x);
        for (size_t k = 0; k < rows; ++k)
          field[(flipped ? rows - 1 - k : k) * cols + j] = x[k];
      }
      std::vector<double> change(cols, 0.0);
      for (size_t i = 0; i < rows; ++i) {
        std::vector<double> inject(cols, 0.0);
        for (bool positive : {true, false}) {
          const auto &g = positive ? plus : minus;
          const auto x = std::span<double>(line).first(cols);
          for (size_t k = 0; k < cols; ++k)
            x[k] = g[i * cols + cols - 1 - k] * field[i * cols + cols - 1 - k];
          (positive ? plusLines : minusLines)[i].solve(x);
          for (size_t j = 0; j < cols; ++j)
            inject[j] += g[i * cols + j] * x[cols - 1 - j];
        }
        for (size_t j = 0; j < cols; ++j) {
          field[i * cols + j] = inject[j];
          change[j] += static_cast<double>(t[i * cols + j]) * inject[j];
        }
      }
      last = 0.0;
      for (size_t j = 0; j < cols; ++j) {
        sum[j] += change[j];
        last = std::max(last, std::abs(change[j]));
      }
      result.sweeps = std::max(result.sweeps, sweep);
      if (last <= options.tolerance * scaleOfResult)
        break;
    }
    result.residual = std::max(result.residual, scaleOfResult > 0 ? last / scaleOfResult : 0.0);
  };

  const auto firstRow = static_cast<size_t>(window.row), firstCol = static_cast<size_t>(window.col);
  const auto current = [&](size_t i, size_t j) {
    const size_t c = i * cols + j;
    return plus[c] * attenuationPlus[c] - minus[c] * attenuationMinus[c];
  };
  for (size_t i = firstRow; i < firstRow + static_cast<size_t>(window.rows); ++i)
    for (size_t j = firstCol; j < firstCol + static_cast<size_t>(window.cols); ++j)
      top = std::max(top, std::abs(static_cast<double>(t[i * cols + j]) * current(i, j)));
  for (size_t i = 0; i < static_cast<size_t>(window.rows); ++i) {
    const size_t row = firstRow + i;
    for (size_t j = 0; j < cols; ++j)
      sum[j] = static_cast<double>(t[row * cols + j]) * current(row, j);
    if (!columns.empty()) {
      std::fill(field.begin(), field.end(), 0.0);
      for (size_t j = 0; j < cols; ++j)
        field[row * cols + j] = current(row, j);
      respond(top);
    }
    for (size_t j = 0; j < static_cast<size_t>(window.cols); ++j) {
      const size_t c = row * cols + firstCol + j;
      const auto at = static_cast<int64_t>(i) * stride + static_cast<int64_t>(j);
      if (weff)
        weff[at] = static_cast<float>(sum[firstCol + j]);
      const double g = plus[c] + minus[c];
      const double attenuation =
          g > 0.0 ? (plus[c] * attenuationPlus[c] + minus[c] * attenuationMinus[c]) / g : 1.0;
      if (transfer)
        transfer[at] = static_cast<float>(static_cast<double>(t[c]) * attenuation);
    }
  }
  result.converged = result.residual <= options.tolerance;
  if (outConductance)
    for (int64_t j = 0; j < window.cols; ++j)
      outConductance[j] = out[firstCol + static_cast<size_t>(j)];
  return result;
}

} // namespace aimc::model
