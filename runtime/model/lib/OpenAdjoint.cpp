//===- OpenAdjoint.cpp - gradients through open rows -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// What one_product adds to the adjoint of a midrail fold: a scan per slot. The weights enter
// through the mean field (each slot is a ladder with loads p G) and through g_ref, the mean of all
// of them, by which the reference column attenuates.
//
//===----------------------------------------------------------------------===//
#include "aimc/model/OpenRows.h"

#include <algorithm>
#include <cmath>

namespace aimc::model {

void meanFieldAdjoint(std::span<const double> load, const ColumnWire<double> &wire,
                      std::span<const double> probability, std::span<const double> share,
                      std::span<const double> transferBar, std::span<double> loadBar) {
  const size_t n = load.size();
  if (n == 0)
    return;
  std::vector<double> loads(n), bar(n), loadsBar(n), scratch(2 * n);
  for (size_t begin = 0; begin + n <= probability.size(); begin += n) {
    for (size_t i = 0; i < n; ++i) {
      loads[i] = probability[begin + i] * load[i];
      bar[i] = share[begin + i] * transferBar[i];
      loadsBar[i] = 0.0;
    }
    columnTransferAdjoint<double>(loads, wire, bar, loadsBar, scratch);
    for (size_t i = 0; i < n; ++i)
      loadBar[i] += probability[begin + i] * loadsBar[i];
  }
}

double referenceTicksAdjoint(const ReferenceColumn &column, std::span<const double> ticks,
                             std::span<const double> zBar) {
  const size_t n = ticks.size();
  std::vector<double> ends;
  for (double d : ticks)
    if (d != 0.0)
      ends.push_back(std::abs(d));
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
  const ColumnWire<double> wire{column.wire, column.terminal - column.wire / 2.0};
  std::vector<double> loads(n), bar(n), loadsBar(n), scratch(2 * n);
  double begin = 0.0, sum = 0.0;
  for (double end : ends) {
    for (size_t k = 0; k < n; ++k) {
      const size_t i = column.reversed ? n - 1 - k : k;
      const bool on = std::abs(ticks[i]) >= end;
      loads[k] = on ? column.conductance : 0.0;
      bar[k] = on ? (ticks[i] < 0.0 ? -1.0 : 1.0) * (end - begin) * zBar[i] : 0.0;
      loadsBar[k] = 0.0;
    }
    columnTransferAdjoint<double>(loads, wire, bar, loadsBar, scratch);
    for (size_t k = 0; k < n; ++k)
      sum += loads[k] > 0.0 ? loadsBar[k] : 0.0;
    begin = end;
  }
  return sum;
}

} // namespace aimc::model
