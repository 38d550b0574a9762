//===- Reference.cpp - naive tile read in double precision -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/model/Reference.h"

#include "aimc/model/Converter.h"
#include "aimc/model/ReadNoise.h"

#include <Eigen/Sparse>

#include <algorithm>
#include <cmath>
#include <set>

namespace aimc::model {

namespace {

/// Devices and pulses of the whole tile as one read sees them, row-major.
struct Scene {
  int64_t rows = 0, cols = 0;
  std::vector<double> plus, minus;             ///< what loads a node
  std::vector<double> drivenPlus, drivenMinus; ///< what a driver's current flows through
  std::vector<double> duration;                ///< [rows], signed ticks

  size_t at(int64_t i, int64_t j) const { return static_cast<size_t>(i * cols + j); }
  bool active(int64_t i, double end) const {
    return std::abs(duration[static_cast<size_t>(i)]) >= end;
  }
  double sign(int64_t i) const { return duration[static_cast<size_t>(i)] < 0.0 ? -1.0 : 1.0; }
};

Scene makeScene(const TileView &tile, const BlockWindow &window, std::span<const double> ticks,
                const ReadCircuit &circuit, const NormalSource &noise, bool noiseLoads) {
  Scene scene{tile.rows, tile.cols, {}, {}, {}, {}, {}};
  scene.duration.assign(static_cast<size_t>(tile.rows), 0.0);
  std::copy(ticks.begin(), ticks.end(), scene.duration.begin() + window.row);
  for (int64_t i = 0; i < tile.rows; ++i)
    for (int64_t j = 0; j < tile.cols; ++j) {
      scene.plus.push_back(static_cast<double>(tile.gPlus[i * tile.stride + j]));
      scene.minus.push_back(static_cast<double>(tile.gMinus[i * tile.stride + j]));
    }
  scene.drivenPlus = scene.plus;
  scene.drivenMinus = scene.minus;
  if (!noise)
    return scene;
  for (int64_t j = window.col; j < window.col + window.cols; ++j)
    for (int64_t i = 0; i < tile.rows; ++i) {
      const double d = std::abs(scene.duration[static_cast<size_t>(i)]);
      if (d == 0.0)
        continue;
      const auto line = readNoiseLine(d * circuit.tickNs);
      const size_t c = scene.at(i, j);
      scene.drivenPlus[c] += line.sigma(scene.plus[c]) * noise();
      scene.drivenMinus[c] += line.sigma(scene.minus[c]) * noise();
    }
  if (noiseLoads || circuit.wires.rows()) {
    scene.plus = scene.drivenPlus;
    scene.minus = scene.drivenMinus;
  }
  return scene;
}

/// Resistance in 1/uS of a piece of wire.
double piece(double ohm, const float *factor, size_t at) {
  return wireFromOhm(ohm) * (factor ? static_cast<double>(factor[at]) : 1.0);
}

/// Current into the ADC (uA) of column j while the rows whose pulses last to `end` conduct.
double columnCurrent(const Scene &scene, const ReadCircuit &circuit, int64_t j, double end) {
  const bool flipped = readAtFirstRow(circuit.readout, j);
  double conductance = 0.0, current = 0.0; // Norton equivalent of the cells seen so far
  double before = 0.0;                     // resistance that leads to the next cell
  size_t last = 0;
  for (int64_t k = 0; k < scene.rows; ++k) {
    const int64_t i = flipped ? scene.rows - 1 - k : k;
    last = scene.at(i, j);
    const double pass = 1.0 / (1.0 + before * conductance);
    conductance *= pass;
    current *= pass;
    const bool active = scene.active(i, end);
    if (active || circuit.idle == Idle::Midrail)
      conductance += scene.plus[last] + scene.minus[last];
    if (active)
      current +=
          scene.sign(i) * circuit.readVolt * (scene.drivenPlus[last] - scene.drivenMinus[last]);
    before = piece(circuit.wires.columnOhm, circuit.wires.columnFactor, last);
  }
  const double out = before / 2.0 + wireFromOhm(circuit.wires.adcOhm);
  return (current - conductance * circuit.vOffV) / (1.0 + conductance * out);
}

/// Currents into all ADCs (uA) by Kirchhoff's law at every node of the network with row wires.
/// Potentials are relative to the rest level.
class Network {
public:
  Network(const Scene &scene, const ReadCircuit &circuit, double end)
      : scene(scene), circuit(circuit) {
    const int64_t cells = scene.rows * scene.cols, n = 3 * cells;
    const Wires &w = circuit.wires;
    std::vector<Eigen::Triplet<double>> entries;
    const auto tie = [&](int64_t a, int64_t b, double g) {
      entries.emplace_back(a, a, g);
      entries.emplace_back(b, b, g);
      entries.emplace_back(a, b, -g);
      entries.emplace_back(b, a, -g);
    };
    right = Eigen::VectorXd::Zero(n);
    const auto source = [&](int64_t a, double g, double volt) {
      entries.emplace_back(a, a, g);
      right(a) += g * volt;
    };
    for (int64_t i = 0; i < scene.rows; ++i)
      for (int64_t j = 0; j < scene.cols; ++j) {
        const size_t c = scene.at(i, j);
        const int64_t column = i * scene.cols + j, plus = cells + column, minus = plus + cells;
        const bool active = scene.active(i, end);
        const bool connected = active || circuit.idle == Idle::Midrail;
        if (connected) {
          tie(column, plus, scene.plus[c]);
          tie(column, minus, scene.minus[c]);
        }
        // Lines; the first piece ends in the driver.
        const double row = piece(w.rowOhm, w.rowFactor, c);
        if (j > 0) {
          tie(plus, plus - 1, conductance(row));
          tie(minus, minus - 1, conductance(row));
        } else {
          const double g = conductance(row / 2.0 + wireFromOhm(w.driverOhm));
          const double volt = active ? scene.sign(i) * circuit.readVolt : 0.0;
          source(plus, g, volt);
          source(minus, g, -volt);
        }
        const bool flipped = readAtFirstRow(circuit.readout, j);
        const double wire = piece(w.columnOhm, w.columnFactor, c);
        if (i != (flipped ? 0 : scene.rows - 1)) {
          tie(column, column + (flipped ? -scene.cols : scene.cols), conductance(wire));
        } else {
          adc.emplace_back(column, conductance(wire / 2.0 + wireFromOhm(w.adcOhm)));
          source(column, adc.back().second, circuit.vOffV);
        }
      }
    Eigen::SparseMatrix<double> matrix(n, n);
    matrix.setFromTriplets(entries.begin(), entries.end());
    solver.compute(matrix);
  }
  std::vector<double> currents() const {
    const Eigen::VectorXd v = solver.solve(right);
    std::vector<double> out(adc.size());
    for (const auto &[node, g] : adc)
      out[static_cast<size_t>(node % scene.cols)] = g * (v(node) - circuit.vOffV);
    return out;
  }

private:
  /// Node equations need a conductance; a wire without resistance counts as 0.1 milliohm.
  static double conductance(double wire) { return 1.0 / std::max(wire, 1e-10); }

  const Scene &scene;
  const ReadCircuit &circuit;
  Eigen::VectorXd right;
  std::vector<std::pair<int64_t, double>> adc;
  Eigen::SimplicialLDLT<Eigen::SparseMatrix<double>> solver;
};

} // namespace

std::vector<double> referenceCharges(const TileView &tile, const BlockWindow &window,
                                     std::span<const double> ticks, const ReadCircuit &circuit,
                                     const NormalSource &noise, bool noiseLoads) {
  const Scene scene = makeScene(tile, window, ticks, circuit, noise, noiseLoads);
  std::set<double> ends;
  for (double d : ticks)
    if (d != 0.0)
      ends.insert(std::abs(d));
  // After the last pulse only an offset of the ADC input still drives a column.
  if (circuit.vOffV != 0.0 && circuit.integrationTicks > 0.0)
    ends.insert(circuit.integrationTicks);

  std::vector<double> charges(static_cast<size_t>(window.cols), 0.0);
  double begin = 0.0;
  for (double end : ends) {
    const double ns = (end - begin) * circuit.tickNs;
    std::vector<double> all;
    if (circuit.wires.rows())
      all = Network(scene, circuit, end).currents();
    for (int64_t j = 0; j < window.cols; ++j)
      charges[static_cast<size_t>(j)] +=
          ns * (all.empty() ? columnCurrent(scene, circuit, window.col + j, end)
                            : all[static_cast<size_t>(window.col + j)]);
    begin = end;
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
  std::vector<double> codes(x.size()), ticks(x.size());
  for (size_t i = 0; i < x.size(); ++i)
    codes[i] = read.levels > 0 ? quantise(x[i], inverse, read.levels)
                               : static_cast<double>(x[i] * inverse);
  const double perTick = static_cast<double>(range) / read.fullScaleTicks;
  const size_t passes = std::max<size_t>(read.passes.size(), 1);
  for (size_t p = 0; p < passes; ++p) {
    ReadCircuit circuitOfPass = circuit;
    double factor = 1.0;
    ticks = codes;
    circuitOfPass.integrationTicks = read.fullScaleTicks;
    if (!read.passes.empty()) {
      const DacPass &pass = read.passes[p];
      factor = pass.factor();
      circuitOfPass.integrationTicks = pass.longest();
      for (double &t : ticks) {
        const int32_t d = pass.ticks(static_cast<int32_t>(std::abs(t)));
        t = t < 0.0 ? -d : d;
      }
    }
    const auto charges = referenceCharges(tile, window, ticks, circuitOfPass, noise);
    for (size_t j = 0; j < charges.size(); ++j) {
      const double unit = read.adc.unitFc();
      const ReferenceAdcSpread &spread = read.spread;
      const double gain = spread.gain.empty() ? 1.0 : spread.gain[j];
      const double offset = spread.offsetLsb.empty() ? 0.0 : spread.offsetLsb[j];
      double code = adcCode(charges[j] / unit * gain + offset, read.adc.kind, read.adc.maxCode());
      if (spread.calibrated)
        code = (code - offset) / gain;
      y[j] += code * unit * static_cast<double>(read.scale[j]) * perTick * factor;
    }
  }
}

} // namespace aimc::model
