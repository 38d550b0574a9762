//===- CrossbarNetwork.h - coefficients of a tile's ladders -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Every line of a crossbar is a ladder that loads to ground. Eliminated from one end, a ladder with
// loads g and pieces of wire r is
//   H_k = f_k H_{k-1} + g_k,  f_k = 1 / (1 + r_k H_{k-1}),  J_k = f_k J_{k-1} + inject_k
// and from the other end back v_{k-1} = f_k (v_k + r_k J_{k-1}), v_last = J_last / H_last.
// Columns are eliminated downwards and upwards by turns, so that the sweep that finds potentials
// also prepares the next one; rows from the last column to the driver.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/model/Crossbar.h"
#include "aimc/model/Ladder.h"
#include "aimc/model/Wires.h"

#include <cstddef>
#include <span>
#include <vector>

namespace aimc::model {

/// Wires that the network can be built from: a terminal of 1e-6 ohm stands for none, where columns
/// or rows have no resistance at all.
Wires withTerminals(const Wires &wires);

/// Row-major [rows x cols] coefficients in double precision. Resistances in 1/uS.
struct CrossbarNetwork {
  CrossbarNetwork(const TileView &tile, const Wires &wires, Readout readout);
  CrossbarNetwork(const PreciseTile &tile, const Wires &wires, Readout readout);

  size_t rows = 0, cols = 0;
  std::vector<double> plus, minus; ///< conductances, uS
  /// Columns. `down` f entering row k from above, `up` from below; `columnPiece` the piece between
  /// row k and row k + 1; `self` potential of a node per uA injected into it; `out` T.
  std::vector<double> down, up, columnPiece, self, out;
  std::vector<double> totalDown, totalUp; ///< [cols] H of the last and of the first row
  std::vector<double> adc;                ///< [cols] conductance into the virtual ground, uS
  std::vector<double> outConductance;     ///< [cols] G_out with grounded lines, uS
  /// Lines. f entering column j from column j + 1; `rowPiece` between j - 1 and j (0 at the
  /// driver); total H of column 0; attenuation from the driver to each node.
  std::vector<double> passPlus, passMinus, rowPiece, totalPlus, totalMinus;
  std::vector<double> attenuationPlus, attenuationMinus;

  /// Column potentials for currents injected into the columns, in place [rows x cols].
  void solveColumns(std::span<double> field) const;
  /// From column potentials to the currents that the lines, undriven, inject into the columns, in
  /// place: G+ (potential of the plus line) + G- (of the minus line).
  void throughLines(std::span<double> field) const;
  /// Potentials of row i's lines, undriven, for column potentials `field` [rows x cols]; [cols]
  /// each.
  void linePotentials(std::span<const double> field, size_t i, std::span<double> plusLine,
                      std::span<double> minusLine) const;
  /// Current into each ADC, uA, of currents injected into the columns; added to `sum` [cols].
  void collect(std::span<const double> field, std::span<double> sum) const;
  /// Upper bound of the factor by which one sweep shrinks what is left: for any positive x the
  /// largest ratio (B x)_i / x_i bounds the spectral radius of a non-negative matrix B.
  double contraction() const;

private:
  template <class T> void load(const T &tile);
  void solve(const Wires &wires, Readout readout);
};

} // namespace aimc::model
