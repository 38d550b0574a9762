//===- Reference.cpp - naive tile read in double precision -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/model/Reference.h"

#include "aimc/model/Converter.h"
#include "aimc/model/ReadNoise.h"

#include <cmath>
#include <set>

namespace aimc::model {

namespace {

/// Current into the ADC (uA) of a column with cell loads `load` and injected currents `inject`,
/// far end first.
double outputCurrent(std::span<const double> load, std::span<const double> inject, double wire) {
  double conductance = 0.0, current = 0.0; // Norton equivalent of the cells seen so far
  for (size_t i = 0; i < load.size(); ++i) {
    const double pass = 1.0 / (1.0 + wire * conductance);
    conductance = conductance * pass + load[i];
    current = current * pass + inject[i];
  }
  return current / (1.0 + conductance * wire / 2.0);
}

} // namespace

std::vector<double> referenceCharges(const TileView &tile, const BlockWindow &window,
                                     std::span<const double> ticks, const ReadCircuit &circuit,
                                     const NormalSource &noise, bool noiseLoads) {
  const double wire = wireFromOhm(circuit.wireOhm);
  std::set<double> ends;
  for (double d : ticks)
    if (d != 0.0)
      ends.insert(std::abs(d));

  std::vector<double> charges(static_cast<size_t>(window.cols), 0.0);
  const auto rows = static_cast<size_t>(tile.rows);
  std::vector<double> load(rows), difference(rows, 0.0), duration(rows, 0.0), inject(rows);
  for (int64_t j = 0; j < window.cols; ++j) {
    const int64_t col = window.col + j;
    const bool flipped = circuit.readout == Readout::Alternating && col % 2 == 1;
    for (int64_t row = 0; row < tile.rows; ++row) {
      const auto cell = static_cast<size_t>(flipped ? tile.rows - 1 - row : row);
      double plus = tile.gPlus[row * tile.stride + col];
      double minus = tile.gMinus[row * tile.stride + col];
      load[cell] = plus + minus;
      const bool driven = row >= window.row && row < window.row + window.rows;
      duration[cell] = driven ? ticks[static_cast<size_t>(row - window.row)] : 0.0;
      if (noise && duration[cell] != 0.0) {
        const auto line = readNoiseLine(std::abs(duration[cell]) * circuit.tickNs);
        const double sigmaPlus = line.sigma(plus), sigmaMinus = line.sigma(minus);
        plus += sigmaPlus * noise();
        minus += sigmaMinus * noise();
      }
      difference[cell] = plus - minus;
      if (noiseLoads)
        load[cell] = plus + minus;
    }
    double begin = 0.0, charge = 0.0;
    for (double end : ends) {
      for (size_t i = 0; i < rows; ++i) {
        const bool active = std::abs(duration[i]) >= end;
        const double sign = duration[i] < 0.0 ? -1.0 : 1.0;
        inject[i] = active ? sign * circuit.readVolt * difference[i] : 0.0;
      }
      charge += outputCurrent(load, inject, wire) * (end - begin) * circuit.tickNs;
      begin = end;
    }
    charges[static_cast<size_t>(j)] = charge;
  }
  return charges;
}

void referenceRead(const TileView &tile, const BlockWindow &window, std::span<const float> x,
                   const ReadCircuit &circuit, const ReferenceRead &read, std::span<double> y,
                   const NormalSource &noise) {
  const float range = read.range > 0.0f ? read.range : absMax(x);
  const float inverse = ticksPerUnit(range, read.fullScaleTicks);
  if (inverse == 0.0f)
    return;
  std::vector<double> ticks(x.size());
  for (size_t i = 0; i < x.size(); ++i)
    ticks[i] = read.levels > 0 ? quantise(x[i], inverse, read.levels)
                               : static_cast<double>(x[i] * inverse);
  const auto charges = referenceCharges(tile, window, ticks, circuit, noise);
  const double perTick = static_cast<double>(range) / read.fullScaleTicks;
  for (size_t j = 0; j < charges.size(); ++j) {
    const double unit = read.adc.unitFc();
    const double code = adcCode(charges[j] / unit, read.adc.kind, read.adc.maxCode());
    y[j] += code * unit * read.scale[j] * perTick;
  }
}

} // namespace aimc::model
