//===- Crossbar.h - a tile with row and column wires -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The two-dimensional network of a tile whose idle rows stay driven at mid-rail. Each row has a
// plus line, on which the G+ devices hang, and a minus line with the G- devices; a positive input
// drives them V_r above and below the rest level. A line starts at its driver, left of column 0,
// through driver_ohm + row_ohm / 2 and runs on with row_ohm per cell; columns as in Ladder.h. The
// network is linear, so a read is one matrix product with
//   Weff_ij = current out of column j per volt on the pair of lines of row i   [uS]
// Lines that are not driven and columns move by little, so the response is a quickly converging
// series: the driven lines alone, then what the columns' potentials do to all lines, and so on,
// each term by exact ladder solves.
// Source: docs/Physics.md section 2. Oracle: nodal solves of the whole network.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/model/Ladder.h"
#include "aimc/model/Wires.h"

#include <cstdint>

namespace aimc::model {

struct CrossbarOptions {
  double tolerance = 1e-6; ///< of the largest |Weff|
  int maxSweeps = 64;
};

/// A tile of double precision.
struct PreciseTile {
  const double *gPlus = nullptr, *gMinus = nullptr; ///< [rows x stride], uS
  int64_t rows = 0, cols = 0, stride = 0;
};

struct CrossbarResult {
  int sweeps = 0;
  double residual = 0; ///< bound of what further sweeps would change, relative to max |Weff|
  bool converged = true;
};

/// Folds the block `window` of a tile; every row and column of the tile loads the network.
/// `weff`, `transfer` are row-major [window.rows x stride] and start at the block's corner; either
/// may be null. `transfer` is what one uA of a device's own nominal current (V_r g) contributes to
/// its column's output, the product of the line's and the column's attenuation, as read noise needs
/// it. `outConductance` [window.cols], where given: current that the ADC of a column draws per volt
/// that all ADC inputs are above the rest level, uS.
CrossbarResult foldCrossbar(const TileView &tile, const Wires &wires, Readout readout,
                            const BlockWindow &window, float *weff, float *transfer, int64_t stride,
                            const CrossbarOptions &options = {}, float *outConductance = nullptr);

/// Sweeps to the last digits of double precision, one driven row at a time: what gradients are
/// measured against.
CrossbarResult foldCrossbar(const PreciseTile &tile, const Wires &wires, Readout readout,
                            const BlockWindow &window, double *weff, double *transfer,
                            int64_t stride);

/// Adjoint of foldCrossbar: from dL/dWeff in `weffBar` [window.rows x stride] to dL/dG+ and dL/dG-
/// of every device of the tile, [tile.rows x tile.cols], added to. Every device carries a part of
/// every row's field, so that this takes two solves of the whole network per row of the window, in
/// double precision: about 50 ms a row at 512 x 512 and 0.35 ohm.
void foldCrossbarAdjoint(const TileView &tile, const Wires &wires, Readout readout,
                         const BlockWindow &window, const float *weffBar, int64_t stride,
                         float *gPlusBar, float *gMinusBar, const CrossbarOptions &options = {});
void foldCrossbarAdjoint(const PreciseTile &tile, const Wires &wires, Readout readout,
                         const BlockWindow &window, const double *weffBar, int64_t stride,
                         double *gPlusBar, double *gMinusBar);

} // namespace aimc::model
