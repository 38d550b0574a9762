//===- CrossbarNetwork.cpp - coefficients of a tile's ladders -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "CrossbarNetwork.h"

#include <algorithm>

namespace aimc::model {

Wires withTerminals(const Wires &wires) {
  constexpr double kNone = 1e-6;
  Wires used = wires;
  if (wires.columnOhm == 0.0 && wires.adcOhm == 0.0)
    used.adcOhm = kNone;
  if (!wires.rows())
    used.driverOhm = kNone;
  return used;
}

template <class T> void CrossbarNetwork::load(const T &tile) {
  plus.resize(rows * cols);
  minus.resize(rows * cols);
  for (size_t i = 0; i < rows; ++i)
    for (size_t j = 0; j < cols; ++j) {
      const auto at = static_cast<int64_t>(i) * tile.stride + static_cast<int64_t>(j);
      plus[i * cols + j] = static_cast<double>(tile.gPlus[at]);
      minus[i * cols + j] = static_cast<double>(tile.gMinus[at]);
    }
}

CrossbarNetwork::CrossbarNetwork(const TileView &tile, const Wires &wires, Readout readout)
    : rows(static_cast<size_t>(tile.rows)), cols(static_cast<size_t>(tile.cols)) {
  load(tile);
  solve(wires, readout);
}

CrossbarNetwork::CrossbarNetwork(const PreciseTile &tile, const Wires &wires, Readout readout)
    : rows(static_cast<size_t>(tile.rows)), cols(static_cast<size_t>(tile.cols)) {
  load(tile);
  solve(wires, readout);
}

/// Every coefficient from the conductances.
void CrossbarNetwork::solve(const Wires &wires, Readout readout) {
  const size_t cells = rows * cols;
  const double columnWire = wireFromOhm(wires.columnOhm), rowWire = wireFromOhm(wires.rowOhm);
  const auto factor = [](const float *f, size_t at) {
    return f ? static_cast<double>(f[at]) : 1.0;
  };
  for (auto *part : {&down, &up, &columnPiece, &self, &out, &passPlus, &passMinus, &rowPiece,
                     &attenuationPlus, &attenuationMinus})
    part->resize(cells);
  for (auto *part : {&totalDown, &totalUp, &adc, &outConductance})
    part->resize(cols);
  totalPlus.resize(rows);
  totalMinus.resize(rows);

  // Columns; the terminal conductance sits at the ADC's end.
  std::vector<double> top(cols, 0.0), bottom(cols, 0.0), h(cols, 0.0), upward(cells);
  for (size_t j = 0; j < cols; ++j) {
    const bool first = readAtFirstRow(readout, static_cast<int64_t>(j));
    const size_t last = first ? j : (rows - 1) * cols + j;
    adc[j] =
        1.0 / (columnWire * factor(wires.columnFactor, last) / 2.0 + wireFromOhm(wires.adcOhm));
    (first ? top : bottom)[j] = adc[j];
    // A piece belongs to the cell on its side away from the ADC.
    for (size_t i = 0; i + 1 < rows; ++i)
      columnPiece[i * cols + j] =
          columnWire * factor(wires.columnFactor, (first ? i + 1 : i) * cols + j);
  }
  for (size_t i = 0; i < rows; ++i)
    for (size_t j = 0; j < cols; ++j) {
      const size_t c = i * cols + j;
      const double g = plus[c] + minus[c];
      down[c] = i > 0 ? 1.0 / (1.0 + columnPiece[c - cols] * h[j]) : 0.0;
      h[j] = down[c] * h[j] + g + (i == 0 ? top[j] : 0.0);
      self[c] = h[j];
    }
  // What the ADC sees is the load of the whole column; it never passes through the sum with the
  // terminal's conductance, next to which it may be small.
  const std::vector<double> fromTop = h;
  for (size_t j = 0; j < cols; ++j) {
    totalDown[j] = h[j] + bottom[j];
    h[j] = 0.0;
  }
  for (size_t i = rows; i-- > 0;)
    for (size_t j = 0; j < cols; ++j) {
      const size_t c = i * cols + j;
      const double g = plus[c] + minus[c];
      up[c] = i + 1 < rows ? 1.0 / (1.0 + columnPiece[c] * h[j]) : 0.0;
      h[j] = up[c] * h[j] + g + (i + 1 == rows ? bottom[j] : 0.0);
      self[c] = 1.0 / (self[c] + h[j] - g);
    }
  for (size_t j = 0; j < cols; ++j) {
    totalUp[j] = h[j] + top[j];
    const bool first = readAtFirstRow(readout, static_cast<int64_t>(j));
    double t = adc[j] / (first ? totalUp[j] : totalDown[j]);
    outConductance[j] = t * (first ? h : fromTop)[j];
    for (size_t k = 0; k < rows; ++k) {
      const size_t i = first ? k : rows - 1 - k;
      out[i * cols + j] = t;
      t *= (first ? up : down)[i * cols + j];
    }
  }

  for (size_t i = 0; i < rows; ++i) {
    const double driver =
        1.0 / (rowWire * factor(wires.rowFactor, i * cols) / 2.0 + wireFromOhm(wires.driverOhm));
    for (size_t j = 1; j < cols; ++j)
      rowPiece[i * cols + j] = rowWire * factor(wires.rowFactor, i * cols + j);
    const auto line = [&](const std::vector<double> &g, std::vector<double> &pass, double &total,
                          std::vector<double> &attenuation) {
      double load = 0.0;
      for (size_t j = cols; j-- > 0;) {
        const size_t c = i * cols + j;
        pass[c] = j + 1 < cols ? 1.0 / (1.0 + rowPiece[c + 1] * load) : 0.0;
        load = pass[c] * load + g[c];
      }
      total = load + driver;
      double v = driver / total;
      for (size_t j = 0; j < cols; ++j) {
        attenuation[i * cols + j] = v;
        v *= pass[i * cols + j];
      }
    };
    line(plus, passPlus, totalPlus[i], attenuationPlus);
    line(minus, passMinus, totalMinus[i], attenuationMinus);
  }
}

void CrossbarNetwork::solveColumns(std::span<double> field) const {
  for (size_t i = 1; i < rows; ++i)
    for (size_t j = 0; j < cols; ++j)
      field[i * cols + j] += down[i * cols + j] * field[(i - 1) * cols + j];
  for (size_t j = 0; j < cols; ++j)
    field[(rows - 1) * cols + j] /= totalDown[j];
  for (size_t i = rows - 1; i-- > 0;)
    for (size_t j = 0; j < cols; ++j) {
      const size_t c = i * cols + j;
      field[c] = down[c + cols] * (field[c + cols] + columnPiece[c] * field[c]);
    }
}

void CrossbarNetwork::linePotentials(std::span<const double> field, size_t i,
                                     std::span<double> plusLine,
                                     std::span<double> minusLine) const {
  const size_t row = i * cols;
  double p = 0.0, m = 0.0;
  for (size_t j = cols; j-- > 0;) {
    const size_t c = row + j;
    plusLine[j] = p = passPlus[c] * p + plus[c] * field[c];
    minusLine[j] = m = passMinus[c] * m + minus[c] * field[c];
  }
  p /= totalPlus[i];
  m /= totalMinus[i];
  for (size_t j = 0; j < cols; ++j) {
    const size_t c = row + j;
    if (j > 0) {
      p = passPlus[c - 1] * (p + rowPiece[c] * plusLine[j]);
      m = passMinus[c - 1] * (m + rowPiece[c] * minusLine[j]);
    }
    plusLine[j] = p;
    minusLine[j] = m;
  }
}

void CrossbarNetwork::throughLines(std::span<double> field) const {
  std::vector<double> p(cols), m(cols);
  for (size_t i = 0; i < rows; ++i) {
    linePotentials(field, i, p, m);
    for (size_t j = 0; j < cols; ++j) {
      const size_t c = i * cols + j;
      field[c] = plus[c] * p[j] + minus[c] * m[j];
    }
  }
}

void CrossbarNetwork::collect(std::span<const double> field, std::span<double> sum) const {
  for (size_t i = 0; i < rows; ++i)
    for (size_t j = 0; j < cols; ++j)
      sum[j] += out[i * cols + j] * field[i * cols + j];
}

double CrossbarNetwork::contraction() const {
  // One application to equal potentials gives a positive vector near the dominant one; the ratio
  // of the next application is the bound. Rows without any load would divide by zero.
  std::vector<double> x(rows * cols, 1.0);
  throughLines(x);
  solveColumns(x);
  std::vector<double> y(x);
  throughLines(y);
  solveColumns(y);
  double bound = 0.0;
  for (size_t c = 0; c < x.size(); ++c)
    if (x[c] > 0.0)
      bound = std::max(bound, y[c] / x[c]);
  return std::min(bound, 1.0);
}

} // namespace aimc::model
