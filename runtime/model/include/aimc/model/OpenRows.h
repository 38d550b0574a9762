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
//   one_product  the input pattern through reference columns, the weights against the mean load
//                  Tm_ij = sum_s u_i(s) T_ij[loads p_k(s) G_kj]
//                see OneProduct.h
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

/// Mean of G+ + G- over a block.
double meanConductance(const TileView &tile, const BlockWindow &window);

/// Tm of every cell of a block against the mean load, vectorised over columns. `transfer` is
/// row-major [window.rows x stride] and starts at the block's corner. `outConductance`
/// [window.cols], where given: G_out against the mean load, summed over the pass (uS ticks).
void meanField(const TileView &tile, const Wires &wires, Readout readout, const BlockWindow &window,
               const RowActivity &activity, float *transfer, int64_t stride,
               float *outConductance = nullptr);

/// Resistance (1/uS) from the last cell of a block's column to the ADC, over open rows that do not
/// load.
double wireToAdc(const TileView &tile, const Wires &wires, const BlockWindow &window, int64_t col,
                 bool atFirstRow);

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
