//===- OpenRows.h - columns whose idle rows are disconnected -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// With `idle = open` a cell loads its column only while its row's pulse lasts, so the circuit
// changes with every tick. Three fidelities:
//   exact        one ladder per interval between two distinct pulse ends, active cells only
//   segments     n neighbouring cells lumped: M_G = sum G, M_0 = sum i, M_1 = sum i (pos - centre)
//                over its active cells; wires n r_w; a segment injects
//                M_0 + r_w (H_before + M_G / 2) M_1
//   one_product  the input pattern through one reference column of equal cells g_ref, the weights
//                against the mean load:
//     Tm_ij  = sum_s u_i(s) T_ij[loads p_k(s) G_kj]          Tm^ref_i: the same for cells g_ref
//     z_i    = sign(d_i) sum_{s <= |d_i|} T^ref_i[loads on_k(s) g_ref]           ticks
//     Q_j   ~= V_r sum_i z_i (Tm_ij / Tm^ref_i) (G+ - G-)_ij
// Rows outside the block are open: wire, but no load. Source: docs/Physics.md section 2.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/model/Activity.h"
#include "aimc/model/Ladder.h"
#include "aimc/model/Wires.h"

#include <cstdint>
#include <span>
#include <vector>

namespace aimc::model {

/// A column of equal cells in the place of a block: what one_product sends an input vector through.
struct ReferenceColumn {
  double conductance = 0; ///< g_ref, uS per cell
  double wire = 0;        ///< 1/uS per cell
  double terminal = 0;    ///< 1/uS from the block's cell next to the ADC to the virtual ground
  bool reversed = false;  ///< the ADC is on the side of the block's first row
};

/// The reference column of a block for columns read at the last (or, `atFirstRow`, first) row.
ReferenceColumn referenceColumn(const TileView &tile, const Wires &wires, const BlockWindow &window,
                                bool atFirstRow, double gRef);

/// Mean of G+ + G- over a block: g_ref.
double meanConductance(const TileView &tile, const BlockWindow &window);

/// z [rows] of a vector of signed pulse lengths `ticks` [rows] (may be fractional), exact: one
/// ladder per distinct length. Returns sum over ticks of the column's G_out (uS ticks), which an
/// ADC input off the rest level turns into charge.
double referenceTicks(const ReferenceColumn &column, std::span<const double> ticks,
                      std::span<double> z);

/// Tm of every cell of a block against the mean load, vectorised over columns. `transfer` is
/// row-major [window.rows x stride] and starts at the block's corner. `outConductance`
/// [window.cols], where given: G_out against the mean load, summed over the pass (uS ticks).
void meanField(const TileView &tile, const Wires &wires, Readout readout, const BlockWindow &window,
               const RowActivity &activity, float *transfer, int64_t stride,
               float *outConductance = nullptr);

/// Tm^ref [rows] of a reference column. Returns its G_out against the mean load, uS ticks.
double meanFieldReference(const ReferenceColumn &column, const RowActivity &activity,
                          std::span<double> transfer);

/// What one_product multiplies z with: Tm_ij / Tm^ref_i, each column against the reference of its
/// own read-out side.
struct OneProduct {
  ReferenceColumn atLastRow, atFirstRow;
  std::vector<double> meanAtLastRow, meanAtFirstRow; ///< Tm^ref [rows]
};
OneProduct foldOneProduct(const TileView &tile, const Wires &wires, Readout readout,
                          const BlockWindow &window, const RowActivity &activity, float *ratio,
                          int64_t stride, float *outRatio = nullptr);

/// Adjoint of the mean field of one column (far end first): Tm_i = sum_s u_i(s) T_i[loads p_k(s)
/// G_k]; from dL/dTm (`transferBar` [rows]) to dL/dG (`loadBar` [rows], added to). `probability`
/// and `share` are [slots x rows] in the column's order. One ladder forward and back a slot.
void meanFieldAdjoint(std::span<const double> load, const ColumnWire<double> &wire,
                      std::span<const double> probability, std::span<const double> share,
                      std::span<const double> transferBar, std::span<double> loadBar);

/// dL/dg_ref of referenceTicks, from dL/dz (`zBar` [rows]).
double referenceTicksAdjoint(const ReferenceColumn &column, std::span<const double> ticks,
                             std::span<const double> zBar);

/// Charge (fC) of every column of a block for one vector, slot by slot in double precision.
std::vector<double> openExact(const TileView &tile, const Wires &wires, Readout readout,
                              const BlockWindow &window, std::span<const double> ticks,
                              double readVolt, double tickNs, double vOff = 0);

/// The same with columns lumped into segments of `cells` neighbouring cells, counted from the
/// block's far end; the last one may be shorter.
std::vector<double> openSegments(const TileView &tile, const Wires &wires, Readout readout,
                                 const BlockWindow &window, std::span<const double> ticks,
                                 double readVolt, double tickNs, int64_t cells, double vOff = 0);

} // namespace aimc::model
