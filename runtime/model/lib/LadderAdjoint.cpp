//===- LadderAdjoint.cpp - strips of columns, forward and backward -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/model/LadderAdjoint.h"

#include "aimc/model/Clones.h"

namespace aimc::model {

double restConductance(double load, int64_t cells, double between) {
  double h = 0.0;
  for (int64_t i = 0; i < cells; ++i)
    h = h / (1.0 + between * h) + load;
  return h;
}

AIMC_CLONES
void ladderStrip(double *load, int64_t rows, const double *before, StripWire wire, double *transfer,
                 double *outConductance) {
  constexpr int64_t n = kLadderStrip;
  double h[n], product[n];
  for (int64_t j = 0; j < n; ++j)
    h[j] = before[j];
  for (int64_t i = 0; i < rows; ++i) {
    double *cell = load + i * n;
    for (int64_t j = 0; j < n; ++j) {
      const double f = 1.0 / (1.0 + wire.between * h[j]);
      h[j] = f * h[j] + cell[j];
      cell[j] = f;
    }
  }
  for (int64_t j = 0; j < n; ++j)
    product[j] = 1.0 / (1.0 + wire.last * h[j]);
  if (outConductance)
    for (int64_t j = 0; j < n; ++j)
      outConductance[j] = product[j] * h[j];
  for (int64_t i = rows - 1; i >= 0; --i) {
    const double *f = load + i * n;
    double *out = transfer + i * n;
    for (int64_t j = 0; j < n; ++j) {
      out[j] = product[j];
      product[j] *= f[j];
    }
  }
}

AIMC_CLONES
void ladderStripAdjoint(const double *f, const double *transfer, int64_t rows, StripWire wire,
                        double *bar) {
  constexpr int64_t n = kLadderStrip;
  if (rows == 0)
    return;
  // T_i holds each f_k with k > i as a factor: fBar_k = sum_{i<k} T_i TBar_i / f_k.
  double hBar[n] = {};
  for (int64_t i = 0; i < rows; ++i) {
    double *cell = bar + i * n;
    const double *t = transfer + i * n;
    for (int64_t j = 0; j < n; ++j) {
      const double term = t[j] * cell[j];
      cell[j] = hBar[j];
      hBar[j] += term;
    }
  }
  const double *fOut = transfer + (rows - 1) * n; // T of the last cell
  for (int64_t j = 0; j < n; ++j)
    hBar[j] *= -wire.last * fOut[j];
  for (int64_t i = rows - 1; i >= 0; --i) {
    double *cell = bar + i * n;
    const double *factor = f + i * n;
    for (int64_t j = 0; j < n; ++j) {
      const double sum = cell[j];
      cell[j] = hBar[j];
      hBar[j] = factor[j] * factor[j] * hBar[j] - wire.between * factor[j] * sum;
    }
  }
}

} // namespace aimc::model
