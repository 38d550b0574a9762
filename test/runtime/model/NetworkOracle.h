//===- NetworkOracle.h - a tile by Kirchhoff's law -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The whole network of a tile with row and column wires as a dense system of node equations in
// absolute volts. It shares no formula with the ladder sweeps. Wires must have resistance.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/model/Wires.h"

#include <Eigen/Dense>

#include <cstdint>
#include <vector>

namespace aimc::test {

struct NetworkOracle {
  int64_t rows = 0, cols = 0;
  std::vector<float> plus, minus; ///< row-major, uS
  model::Wires wires;             ///< all pieces > 0
  bool alternating = false;       ///< odd columns are read at the first row
  std::vector<bool> open;         ///< rows whose devices are disconnected; empty: none

  /// Current into every ADC (uA): row i's plus line at rest + sign(i) volt, its minus line at
  /// rest - sign(i) volt, ADC inputs at rest + offset.
  Eigen::VectorXd currents(const Eigen::VectorXd &sign, double volt, double offset = 0.0) const {
    const double rest = 0.4;
    const int64_t cells = rows * cols;
    Eigen::MatrixXd a = Eigen::MatrixXd::Zero(3 * cells, 3 * cells);
    Eigen::VectorXd b = Eigen::VectorXd::Zero(3 * cells);
    const auto resistor = [&](int64_t p, int64_t q, double siemens) {
      a(p, p) += siemens;
      a(q, q) += siemens;
      a(p, q) -= siemens;
      a(q, p) -= siemens;
    };
    const auto supply = [&](int64_t p, double siemens, double volts) {
      a(p, p) += siemens;
      b(p) += siemens * volts;
    };
    const auto ohms = [&](double ohm, const float *factor, int64_t cell) {
      return ohm * (factor ? static_cast<double>(factor[cell]) : 1.0);
    };
    Eigen::VectorXd last(cols);
    std::vector<int64_t> node(static_cast<size_t>(cols));
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < cols; ++j) {
        const int64_t c = i * cols + j;
        const auto k = static_cast<size_t>(c);
        if (open.empty() || !open[static_cast<size_t>(i)]) {
          resistor(c, cells + c, static_cast<double>(plus[k]));
          resistor(c, 2 * cells + c, static_cast<double>(minus[k]));
        }
        const double left = ohms(wires.rowOhm, wires.rowFactor, c);
        for (int64_t line : {cells, 2 * cells}) {
          const double volts = rest + (line == cells ? volt : -volt) * sign(i);
          if (j == 0)
            supply(line + c, 1e6 / (left / 2.0 + wires.driverOhm), volts);
          else
            resistor(line + c, line + c - 1, 1e6 / left);
        }
        const bool up = alternating && j % 2 == 1;
        const double wire = ohms(wires.columnOhm, wires.columnFactor, c);
        if (i == (up ? 0 : rows - 1)) {
          last(j) = 1e6 / (wire / 2.0 + wires.adcOhm);
          node[static_cast<size_t>(j)] = c;
          supply(c, last(j), rest + offset);
        } else {
          resistor(c, up ? c - cols : c + cols, 1e6 / wire);
        }
      }
    const Eigen::VectorXd v = a.partialPivLu().solve(b);
    Eigen::VectorXd current(cols);
    for (int64_t j = 0; j < cols; ++j)
      current(j) = last(j) * (v(node[static_cast<size_t>(j)]) - rest - offset);
    return current;
  }
};

} // namespace aimc::test
