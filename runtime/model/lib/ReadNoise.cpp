//===- ReadNoise.cpp - tables of read noise -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/model/ReadNoise.h"

namespace aimc::model {

ReadNoiseRow readNoiseRow(double ns, double ratio0) {
  const auto line = readNoiseLine(ns);
  const double power = ns * line.slope * ns * line.slope;
  return {static_cast<float>(power), static_cast<float>(power * (line.ratio() - ratio0))};
}

ReadNoiseTable makeReadNoiseTable(int32_t levels, double tickNs) {
  ReadNoiseTable table;
  table.tickNs = tickNs;
  table.ratio0 = readNoiseLine(levels * tickNs).ratio();
  table.rows.resize(static_cast<size_t>(levels) + 1);
  for (int32_t k = 1; k <= levels; ++k)
    table.rows[static_cast<size_t>(k)] = readNoiseRow(k * tickNs, table.ratio0);
  return table;
}

} // namespace aimc::model
