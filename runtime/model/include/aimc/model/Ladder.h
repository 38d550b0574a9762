//===- Ladder.h - a crossbar column as a resistor ladder -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// IR-drop of a column whose idle cells stay driven at mid-rail. Cell i (1 = far end .. N = at the
// ADC) loads its node with G_i = G+_i + G-_i; wire r_w between neighbours and r_w / 2 from cell N
// to the ADC's virtual ground. The network is linear and does not depend on the input, so
//   I_out = sum_i T_i i_i - G_out v_off
//   H_1 = G_1;  f_i = 1 / (1 + r_w H_{i-1});  H_i = f_i H_{i-1} + G_i
//   f_out = 1 / (1 + r_out H_N), r_out = r_w / 2 + the ADC's terminal resistance
//   T_i = f_out prod_{k>i} f_k;  G_out = f_out H_N
// exactly, and a whole pulse-width read is one matrix product with
//   Weff_ij = V_r T_ij (G+_ij - G-_ij)   [fC per ns]
// Source: docs/Physics.md section 2. Oracle: a dense nodal solve (test/runtime/model/LadderTest).
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/model/Wires.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace aimc::model {

/// Wire resistance in 1/uS (Mohm), the unit of all formulas here, from ohm per cell.
constexpr double wireFromOhm(double ohm) { return ohm * 1e-6; }

/// The pieces of wire of one column. Piece i leads from cell i towards the ADC and has
/// `wire` * factor[i]; the last one is half as long and ends in `terminal`. All in 1/uS.
template <class T> struct ColumnWire {
  T wire = T(0), terminal = T(0);
  std::span<const T> factor = {}; ///< far end first; empty: uniform wire

  /// Piece that leads to cell i > 0.
  T before(size_t i) const { return factor.empty() ? wire : wire * factor[i - 1]; }
  /// From the last of n cells to the ADC's virtual ground.
  T last(size_t n) const {
    return (factor.empty() ? wire : wire * factor[n - 1]) / T(2) + terminal;
  }
};

/// Attenuation of one column. `load` [N] in uS, far end first; `transfer` [N] receives T. Returns
/// G_out in uS.
template <class T>
T columnTransfer(std::span<const T> load, const ColumnWire<T> &wire, std::span<T> transfer) {
  const size_t n = load.size();
  if (n == 0)
    return T(0);
  T h = load[0];
  transfer[0] = T(1); // f_i; f_1 = 1
  for (size_t i = 1; i < n; ++i) {
    transfer[i] = T(1) / (T(1) + wire.before(i) * h);
    h = transfer[i] * h + load[i];
  }
  const T fOut = T(1) / (T(1) + wire.last(n) * h);
  T product = fOut;
  for (size_t i = n; i-- > 0;) {
    const T f = transfer[i];
    transfer[i] = product;
    product *= f;
  }
  return fOut * h;
}

template <class T> T columnTransfer(std::span<const T> load, T wire, std::span<T> transfer) {
  return columnTransfer<T>(load, ColumnWire<T>{wire}, transfer);
}

/// Adjoint of columnTransfer: from dL/dT (`transferBar` [N]) to dL/dG (`loadBar` [N], added to).
/// `scratch` [2 N]. One forward and one reverse scan.
template <class T>
void columnTransferAdjoint(std::span<const T> load, const ColumnWire<T> &wire,
                           std::span<const T> transferBar, std::span<T> loadBar,
                           std::span<T> scratch) {
  const size_t n = load.size();
  if (n == 0)
    return;
  const std::span<T> f = scratch.first(n), sum = scratch.subspan(n, n);
  T h = load[0];
  f[0] = T(1);
  for (size_t i = 1; i < n; ++i) {
    f[i] = T(1) / (T(1) + wire.before(i) * h);
    h = f[i] * h + load[i];
  }
  const T fOut = T(1) / (T(1) + wire.last(n) * h);
  // T_i holds each f_k with k > i as a factor, so fBar_k = sum_{i<k} T_i TBar_i / f_k.
  // Walking from the ADC: first the products T_i TBar_i, then their running sum from the far end.
  T product = fOut;
  for (size_t i = n; i-- > 0;) {
    sum[i] = product * transferBar[i];
    product *= f[i];
  }
  T running = T(0);
  for (size_t i = 0; i < n; ++i) {
    const T term = sum[i];
    sum[i] = running; // sum over cells farther than i
    running += term;
  }
  T hBar = -wire.last(n) * fOut * running;
  for (size_t i = n; i-- > 0;) {
    loadBar[i] += hBar;
    if (i > 0)
      hBar = f[i] * f[i] * hBar - wire.before(i) * f[i] * sum[i];
  }
}

template <class T>
void columnTransferAdjoint(std::span<const T> load, T wire, std::span<const T> transferBar,
                           std::span<T> loadBar, std::span<T> scratch) {
  columnTransferAdjoint<T>(load, ColumnWire<T>{wire}, transferBar, loadBar, scratch);
}

/// Charge per ns of a unit input, in uA (fC / ns).
template <class T> constexpr T effectiveWeight(T readVolt, T transfer, T gPlus, T gMinus) {
  return readVolt * transfer * (gPlus - gMinus);
}

/// Adjoint of the folded column Weff_i = V_r T_i(G+ + G-) (G+_i - G-_i): from dL/dWeff (`weffBar`
/// [N]) to dL/dG+ and dL/dG- (added to). `scratch` [5 N].
template <class T>
void foldAdjoint(std::span<const T> gPlus, std::span<const T> gMinus, const ColumnWire<T> &wire,
                 T readVolt, std::span<const T> weffBar, std::span<T> gPlusBar,
                 std::span<T> gMinusBar, std::span<T> scratch) {
  const size_t n = gPlus.size();
  const std::span<T> load = scratch.first(n), transfer = scratch.subspan(n, n),
                     loadBar = scratch.subspan(2 * n, n), rest = scratch.subspan(3 * n, 2 * n);
  for (size_t i = 0; i < n; ++i)
    load[i] = gPlus[i] + gMinus[i];
  columnTransfer<T>(load, wire, transfer);
  for (size_t i = 0; i < n; ++i) {
    const T direct = readVolt * transfer[i] * weffBar[i];
    gPlusBar[i] += direct;
    gMinusBar[i] -= direct;
    transfer[i] = readVolt * (gPlus[i] - gMinus[i]) * weffBar[i]; // becomes dL/dT
    loadBar[i] = T(0);
  }
  columnTransferAdjoint<T>(load, wire, transfer, loadBar, rest);
  for (size_t i = 0; i < n; ++i) {
    gPlusBar[i] += loadBar[i];
    gMinusBar[i] += loadBar[i];
  }
}

template <class T>
void foldAdjoint(std::span<const T> gPlus, std::span<const T> gMinus, T wire, T readVolt,
                 std::span<const T> weffBar, std::span<T> gPlusBar, std::span<T> gMinusBar,
                 std::span<T> scratch) {
  foldAdjoint<T>(gPlus, gMinus, ColumnWire<T>{wire}, readVolt, weffBar, gPlusBar, gMinusBar,
                 scratch);
}

/// Which end of a column its ADC sits at: all at the last row, or odd columns at the first row.
enum class Readout : uint8_t { Single, Alternating };

/// The ADC of column `col` sits at the first row.
constexpr bool readAtFirstRow(Readout readout, int64_t col) {
  return readout == Readout::Alternating && col % 2 == 1;
}

/// A physical tile's conductances, row-major; row 0 is the far end of `single` read-out.
struct TileView {
  const float *gPlus = nullptr;  ///< [rows x stride], uS
  const float *gMinus = nullptr; ///< [rows x stride], uS
  int64_t rows = 0, cols = 0, stride = 0;
};

/// Rows [row, row + rows) and columns [col, col + cols) of a tile.
struct BlockWindow {
  int64_t row = 0, rows = 0, col = 0, cols = 0;
};

/// T of every cell of columns [col0, col0 + n) of a tile, in double precision, vectorised over
/// columns. `transfer` is row-major [tile.rows x transferStride] and starts at column col0;
/// `outConductance` [n], where given, receives G_out (uS), with which a column answers an ADC input
/// that is off the rest level. Column wires, their factors (row stride tile.cols) and the ADC's
/// terminal count; row wires do not (foldCrossbar). The result of a column does not depend on the
/// range that it is computed in.
void foldTile(const TileView &tile, const Wires &wires, Readout readout, int64_t col0, int64_t n,
              float *transfer, int64_t transferStride, float *outConductance = nullptr);

/// The same for uniform wire in 1/uS without terminal resistance.
void foldTile(const TileView &tile, double wire, Readout readout, int64_t col0, int64_t n,
              float *transfer, int64_t transferStride);

} // namespace aimc::model
