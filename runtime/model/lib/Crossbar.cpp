//===- Crossbar.cpp - a tile with row and column wires -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Weff_rj is the sum over n of w_n = out^T (lines columns)^n current_r: what the driven pair of
// lines alone delivers (n = 0, two exact ladders in double precision), then what the columns'
// potentials do to all lines, and back (CrossbarSweeper.h).
//
//===----------------------------------------------------------------------===//
#include "aimc/model/Crossbar.h"

#include "CrossbarNetwork.h"
#include "CrossbarSweeper.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace aimc::model {

namespace {

/// Weights of w_1 .. w_n that stand for the whole series sum_m w_m.
struct SeriesWeights {
  std::vector<double> weight; ///< [n]
  double error = 0;           ///< bound of what is left, relative to w_1, rounding included
};

/// What single precision adds: w_m is of the order rho^(m-1) w_1 and known to seven digits.
double roundingOf(const std::vector<double> &weight, double rho) {
  double sum = 0.0, power = 1.0;
  for (double w : weight) {
    sum += std::abs(w) * power;
    power *= rho;
  }
  return sum * 6e-8;
}

/// The terms are moments of a spectrum in [0, rho]: the Chebyshev expansion of 1 / (1 - lambda) cut
/// after degree n - 1 leaves about (rho / 4)^n of w_1 where the plain sum leaves rho^n. With
///   lambda = rho (x + 1) / 2,  a = 2 / rho - 1,  q = a - sqrt(a^2 - 1):
///   1 / (1 - lambda) = 2 / rho * 2 / sqrt(a^2 - 1) * (1 / 2 + sum_k q^k T_k(x))
/// Its weights alternate and grow with n, so that in the end the plain sum is the better one.
SeriesWeights seriesWeights(int n, double rho) {
  const auto size = static_cast<size_t>(n);
  SeriesWeights plain{std::vector<double>(size, 1.0), 0.0};
  if (rho <= 0.0)
    return plain;
  constexpr double kNearOne = 1e-9; // a bound of 1 tells nothing
  plain.error = std::pow(rho, n) / std::max(1.0 - rho, kNearOne) + roundingOf(plain.weight, rho);
  if (rho > 1.0 - kNearOne)
    return plain;
  const double a = 2.0 / rho - 1.0, root = std::sqrt(a * a - 1.0), q = 1.0 / (a + root);
  const double scale = 4.0 / (rho * root);
  SeriesWeights series{std::vector<double>(size, 0.0), 0.0};
  // T_k as polynomials in t = lambda / rho: T_0 = 1, T_1 = 2 t - 1,
  // T_{k+1} = (4 t - 2) T_k - T_{k-1}.
  std::vector<double> before(size, 0.0), now(size, 0.0), next(size);
  now[0] = 1.0;
  double power = 0.5;
  for (int k = 0; k < n; ++k) {
    double unit = 1.0;
    for (size_t m = 0; m < size; ++m, unit *= rho)
      series.weight[m] += scale * power * now[m] / unit;
    for (size_t m = 0; m < size; ++m) {
      const double shifted = m > 0 ? now[m - 1] : 0.0;
      next[m] = k == 0 ? 2.0 * shifted - now[m] : 4.0 * shifted - 2.0 * now[m] - before[m];
    }
    before = now;
    now = next;
    power = k == 0 ? q : power * q;
  }
  series.error = scale * power / (1.0 - q) + roundingOf(series.weight, rho);
  return series.error < plain.error ? series : plain;
}

/// G_out with lines that give way: all ADC inputs one volt above the rest level.
void outputConductance(const CrossbarNetwork &net, Readout readout, bool giving,
                       const CrossbarOptions &options, double contraction, std::span<double> g) {
  std::copy(net.outConductance.begin(), net.outConductance.end(), g.begin());
  if (!giving)
    return;
  std::vector<double> field(net.rows * net.cols, 0.0), change(net.cols);
  for (size_t j = 0; j < net.cols; ++j) {
    const size_t last = readAtFirstRow(readout, static_cast<int64_t>(j)) ? 0 : net.rows - 1;
    field[last * net.cols + j] = net.adc[j];
  }
  const double top = *std::max_element(g.begin(), g.end());
  for (int sweep = 0; sweep < options.maxSweeps; ++sweep) {
    net.solveColumns(field);
    net.throughLines(field);
    std::fill(change.begin(), change.end(), 0.0);
    net.collect(field, change);
    double largest = 0.0;
    for (size_t j = 0; j < net.cols; ++j) {
      g[j] -= change[j];
      largest = std::max(largest, change[j]);
    }
    if (largest * contraction <= options.tolerance * top * (1.0 - contraction))
      break;
  }
}

} // namespace

CrossbarResult foldCrossbar(const TileView &tile, const Wires &wires, Readout readout,
                            const BlockWindow &window, float *weff, float *transfer, int64_t stride,
                            const CrossbarOptions &options, float *outConductance) {
  CrossbarResult result;
  if (tile.rows == 0 || tile.cols == 0)
    return result;
  // Without any column resistance columns stay at the rest level and rows do not meet.
  const bool grounded = wires.columnOhm == 0.0 && wires.adcOhm == 0.0;
  const bool coupled = wires.rows() && !grounded;
  const CrossbarNetwork net(tile, withTerminals(wires), readout);
  const size_t cols = net.cols;

  double top = 0.0;
  const auto direct = [&](size_t c) {
    return net.out[c] *
           (net.plus[c] * net.attenuationPlus[c] - net.minus[c] * net.attenuationMinus[c]);
  };
  for (size_t c = 0; c < net.out.size(); ++c)
    top = std::max(top, std::abs(direct(c)));
  const double contraction = coupled ? net.contraction() : 0.0;

  const auto firstRow = static_cast<size_t>(window.row), firstCol = static_cast<size_t>(window.col);
  const auto emit = [&](size_t row, const double *sum) {
    for (size_t j = 0; j < static_cast<size_t>(window.cols); ++j) {
      const size_t c = row * cols + firstCol + j;
      const auto at = static_cast<int64_t>(row - firstRow) * stride + static_cast<int64_t>(j);
      if (weff)
        weff[at] = static_cast<float>(direct(c) + (sum ? sum[firstCol + j] : 0.0));
      const double g = net.plus[c] + net.minus[c];
      const double line =
          g > 0.0
              ? (net.plus[c] * net.attenuationPlus[c] + net.minus[c] * net.attenuationMinus[c]) / g
              : (net.attenuationPlus[c] + net.attenuationMinus[c]) / 2.0;
      if (transfer)
        transfer[at] = static_cast<float>(net.out[c] * line);
    }
  };
  const size_t endRow = firstRow + static_cast<size_t>(window.rows);
  if (!coupled || !weff) {
    for (size_t row = firstRow; row < endRow; ++row)
      emit(row, nullptr);
  } else {
    Sweeper sweeper(net);
    const size_t size = kLanes * cols;
    std::vector<double> changes, sum(size);
    // Groups start at multiples of kLanes in the tile, so that a row's numbers do not depend on the
    // window that it is folded in.
    for (size_t group = firstRow / kLanes * kLanes; group < endRow; group += kLanes) {
      sweeper.start(group);
      changes.resize(size);
      sweeper.sweep(1, false, changes.data());
      double largest = 0.0;
      for (double w : changes)
        largest = std::max(largest, std::abs(w));
      // How many sweeps it takes is known after the first.
      SeriesWeights series = seriesWeights(1, contraction);
      for (int n = 2; n <= options.maxSweeps && series.error * largest > options.tolerance * top;
           ++n) {
        SeriesWeights longer = seriesWeights(n, contraction);
        if (longer.error < series.error)
          series = std::move(longer);
      }
      const auto sweeps = static_cast<int>(series.weight.size());
      changes.resize(size * static_cast<size_t>(sweeps));
      for (int n = 2; n <= sweeps; ++n)
        sweeper.sweep(n, n == sweeps, changes.data() + size * static_cast<size_t>(n - 1));
      std::fill(sum.begin(), sum.end(), 0.0);
      for (size_t n = 0; n < static_cast<size_t>(sweeps); ++n)
        for (size_t c = 0; c < size; ++c)
          sum[c] += series.weight[n] * changes[n * size + c];
      result.sweeps = std::max(result.sweeps, sweeps);
      result.residual = std::max(result.residual, top > 0.0 ? series.error * largest / top : 0.0);
      for (size_t row = std::max(group, firstRow); row < std::min(group + kLanes, endRow); ++row)
        emit(row, sum.data() + (row - group) * cols);
    }
    result.converged = result.residual <= options.tolerance;
  }
  if (outConductance) {
    std::vector<double> g(cols);
    outputConductance(net, readout, wires.rows(), options, contraction, g);
    for (size_t j = 0; j < static_cast<size_t>(window.cols); ++j)
      outConductance[j] = static_cast<float>(g[firstCol + j]);
  }
  return result;
}

} // namespace aimc::model
