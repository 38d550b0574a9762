//===- NodalOracle.h - a column by Kirchhoff's law -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The circuit of docs/Physics.md section 2 as a dense system of node equations in absolute volts.
// It shares no formula with the ladder recursion.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <Eigen/Dense>

namespace aimc::test {

/// Current into the ADC (uA) of a column with conductances `plus`, `minus` (uS, far end first),
/// drivers at rest + sign * volt and rest - sign * volt (`sign` in -1, 0, 1), wire in ohm.
inline double nodalCurrent(const Eigen::VectorXd &plus, const Eigen::VectorXd &minus,
                           const Eigen::VectorXd &sign, double volt, double ohm,
                           double adcOffset = 0.0) {
  const double rest = 0.4, wire = 1e6 / ohm; // uS
  const Eigen::Index n = plus.size();
  Eigen::MatrixXd a = Eigen::MatrixXd::Zero(n, n);
  Eigen::VectorXd b = Eigen::VectorXd::Zero(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    a(i, i) += plus(i) + minus(i);
    b(i) += plus(i) * (rest + sign(i) * volt) + minus(i) * (rest - sign(i) * volt);
    if (i + 1 < n) {
      a(i, i) += wire;
      a(i + 1, i + 1) += wire;
      a(i, i + 1) -= wire;
      a(i + 1, i) -= wire;
    }
  }
  const double last = 2.0 * wire, ground = rest + adcOffset;
  a(n - 1, n - 1) += last;
  b(n - 1) += last * ground;
  const Eigen::VectorXd v = a.partialPivLu().solve(b);
  return last * (v(n - 1) - ground);
}

} // namespace aimc::test
