//===- CrossbarAdjoint.cpp - gradients through row and column wires -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// With the node equations M x_r = b_r of a driven row r, Weff_rj = l_j x_r. M is symmetric, so
//   dL/dtheta = - sum_r y_r (dM/dtheta) x_r      M y_r = sum_j dL/dWeff_rj l_j
// y_r are the potentials when the ADC ends are fed with the gradients of row r. A device between a
// line and a column adds (e_column - e_line)(e_column - e_line)^T to M.
//
//===----------------------------------------------------------------------===//
#include "aimc/model/Crossbar.h"

#include "CrossbarNetwork.h"

#include <algorithm>
#include <cmath>

namespace aimc::model {

namespace {

/// Column potentials when `inject` [rows x cols] flows into the columns and every line gives way.
/// `inject` is used up.
void relax(const CrossbarNetwork &net, const CrossbarOptions &options, double contraction,
           std::vector<double> &inject, std::vector<double> &potential) {
  std::fill(potential.begin(), potential.end(), 0.0);
  for (int sweep = 0; sweep <= options.maxSweeps; ++sweep) {
    net.solveColumns(inject);
    double largest = 0.0, top = 0.0;
    for (size_t c = 0; c < potential.size(); ++c) {
      potential[c] += inject[c];
      largest = std::max(largest, std::abs(inject[c]));
      top = std::max(top, std::abs(potential[c]));
    }
    if (largest * contraction <= options.tolerance * top * (1.0 - contraction))
      break;
    net.throughLines(inject);
  }
}

/// What driving row `driven` injects into its columns, to `inject`.
void drive(const CrossbarNetwork &net, size_t driven, std::vector<double> &inject) {
  std::fill(inject.begin(), inject.end(), 0.0);
  for (size_t c = driven * net.cols; c < (driven + 1) * net.cols; ++c)
    inject[c] = net.plus[c] * net.attenuationPlus[c] - net.minus[c] * net.attenuationMinus[c];
}

constexpr CrossbarOptions kPrecise{1e-15, 1000};

template <class S, class Tile>
void adjoint(const Tile &tile, const Wires &wires, Readout readout, const BlockWindow &window,
             const S *weffBar, int64_t stride, S *gPlusBar, S *gMinusBar,
             const CrossbarOptions &options) {
  if (tile.rows == 0 || tile.cols == 0)
    return;
  const CrossbarNetwork net(tile, withTerminals(wires), readout);
  const double contraction = net.contraction();
  const size_t cols = net.cols, cells = net.rows * cols;
  std::vector<double> x(cells), y(cells), inject(cells);
  std::vector<double> xPlus(cols), xMinus(cols), yPlus(cols), yMinus(cols);
  std::vector<double> plusBar(cells, 0.0), minusBar(cells, 0.0);
  for (int64_t r = 0; r < window.rows; ++r) {
    const auto driven = static_cast<size_t>(window.row + r);
    drive(net, driven, inject);
    relax(net, options, contraction, inject, x);
    std::fill(inject.begin(), inject.end(), 0.0);
    for (int64_t j = 0; j < window.cols; ++j) {
      const auto col = static_cast<size_t>(window.col + j);
      const size_t last = readAtFirstRow(readout, window.col + j) ? 0 : net.rows - 1;
      inject[last * cols + col] = net.adc[col] * static_cast<double>(weffBar[r * stride + j]);
    }
    relax(net, options, contraction, inject, y);
    for (size_t i = 0; i < net.rows; ++i) {
      net.linePotentials(x, i, xPlus, xMinus);
      net.linePotentials(y, i, yPlus, yMinus);
      const double drive = i == driven ? 1.0 : 0.0;
      for (size_t j = 0; j < cols; ++j) {
        const size_t c = i * cols + j;
        plusBar[c] -= (y[c] - yPlus[j]) * (x[c] - xPlus[j] - drive * net.attenuationPlus[c]);
        minusBar[c] -= (y[c] - yMinus[j]) * (x[c] - xMinus[j] + drive * net.attenuationMinus[c]);
      }
    }
  }
  for (size_t c = 0; c < cells; ++c) {
    gPlusBar[c] += static_cast<S>(plusBar[c]);
    gMinusBar[c] += static_cast<S>(minusBar[c]);
  }
}

} // namespace

void foldCrossbarAdjoint(const TileView &tile, const Wires &wires, Readout readout,
                         const BlockWindow &window, const float *weffBar, int64_t stride,
                         float *gPlusBar, float *gMinusBar, const CrossbarOptions &options) {
  adjoint(tile, wires, readout, window, weffBar, stride, gPlusBar, gMinusBar, options);
}

void foldCrossbarAdjoint(const PreciseTile &tile, const Wires &wires, Readout readout,
                         const BlockWindow &window, const double *weffBar, int64_t stride,
                         double *gPlusBar, double *gMinusBar) {
  adjoint(tile, wires, readout, window, weffBar, stride, gPlusBar, gMinusBar, kPrecise);
}

CrossbarResult foldCrossbar(const PreciseTile &tile, const Wires &wires, Readout readout,
                            const BlockWindow &window, double *weff, double *transfer,
                            int64_t stride) {
  if (tile.rows == 0 || tile.cols == 0)
    return {};
  const CrossbarNetwork net(tile, withTerminals(wires), readout);
  const double contraction = net.contraction();
  std::vector<double> inject(net.rows * net.cols), x(inject.size());
  for (int64_t r = 0; r < window.rows; ++r) {
    const auto driven = static_cast<size_t>(window.row + r);
    drive(net, driven, inject);
    relax(net, kPrecise, contraction, inject, x);
    for (int64_t j = 0; j < window.cols; ++j) {
      const auto col = static_cast<size_t>(window.col + j), c = driven * net.cols + col;
      const size_t last = readAtFirstRow(readout, window.col + j) ? 0 : net.rows - 1;
      const double plus = net.plus[c], minus = net.minus[c], g = plus + minus;
      const double line =
          g > 0.0 ? (plus * net.attenuationPlus[c] + minus * net.attenuationMinus[c]) / g
                  : (net.attenuationPlus[c] + net.attenuationMinus[c]) / 2.0;
      weff[r * stride + j] = net.adc[col] * x[last * net.cols + col];
      transfer[r * stride + j] = net.out[c] * line;
    }
  }
  return {};
}

} // namespace aimc::model
