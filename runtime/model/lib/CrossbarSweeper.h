//===- CrossbarSweeper.h - sixteen rows of a crossbar at once -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The terms of the series in Crossbar.cpp, for sixteen driven rows at once, one a lane. Their
// fields stay in the third-level cache, and a sweep is a walk over the tile's rows in which each
// row is solved and the columns are eliminated on the way. The next sweep walks back. A later term
// is a small correction of the one before, so single precision is enough for it.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "CrossbarNetwork.h"

#include <cstddef>
#include <vector>

namespace aimc::model {

inline constexpr size_t kLanes = 16;
/// One value for each of kLanes driven rows.
typedef float LaneVector __attribute__((vector_size(4 * kLanes)));
struct alignas(4 * kLanes) Lanes {
  LaneVector v;
};

/// What one row of the tile needs during a sweep; all [cols].
struct SweepRow {
  const float *plus, *minus, *passPlus, *passMinus, *rowPiece;
  float invTotalPlus, invTotalMinus;
  const float *substitute; ///< f towards this row from the row before
  const float *piece;      ///< wire between this row and the row before
  const float *eliminate;  ///< f that the new elimination enters this row with
  const float *out;
};

/// What sweeps work on. `potential` [cols] holds the column potentials of the row before and
/// receives this row's; `carried` [cols] the elimination's current so far; `stored` [cols] the
/// previous elimination's current at this row, replaced by the new one; `sum` [cols] collects what
/// reaches the ADCs.
struct SweepState {
  Lanes *potential, *carried, *stored, *sum, *linePlus, *lineMinus;
};

/// The sweeps of one group of kLanes rows.
class Sweeper {
public:
  explicit Sweeper(const CrossbarNetwork &network);

  /// Follows the driven lines of rows [first, first + kLanes) of the tile.
  void start(size_t first) {
    firstRow = first;
    count = std::min(kLanes, rows - first);
  }
  /// Sweep number n = 1, 2, ...: w_n into `change` [kLanes x cols]. Nothing may follow a sweep that
  /// was called the last one.
  void sweep(int n, bool last, double *change);

private:
  SweepRow rowAt(size_t i, const float *substitute, const float *piece,
                 const float *eliminate) const {
    const size_t c = i * cols;
    return {plus.data() + c,
            minus.data() + c,
            passPlus.data() + c,
            passMinus.data() + c,
            rowPiece.data() + c,
            static_cast<float>(1.0 / net.totalPlus[i]),
            static_cast<float>(1.0 / net.totalMinus[i]),
            substitute,
            piece,
            eliminate,
            out.data() + c};
  }
  SweepState stateAt(size_t i) {
    return {work.data(),
            work.data() + cols,
            field.data() + i * cols,
            work.data() + 2 * cols,
            work.data() + 3 * cols,
            work.data() + 4 * cols};
  }
  void sourcePotentials();
  void firstSweep(bool last);
  void nextSweep(bool downwards, bool last);

  const CrossbarNetwork &net;
  size_t rows, cols, firstRow = 0, count = 0;
  std::vector<float> plus, minus, down, up, columnPiece, out, passPlus, passMinus, rowPiece, growth;
  std::vector<Lanes> field; ///< [rows x cols] currents of the latest elimination
  std::vector<Lanes> work;  ///< potential, carried, sum, linePlus, lineMinus [cols] each
  std::vector<Lanes> block; ///< [kLanes x cols] potentials in the driven rows themselves
};

} // namespace aimc::model
