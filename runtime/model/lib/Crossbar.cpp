//===- Crossbar.cpp - a tile with row and column wires -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Weff_rj is the sum over n of w_n = out^T (lines columns)^n current_r: what the driven pair of
// lines alone delivers (n = 0, two exact ladders in double precision), then what the columns'
// potentials do to all lines, and back. A later term is a small correction of the one before, so
// single precision is enough for it. Sixteen rows are followed at once, one a lane: their fields
// stay in the third-level cache, and a sweep is a walk over the tile's rows in which each row is
// solved and the columns are eliminated on the way. The next sweep walks back.
//
//===----------------------------------------------------------------------===//
#include "aimc/model/Crossbar.h"

#include "CrossbarNetwork.h"
#include "aimc/model/Clones.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace aimc::model {

namespace {

constexpr size_t kLanes = 16;
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

/// The sweeps of one group of kLanes rows.
class Sweeper {
public:
  explicit Sweeper(const CrossbarNetwork &network)
      : net(network), rows(network.rows), cols(network.cols), plus(narrowed(net.plus)),
        minus(narrowed(net.minus)), down(narrowed(net.down)), up(narrowed(net.up)),
        columnPiece(narrowed(net.columnPiece)), out(narrowed(net.out)),
        passPlus(narrowed(net.passPlus)), passMinus(narrowed(net.passMinus)),
        rowPiece(narrowed(net.rowPiece)), growth(rows * cols), field(rows * cols), work(5 * cols),
        block(kLanes * cols) {
    for (size_t c = 0; c < growth.size(); ++c)
      growth[c] = net.down[c] > 0.0 ? static_cast<float>(1.0 / net.down[c]) : 1.0f;
  }

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

/// Weights of w_1 .. w_n that stand for the whole series sum_m w_m.
struct SeriesWeights {
  std::vector<double> weight; ///< [n]
  double error = 0;           ///< bound of what is left, relative to w_1, rounding included
};

/// What single precision adds: w_m is of the order rho^(m-1) w_1 and known to seven digits.
double roundingOf(const std::vector<double> &weight, double rho) {
  double sum = 0.0, power = 1.0;
  for (double w : weight) {
    sum += std::abs(w) * power;
    power *= rho;
  }
  return sum * 6e-8;
}

/// The terms are moments of a spectrum in [0, rho]: the Chebyshev expansion of 1 / (1 - lambda) cut
/// after degree n - 1 leaves about (rho / 4)^n of w_1 where the plain sum leaves rho^n. With
///   lambda = rho (x + 1) / 2,  a = 2 / rho - 1,  q = a - sqrt(a^2 - 1):
///   1 / (1 - lambda) = 2 / rho * 2 / sqrt(a^2 - 1) * (1 / 2 + sum_k q^k T_k(x))
/// Its weights alternate and grow with n, so that in the end the plain sum is the better one.
SeriesWeights seriesWeights(int n, double rho) {
  const auto size = static_cast<size_t>(n);
  SeriesWeights plain{std::vector<double>(size, 1.0), 0.0};
  if (rho <= 0.0)
    return plain;
  constexpr double kNearOne = 1e-9; // a bound of 1 tells nothing
  plain.error = std::pow(rho, n) / std::max(1.0 - rho, kNearOne) + roundingOf(plain.weight, rho);
  if (rho > 1.0 - kNearOne)
    return plain;
  const double a = 2.0 / rho - 1.0, root = std::sqrt(a * a - 1.0), q = 1.0 / (a + root);
  const double scale = 4.0 / (rho * root);
  SeriesWeights series{std::vector<double>(size, 0.0), 0.0};
  // T_k as polynomials in t = lambda / rho: T_0 = 1, T_1 = 2 t - 1,
  // T_{k+1} = (4 t - 2) T_k - T_{k-1}.
  std::vector<double> before(size, 0.0), now(size, 0.0), next(size);
  now[0] = 1.0;
  double power = 0.5;
  for (int k = 0; k < n; ++k) {
    double unit = 1.0;
    for (size_t m = 0; m < size; ++m, unit *= rho)
      series.weight[m] += scale * power * now[m] / unit;
    for (size_t m = 0; m < size; ++m) {
      const double shifted = m > 0 ? now[m - 1] : 0.0;
      next[m] = k == 0 ? 2.0 * shifted - now[m] : 4.0 * shifted - 2.0 * now[m] - before[m];
    }
    before = now;
    now = next;
    power = k == 0 ? q : power * q;
  }
  series.error = scale * power / (1.0 - q) + roundingOf(series.weight, rho);
  return series.error < plain.error ? series : plain;
}

/// G_out with lines that give way: all ADC inputs one volt above the rest level.
void outputConductance(const CrossbarNetwork &net, Readout readout, bool giving,
                       const CrossbarOptions &options, double contraction, std::span<double> g) {
  std::copy(net.outConductance.begin(), net.outConductance.end(), g.begin());
  if (!giving)
    return;
  std::vector<double> field(net.rows * net.cols, 0.0), change(net.cols);
  for (size_t j = 0; j < net.cols; ++j) {
    const size_t last = readAtFirstRow(readout, static_cast<int64_t>(j)) ? 0 : net.rows - 1;
    field[last * net.cols + j] = net.adc[j];
  }
  const double top = *std::max_element(g.begin(), g.end());
  for (int sweep = 0; sweep < options.maxSweeps; ++sweep) {
    net.solveColumns(field);
    net.throughLines(field);
    std::fill(change.begin(), change.end(), 0.0);
    net.collect(field, change);
    double largest = 0.0;
    for (size_t j = 0; j < net.cols; ++j) {
      g[j] -= change[j];
      largest = std::max(largest, change[j]);
    }
    if (largest * contraction <= options.tolerance * top * (1.0 - contraction))
      break;
  }
}

} // namespace

CrossbarResult foldCrossbar(const TileView &tile, const Wires &wires, Readout readout,
                            const BlockWindow &window, float *weff, float *transfer, int64_t stride,
                            const CrossbarOptions &options, float *outConductance) {
  CrossbarResult result;
  if (tile.rows == 0 || tile.cols == 0)
    return result;
  // Without any column resistance columns stay at the rest level and rows do not meet.
  const bool grounded = wires.columnOhm == 0.0 && wires.adcOhm == 0.0;
  const bool coupled = wires.rows() && !grounded;
  const CrossbarNetwork net(tile, withTerminals(wires), readout);
  const size_t cols = net.cols;

  double top = 0.0;
  const auto direct = [&](size_t c) {
    return net.out[c] *
           (net.plus[c] * net.attenuationPlus[c] - net.minus[c] * net.attenuationMinus[c]);
  };
  for (size_t c = 0; c < net.out.size(); ++c)
    top = std::max(top, std::abs(direct(c)));
  const double contraction = coupled ? net.contraction() : 0.0;

  const auto firstRow = static_cast<size_t>(window.row), firstCol = static_cast<size_t>(window.col);
  const auto emit = [&](size_t row, const double *sum) {
    for (size_t j = 0; j < static_cast<size_t>(window.cols); ++j) {
      const size_t c = row * cols + firstCol + j;
      const auto at = static_cast<int64_t>(row - firstRow) * stride + static_cast<int64_t>(j);
      if (weff)
        weff[at] = static_cast<float>(direct(c) + (sum ? sum[firstCol + j] : 0.0));
      const double g = net.plus[c] + net.minus[c];
      const double line =
          g > 0.0
              ? (net.plus[c] * net.attenuationPlus[c] + net.minus[c] * net.attenuationMinus[c]) / g
              : (net.attenuationPlus[c] + net.attenuationMinus[c]) / 2.0;
      if (transfer)
        transfer[at] = static_cast<float>(net.out[c] * line);
    }
  };
  const size_t endRow = firstRow + static_cast<size_t>(window.rows);
  if (!coupled || !weff) {
    for (size_t row = firstRow; row < endRow; ++row)
      emit(row, nullptr);
  } else {
    Sweeper sweeper(net);
    const size_t size = kLanes * cols;
    std::vector<double> changes, sum(size);
    // Groups start at multiples of kLanes in the tile, so that a row's numbers do not depend on the
    // window that it is folded in.
    for (size_t group = firstRow / kLanes * kLanes; group < endRow; group += kLanes) {
      sweeper.start(group);
      changes.resize(size);
      sweeper.sweep(1, false, changes.data());
      double largest = 0.0;
      for (double w : changes)
        largest = std::max(largest, std::abs(w));
      // How many sweeps it takes is known after the first.
      SeriesWeights series = seriesWeights(1, contraction);
      for (int n = 2; n <= options.maxSweeps && series.error * largest > options.tolerance * top;
           ++n) {
        SeriesWeights longer = seriesWeights(n, contraction);
        if (longer.error < series.error)
          series = std::move(longer);
      }
      const auto sweeps = static_cast<int>(series.weight.size());
      changes.resize(size * static_cast<size_t>(sweeps));
      for (int n = 2; n <= sweeps; ++n)
        sweeper.sweep(n, n == sweeps, changes.data() + size * static_cast<size_t>(n - 1));
      std::fill(sum.begin(), sum.end(), 0.0);
      for (size_t n = 0; n < static_cast<size_t>(sweeps); ++n)
        for (size_t c = 0; c < size; ++c)
          sum[c] += series.weight[n] * changes[n * size + c];
      result.sweeps = std::max(result.sweeps, sweeps);
      result.residual = std::max(result.residual, top > 0.0 ? series.error * largest / top : 0.0);
      for (size_t row = std::max(group, firstRow); row < std::min(group + kLanes, endRow); ++row)
        emit(row, sum.data() + (row - group) * cols);
    }
    result.converged = result.residual <= options.tolerance;
  }
  if (outConductance) {
    std::vector<double> g(cols);
    outputConductance(net, readout, wires.rows(), options, contraction, g);
    for (size_t j = 0; j < static_cast<size_t>(window.cols); ++j)
      outConductance[j] = static_cast<float>(g[firstCol + j]);
  }
  return result;
}

} // namespace aimc::model
