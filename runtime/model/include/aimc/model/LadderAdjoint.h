//===- LadderAdjoint.h - strips of columns, forward and backward -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The recursions of columnTransfer and columnTransferAdjoint (Ladder.h) for kLadderStrip columns
// at once, in double precision, on arrays that stay in a core's second cache: what training calls
// once per step and weight. A strip is row-major [rows x kLadderStrip], far end first; unused
// columns hold any finite values.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>

namespace aimc::model {

/// Columns of a strip.
inline constexpr int64_t kLadderStrip = 16;

/// Wire of a strip, in 1/uS: `between` neighbours, `last` from the last cell to the virtual ground.
struct StripWire {
  double between = 0, last = 0;
};

/// Conductance seen from the far end into `cells` equal cells of `load` uS each: what the unused
/// rows in front of a block add. 0 for no cells.
double restConductance(double load, int64_t cells, double between);

/// Transfer of every cell. `load` [rows] holds G in uS and is overwritten with the attenuations
/// f_i; `before` [kLadderStrip] is the conductance that ends in the strip's first cell through one
/// piece of wire; `transfer` [rows] receives T, `outConductance` [kLadderStrip], where given,
/// G_out in uS.
void ladderStrip(double *load, int64_t rows, const double *before, StripWire wire, double *transfer,
                 double *outConductance = nullptr);

/// From dL/dT in `bar` [rows] to dL/dG in its place, given what ladderStrip left in `load` (f) and
/// `transfer`.
void ladderStripAdjoint(const double *f, const double *transfer, int64_t rows, StripWire wire,
                        double *bar);

} // namespace aimc::model
