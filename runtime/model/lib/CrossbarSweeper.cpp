//===- CrossbarSweeper.cpp - sixteen rows of a crossbar at once -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "CrossbarSweeper.h"

#include "aimc/model/Clones.h"

#include <algorithm>

namespace aimc::model {

namespace {

/// Where a sweep's column potentials come from: they are given; they follow from those of the row
/// before (sources only); or from those and the stored currents of the sweep before.
enum class Potentials { Given, Scaled, Substituted };

/// One row of one sweep. kLast: nothing follows, so nothing is stored.
template <Potentials kFrom, bool kLast>
inline __attribute__((always_inline)) void sweepRowBody(const SweepRow &row, int64_t cols,
                                                        const SweepState &state) {
  // Local copies: the compiler need not fear that stores change them.
  const float *__restrict plus = row.plus, *__restrict minus = row.minus,
                          *__restrict passPlus = row.passPlus,
                          *__restrict passMinus = row.passMinus,
                          *__restrict rowPiece = row.rowPiece,
                          *__restrict substitute = row.substitute, *__restrict piece = row.piece,
                          *__restrict eliminate = row.eliminate, *__restrict out = row.out;
  Lanes *__restrict potential = state.potential, *__restrict carried = state.carried,
                    *__restrict stored = state.stored, *__restrict sum = state.sum,
                    *__restrict linePlus = state.linePlus, *__restrict lineMinus = state.lineMinus;
  LaneVector p{}, m{};
  for (int64_t j = cols - 1; j >= 0; --j) {
    LaneVector v = potential[j].v;
    if (kFrom == Potentials::Scaled)
      v = v * substitute[j];
    if (kFrom == Potentials::Substituted)
      v = (v + stored[j].v * piece[j]) * substitute[j];
    if (kFrom != Potentials::Given)
      potential[j].v = v;
    p = p * passPlus[j] + v * plus[j];
    m = m * passMinus[j] + v * minus[j];
    linePlus[j].v = p;
    lineMinus[j].v = m;
  }
  p = p * row.invTotalPlus;
  m = m * row.invTotalMinus;
  for (int64_t j = 0; j < cols; ++j) {
    if (j > 0) {
      p = (p + linePlus[j].v * rowPiece[j]) * passPlus[j - 1];
      m = (m + lineMinus[j].v * rowPiece[j]) * passMinus[j - 1];
    }
    const LaneVector inject = p * plus[j] + m * minus[j];
    if (!kLast) {
      const LaneVector current = carried[j].v * eliminate[j] + inject;
      carried[j].v = current;
      stored[j].v = current;
    }
    sum[j].v = sum[j].v + inject * out[j];
  }
}

AIMC_CLONES
void sweepGiven(const SweepRow &row, int64_t cols, const SweepState &state) {
  sweepRowBody<Potentials::Given, false>(row, cols, state);
}
AIMC_CLONES
void sweepScaled(const SweepRow &row, int64_t cols, const SweepState &state) {
  sweepRowBody<Potentials::Scaled, false>(row, cols, state);
}
AIMC_CLONES
void sweepSubstituted(const SweepRow &row, int64_t cols, const SweepState &state) {
  sweepRowBody<Potentials::Substituted, false>(row, cols, state);
}
AIMC_CLONES
void sweepGivenLast(const SweepRow &row, int64_t cols, const SweepState &state) {
  sweepRowBody<Potentials::Given, true>(row, cols, state);
}
AIMC_CLONES
void sweepScaledLast(const SweepRow &row, int64_t cols, const SweepState &state) {
  sweepRowBody<Potentials::Scaled, true>(row, cols, state);
}
AIMC_CLONES
void sweepSubstitutedLast(const SweepRow &row, int64_t cols, const SweepState &state) {
  sweepRowBody<Potentials::Substituted, true>(row, cols, state);
}

using SweepRowFunction = void (*)(const SweepRow &, int64_t, const SweepState &);
SweepRowFunction sweepRow(Potentials from, bool last) {
  switch (from) {
  case Potentials::Given:
    return last ? sweepGivenLast : sweepGiven;
  case Potentials::Scaled:
    return last ? sweepScaledLast : sweepScaled;
  case Potentials::Substituted:
    break;
  }
  return last ? sweepSubstitutedLast : sweepSubstituted;
}

std::vector<float> narrowed(const std::vector<double> &values) {
  return {values.begin(), values.end()};
}

} // namespace

Sweeper::Sweeper(const CrossbarNetwork &network)
    : net(network), rows(network.rows), cols(network.cols), plus(narrowed(net.plus)),
      minus(narrowed(net.minus)), down(narrowed(net.down)), up(narrowed(net.up)),
      columnPiece(narrowed(net.columnPiece)), out(narrowed(net.out)),
      passPlus(narrowed(net.passPlus)), passMinus(narrowed(net.passMinus)),
      rowPiece(narrowed(net.rowPiece)), growth(rows * cols), field(rows * cols), work(5 * cols),
      block(kLanes * cols) {
  for (size_t c = 0; c < growth.size(); ++c)
    growth[c] = net.down[c] > 0.0 ? static_cast<float>(1.0 / net.down[c]) : 1.0f;
}

/// Column potentials in the group's own rows, in double precision: each lane drives one of them.
void Sweeper::sourcePotentials() {
  std::fill(block.begin(), block.end(), Lanes{});
  std::vector<double> own(cols), v(cols);
  for (size_t lane = 0; lane < count; ++lane) {
    const size_t source = firstRow + lane;
    for (size_t j = 0; j < cols; ++j) {
      const size_t c = source * cols + j;
      own[j] = (net.plus[c] * net.attenuationPlus[c] - net.minus[c] * net.attenuationMinus[c]) *
               net.self[c];
    }
    v = own;
    for (size_t k = lane + 1; k-- > 0;)
      for (size_t j = 0; j < cols; ++j) {
        block[k * cols + j].v[lane] = static_cast<float>(v[j]);
        v[j] *= net.down[(firstRow + k) * cols + j];
      }
    v = own;
    for (size_t k = lane + 1; k < count; ++k)
      for (size_t j = 0; j < cols; ++j) {
        v[j] *= net.up[(firstRow + k - 1) * cols + j];
        block[k * cols + j].v[lane] = static_cast<float>(v[j]);
      }
  }
}

void Sweeper::firstSweep(bool last) {
  sourcePotentials();
  // Potentials of row 0: from the group's first row upwards they shrink by f each.
  std::vector<double> shrink(cols, 1.0);
  for (size_t i = firstRow; i > 0; --i)
    for (size_t j = 0; j < cols; ++j)
      shrink[j] *= net.down[i * cols + j];
  for (size_t j = 0; j < cols; ++j)
    for (size_t lane = 0; lane < kLanes; ++lane)
      work[j].v[lane] = static_cast<float>(static_cast<double>(block[j].v[lane]) * shrink[j]);
  const auto n = static_cast<int64_t>(cols);
  for (size_t i = 0; i < rows; ++i) {
    const bool inside = i >= firstRow && i < firstRow + count;
    if (inside)
      std::copy_n(block.begin() + static_cast<ptrdiff_t>((i - firstRow) * cols), cols,
                  work.begin());
    // Above the sources potentials grow from row to row, below they shrink.
    const float *along = i < firstRow ? growth.data() + i * cols
                         : i > 0      ? up.data() + (i - 1) * cols
                                      : nullptr;
    sweepRow(inside || i == 0 ? Potentials::Given : Potentials::Scaled,
             last)(rowAt(i, along, nullptr, down.data() + i * cols), n, stateAt(i));
  }
}

void Sweeper::nextSweep(bool downwards, bool last) {
  const auto &total = downwards ? net.totalUp : net.totalDown;
  const auto &substitute = downwards ? up : down;
  const auto &eliminate = downwards ? down : up;
  const auto n = static_cast<int64_t>(cols);
  for (size_t k = 0; k < rows; ++k) {
    const size_t i = downwards ? k : rows - 1 - k;
    const SweepState state = stateAt(i);
    if (k == 0)
      for (size_t j = 0; j < cols; ++j)
        state.potential[j].v = state.stored[j].v * static_cast<float>(1.0 / total[j]);
    const size_t before = k == 0 ? i : downwards ? i - 1 : i + 1;
    sweepRow(k == 0 ? Potentials::Given : Potentials::Substituted, last)(
        rowAt(i, substitute.data() + before * cols, columnPiece.data() + std::min(i, before) * cols,
              eliminate.data() + i * cols),
        n, state);
  }
}

void Sweeper::sweep(int n, bool last, double *change) {
  std::fill(work.begin(), work.end(), Lanes{});
  if (n == 1)
    firstSweep(last);
  else
    nextSweep(n % 2 == 1, last);
  const Lanes *sum = work.data() + 2 * cols;
  for (size_t lane = 0; lane < kLanes; ++lane)
    for (size_t j = 0; j < cols; ++j)
      change[lane * cols + j] = static_cast<double>(sum[j].v[lane]);
}

} // namespace aimc::model
