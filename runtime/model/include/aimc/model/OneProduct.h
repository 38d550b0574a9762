//===- OneProduct.h - open rows as one matrix product ----------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Fidelity one_product of OpenRows.h: the input pattern through a reference column of equal cells,
// the weights against the mean load.
//   Q_j = V_r sum_i z_i M_ij
//   z_i  = sign(d_i) sum over ticks that row i conducts of T^ref_i[loads on_k g_ref]
//   M_ij = Tm_ij / Tm^ref_i * own_ij * (G+ - G-)_ij
//   own_ij = (1 + m_ij g_ref) / (1 + m_ij G_ij),  m_ij = (1 - o_i) Tm_ij R_i
// Columns that load alike share a panel, each panel has a reference in steps of its conductance. A
// reference has the cells of a chunk in one place and cuts a read into groups of ticks
// (TickGroups.h). The mean field has a row's own cell with the probability of its pulse, yet it
// loads the column whenever the row counts: o_i = sum_s u_i(s) p_i(s) of it is there, R_i is the
// wire between it and the ADC.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/model/LadderAdjoint.h"
#include "aimc/model/OpenRows.h"
#include "aimc/model/TickGroups.h"

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace aimc::model {

//===----------------------------------------------------------------------===//
// Reference columns
//===----------------------------------------------------------------------===//

/// Columns of a panel at most.
inline constexpr int64_t kReferencePanel = 32;
/// Columns whose ADC is at the last row, and those whose ADC is at the first.
inline constexpr int kReadSides = 2;

/// A column of equal cells in the place of a block.
struct ReferenceColumn {
  int64_t rows = 0;
  float conductance = 0; ///< g_ref, uS per cell; 0: there is no such column
  float wire = 0;        ///< 1/uS per cell
  float terminal = 0;    ///< 1/uS from the block's cell next to the ADC to the virtual ground
  bool reversed = false; ///< the ADC is on the side of the block's first row
  bool operator==(const ReferenceColumn &) const = default;
};

/// The reference column of a block for columns read at the last (or, `atFirstRow`, first) row.
ReferenceColumn referenceColumn(const TileView &tile, const Wires &wires, const BlockWindow &window,
                                bool atFirstRow, double gRef);

/// A reference against the mean load.
struct MeanReference {
  ReferenceColumn column;
  std::vector<double> mean; ///< Tm^ref [rows]; empty: no such column
  double out = 0;           ///< G_out, summed over the pass, uS ticks
};
MeanReference referenceMean(const ReferenceColumn &column, const RowActivity &activity);

/// g_ref that pulses are pre-distorted by, for a block of some mean conductance: in steps, so that
/// blocks share it.
double pulseConductance(double mean);

/// Columns of a block in the places of its panels.
struct ReferencePanels {
  std::vector<int64_t> order;      ///< -1: filling, at the end of a panel
  std::vector<double> conductance; ///< g_ref of each panel
  int64_t sidePanels[kReadSides] = {};
};
/// `loads`: mean conductance of each of the block's columns, the first of which is column `col` of
/// the tile. `mean` 0: columns stay as they come, on their sides.
ReferencePanels referencePanels(std::span<const double> loads, double mean, Readout readout,
                                int64_t col);

/// Mean conductance of each column of a block.
std::vector<double> columnLoads(const TileView &tile, const BlockWindow &window);

/// One vector's pulses on their way through any number of references.
class Arrival {
public:
  /// `ticks` [rows] may be fractional; they end in tick `longest` at the latest. With one
  /// that is not a number no z is.
  void set(const double *ticks, int64_t rows, int longest);
  /// z [rows]. Returns G_out over the read, uS ticks: what turns an ADC input off the rest level
  /// into charge.
  double through(const ReferenceColumn &column, double *z);
  /// Adds dL/dticks to `ticksBar` from dL/dz. Groups of ticks stay; at the end of a pulse the
  /// slope is that from below, at no pulse the direct one.
  void throughAdjoint(const ReferenceColumn &column, const double *zBar, double *ticksBar);

private:
  void walk(const ReferenceColumn &column);

  int64_t rows = 0, chunks = 0;
  TickGroups groups;
  std::vector<double> size, sign, part; ///< of the last group that a row conducts for
  std::vector<int32_t> last;            ///< that group
  std::vector<double> on;               ///< conducting rows of a chunk in each group
  std::vector<double> b, bar;           ///< potentials of a walk, and their adjoints
  double end[kReferenceGroups], current[kReferenceGroups];
};

//===----------------------------------------------------------------------===//
// The matrix
//===----------------------------------------------------------------------===//

/// Tm / Tm^ref with the row's own cell, and its derivatives. `away`: (1 - o_i) R_i.
template <class T> struct OneProductRatio { T value, perTransfer, perLoad; };
template <class T>
OneProductRatio<T> oneProductRatio(T transfer, T meanReference, T away, T gRef, T load) {
  const T missing = away * transfer, under = T(1) / (T(1) + missing * load);
  const T own = (T(1) + missing * gRef) * under, scale = T(1) / meanReference;
  return {transfer * own * scale, (own + transfer * away * (gRef - load) * under * under) * scale,
          -transfer * missing * own * under * scale};
}

/// o_i of every row.
std::vector<double> ownShares(const RowActivity &activity);

/// (1 - o_i) R_i of every row of a block.
std::vector<double> awayResistance(const ReferenceColumn &column, std::span<const double> own);

/// Mean field of a strip of kLadderStrip columns, far end first, and its adjoint.
struct StripField {
  int64_t rows = 0;
  const RowActivity *activity = nullptr;
  bool reversed = false;          ///< the far end is the block's last row
  double between = 0;             ///< 1/uS per cell
  const double *pieces = nullptr; ///< 1/uS in front of each cell [rows x kLadderStrip]; or uniform
  double last[kLadderStrip] = {}; ///< from the last cell to the virtual ground

  /// `load` [rows x kLadderStrip] in uS. `transfer` receives Tm, `out` [kLadderStrip] the G_out
  /// over the pass. `scratch` [3 x rows x kLadderStrip].
  void forward(const double *load, double *transfer, double *out, double *scratch) const;
  /// Adds dL/dG to `loadBar` from dL/dTm, for uniform wire. `scratch` [3 x rows x kLadderStrip].
  void backward(const double *load, const double *transferBar, double *loadBar,
                double *scratch) const;
};

/// The strip of columns `columns` of a block, at most kLadderStrip of one side; fills `load` and,
/// where wires vary, `pieces`, which it points to.
StripField stripOf(const TileView &tile, const Wires &wires, const BlockWindow &window,
                   const RowActivity &activity, bool atFirstRow, std::span<const int64_t> columns,
                   std::vector<double> &load, std::vector<double> &pieces);

/// All columns of a block, strip by strip.
void eachStrip(const BlockWindow &window, Readout readout,
               const std::function<void(std::span<const int64_t> columns, bool atFirstRow)> &visit);

/// What one_product multiplies with, for a whole block.
struct OneProduct {
  ReferencePanels panels;
  std::vector<MeanReference> references; ///< distinct ones
  std::vector<int32_t> panelReference;   ///< [panels] index among them
  /// Of all columns of a side: pulses are pre-distorted by it.
  MeanReference pulses[kReadSides];
  std::vector<float> transfer, matrix; ///< Tm and M in uS [rows x cols]
  std::vector<float> outRatio;         ///< [cols] G_out over that of the column's reference
};
/// `panels` false: one reference a side, that of the pulses.
OneProduct foldOneProduct(const TileView &tile, const Wires &wires, Readout readout,
                          const BlockWindow &window, const RowActivity &activity,
                          bool panels = true);

} // namespace aimc::model
