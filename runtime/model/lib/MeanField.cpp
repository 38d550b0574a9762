//===- MeanField.cpp - attenuation against the mean load of a read -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/model/Clones.h"
#include "aimc/model/OneProduct.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace aimc::model {

namespace {
constexpr int64_t n = kLadderStrip;

// Two vectors are a strip. Local values of this type stay in registers, whatever their width.
using Lanes [[gnu::vector_size(64)]] = double;
using InMemory [[gnu::vector_size(64), gnu::aligned(8), gnu::may_alias]] = double;
constexpr int64_t kLanes = 8;
static_assert(n == 2 * kLanes);
// No functions: a vector's way in and out depends on the instruction set.
#define AIMC_LANES(from) (*reinterpret_cast<const InMemory *>(from))
#define AIMC_STORE(to, lanes) (*reinterpret_cast<InMemory *>(to) = (lanes))

/// Rows of one slot, in the strip's order: those of the block from `first` on in steps of `step`.
struct Slot {
  const float *probability, *share;
  int64_t rows, first, step;
  double width;
};

// A slot's ladder with b and a, the potential and the current at a place per potential at the far
// end: b += R a, a += p G b, T = b / b_out. It needs no division, yet b grows by 1 + R h a cell.

/// Adds u T of `Count` slots to `transfer` and width G_out to `out`: cells are read once for them.
/// `potential` [Count x rows x kLanes] is scratch.
template <int Count>
[[gnu::always_inline]] inline void forwardSlots(const double *load, const Slot *slots,
                                                double between, const double *last,
                                                double *potential, double *transfer, double *out) {
  const Slot &any = slots[0];
  for (int64_t half = 0; half < n; half += kLanes) {
    Lanes b[Count], a[Count], inverse[Count];
    for (int s = 0; s < Count; ++s) {
      a[s] = Lanes{};
      b[s] = a[s] + 1.0;
    }
    for (int64_t i = 0, row = any.first; i < any.rows; ++i, row += any.step) {
      const Lanes g = AIMC_LANES(load + i * n + half);
      for (int s = 0; s < Count; ++s) {
        b[s] += between * a[s];
        AIMC_STORE(potential + (i * Count + s) * kLanes, b[s]);
        a[s] += static_cast<double>(slots[s].probability[row]) * g * b[s];
      }
    }
    Lanes leak = AIMC_LANES(out + half);
    for (int s = 0; s < Count; ++s) {
      inverse[s] = 1.0 / (b[s] + AIMC_LANES(last + half) * a[s]);
      leak += slots[s].width * a[s] * inverse[s];
    }
    AIMC_STORE(out + half, leak);
    for (int64_t i = 0, row = any.first; i < any.rows; ++i, row += any.step) {
      Lanes sum = AIMC_LANES(transfer + i * n + half);
      for (int s = 0; s < Count; ++s)
        sum += static_cast<double>(slots[s].share[row]) * inverse[s] *
               AIMC_LANES(potential + (i * Count + s) * kLanes);
      AIMC_STORE(transfer + i * n + half, sum);
    }
  }
}

/// Adds dL/dG to `loadBar` from dL/dTm.
template <int Count>
[[gnu::always_inline]] inline void
backwardSlots(const double *load, const Slot *slots, double between, const double *last,
              const double *transferBar, double *potential, double *loadBar) {
  const Slot &any = slots[0];
  for (int64_t half = 0; half < n; half += kLanes) {
    Lanes b[Count], a[Count], sum[Count], inverse[Count], bBar[Count], aBar[Count];
    for (int s = 0; s < Count; ++s) {
      a[s] = sum[s] = Lanes{};
      b[s] = a[s] + 1.0;
    }
    for (int64_t i = 0, row = any.first; i < any.rows; ++i, row += any.step) {
      const Lanes g = AIMC_LANES(load + i * n + half), t = AIMC_LANES(transferBar + i * n + half);
      for (int s = 0; s < Count; ++s) {
        b[s] += between * a[s];
        AIMC_STORE(potential + (i * Count + s) * kLanes, b[s]);
        a[s] += static_cast<double>(slots[s].probability[row]) * g * b[s];
        sum[s] += static_cast<double>(slots[s].share[row]) * t * b[s];
      }
    }
    const Lanes end = AIMC_LANES(last + half);
    for (int s = 0; s < Count; ++s) {
      inverse[s] = 1.0 / (b[s] + end * a[s]);
      bBar[s] = -sum[s] * inverse[s] * inverse[s];
      aBar[s] = end * bBar[s];
    }
    for (int64_t i = any.rows - 1, row = any.first + any.step * i; i >= 0; --i, row -= any.step) {
      const Lanes g = AIMC_LANES(load + i * n + half), t = AIMC_LANES(transferBar + i * n + half);
      Lanes bar = AIMC_LANES(loadBar + i * n + half);
      for (int s = 0; s < Count; ++s) {
        const Lanes through = static_cast<double>(slots[s].probability[row]) * aBar[s];
        bar += through * AIMC_LANES(potential + (i * Count + s) * kLanes);
        bBar[s] += static_cast<double>(slots[s].share[row]) * t * inverse[s] + through * g;
        aBar[s] += between * bBar[s];
      }
      AIMC_STORE(loadBar + i * n + half, bar);
    }
  }
}

constexpr int kTogether = 4; ///< slots

AIMC_CLONES
void slotsForward(const double *load, const Slot *slots, int count, double between,
                  const double *last, double *potential, double *transfer, double *out) {
  if (count == kTogether)
    forwardSlots<kTogether>(load, slots, between, last, potential, transfer, out);
  else
    for (int s = 0; s < count; ++s)
      forwardSlots<1>(load, slots + s, between, last, potential, transfer, out);
}

AIMC_CLONES
void slotsBackward(const double *load, const Slot *slots, int count, double between,
                   const double *last, const double *transferBar, double *potential,
                   double *loadBar) {
  if (count == kTogether)
    backwardSlots<kTogether>(load, slots, between, last, transferBar, potential, loadBar);
  else
    for (int s = 0; s < count; ++s)
      backwardSlots<1>(load, slots + s, between, last, transferBar, potential, loadBar);
}

/// The same with quotients h / (1 + R h), which nothing can overflow, and for wires that vary.
AIMC_CLONES
void slotQuotients(const double *load, const Slot slot, double between, const double *pieces,
                   const double *last, double width, double *factors, double *transfer,
                   double *out) {
  double h[n] = {}, product[n];
  for (int64_t i = 0, row = slot.first; i < slot.rows; ++i, row += slot.step) {
    const auto p = static_cast<double>(slot.probability[row]);
    const double *g = load + i * n;
    double *f = factors + i * n;
    for (int64_t j = 0; j < n; ++j) {
      f[j] = 1.0 / (1.0 + (pieces ? pieces[i * n + j] : between) * h[j]);
      h[j] = f[j] * h[j] + p * g[j];
    }
  }
  for (int64_t j = 0; j < n; ++j) {
    product[j] = 1.0 / (1.0 + last[j] * h[j]);
    out[j] += width * product[j] * h[j];
  }
  for (int64_t i = slot.rows - 1, row = slot.first + slot.step * i; i >= 0; --i, row -= slot.step) {
    const double *f = factors + i * n;
    const auto u = static_cast<double>(slot.share[row]);
    double *t = transfer + i * n;
    for (int64_t j = 0; j < n; ++j) {
      t[j] += u * product[j];
      product[j] *= f[j];
    }
  }
}

/// to = factor of its row times from.
void scaleRows(const double *from, const float *factor, const Slot &slot, double *to) {
  for (int64_t i = 0, row = slot.first; i < slot.rows; ++i, row += slot.step)
    for (int64_t j = 0; j < n; ++j)
      to[i * n + j] = static_cast<double>(factor[row]) * from[i * n + j];
}

Slot slotOf(const StripField &strip, int64_t s) {
  const int64_t rows = strip.rows;
  return {strip.activity->probability.data() + s * rows,
          strip.activity->share.data() + s * rows,
          rows,
          strip.reversed ? rows - 1 : 0,
          strip.reversed ? -1 : 1,
          strip.activity->width[static_cast<size_t>(s)]};
}

/// Whether b may come near overflowing: h is at most what an endless column of the fullest cells
/// has, and no more than all cells together.
bool grows(const double *load, int64_t rows, double between) {
  const double top = *std::max_element(load, load + rows * n);
  const double most = top / 2.0 + std::sqrt(top * top / 4.0 + top / std::max(between, 1e-30));
  const double h = std::min(most, top * static_cast<double>(rows));
  return static_cast<double>(rows) * std::log1p(between * h) > 500.0;
}
/// Slots in groups of kTogether.
template <class F> void eachGroup(const StripField &strip, const F &f) {
  Slot slots[kTogether];
  for (int64_t s = 0; s < strip.activity->slots; s += kTogether) {
    int count = 0;
    while (count < kTogether && s + count < strip.activity->slots) {
      slots[count] = slotOf(strip, s + count);
      ++count;
    }
    f(slots, count);
  }
}
} // namespace

void StripField::forward(const double *load, double *transfer, double *out, double *scratch) const {
  std::fill_n(transfer, rows * n, 0.0);
  std::fill_n(out, n, 0.0);
  if (rows <= 0)
    return;
  const bool safe = !pieces && !grows(load, rows, between);
  eachGroup(*this, [&](const Slot *slots, int count) {
    if (safe)
      slotsForward(load, slots, count, between, last, scratch, transfer, out);
    else
      for (int s = 0; s < count; ++s)
        slotQuotients(load, slots[s], between, pieces, last, slots[s].width, scratch, transfer,
                      out);
  });
}

void StripField::backward(const double *load, const double *transferBar, double *loadBar,
                          double *scratch) const {
  if (rows <= 0)
    return;
  const bool safe = !grows(load, rows, between);
  const double nothing[n] = {};
  const StripWire wire{between, last[0]};
  double *f = scratch, *t = f + rows * n, *bar = t + rows * n;
  eachGroup(*this, [&](const Slot *slots, int count) {
    if (safe) {
      slotsBackward(load, slots, count, between, last, transferBar, scratch, loadBar);
      return;
    }
    for (int s = 0; s < count; ++s) {
      const Slot &now = slots[s];
      scaleRows(load, now.probability, now, f);
      scaleRows(transferBar, now.share, now, bar);
      ladderStrip(f, rows, nothing, wire, t);
      ladderStripAdjoint(f, t, rows, wire, bar);
      scaleRows(bar, now.probability, now, f);
      for (int64_t c = 0; c < rows * n; ++c)
        loadBar[c] += f[c];
    }
  });
}

StripField stripOf(const TileView &tile, const Wires &wires, const BlockWindow &window,
                   const RowActivity &activity, bool atFirstRow, std::span<const int64_t> columns,
                   std::vector<double> &load, std::vector<double> &pieces) {
  StripField strip;
  strip.rows = window.rows;
  strip.activity = &activity;
  strip.reversed = atFirstRow;
  strip.between = wireFromOhm(wires.columnOhm);
  load.assign(static_cast<size_t>(window.rows * n), 0.0);
  if (wires.columnFactor)
    pieces.assign(load.size(), strip.between);
  for (size_t k = 0; k < columns.size(); ++k) {
    const int64_t col = window.col + columns[k];
    strip.last[k] = wireToAdc(tile, wires, window, col, atFirstRow);
    for (int64_t i = 0; i < window.rows; ++i) {
      const int64_t row = window.row + (atFirstRow ? window.rows - 1 - i : i);
      const int64_t before = atFirstRow ? row + 1 : row - 1;
      const auto cell = static_cast<size_t>(i * n) + k;
      load[cell] = static_cast<double>(tile.gPlus[row * tile.stride + col]) +
                   static_cast<double>(tile.gMinus[row * tile.stride + col]);
      if (wires.columnFactor && i > 0)
        pieces[cell] *= static_cast<double>(wires.columnFactor[before * tile.cols + col]);
    }
  }
  strip.pieces = wires.columnFactor ? pieces.data() : nullptr;
  return strip;
}

void eachStrip(const BlockWindow &window, Readout readout,
               const std::function<void(std::span<const int64_t>, bool atFirstRow)> &visit) {
  for (bool atFirstRow : {false, true}) {
    std::vector<int64_t> columns;
    const auto flush = [&] {
      if (!columns.empty())
        visit(columns, atFirstRow);
      columns.clear();
    };
    for (int64_t j = 0; j < window.cols; ++j) {
      if (readAtFirstRow(readout, window.col + j) != atFirstRow)
        continue;
      columns.push_back(j);
      if (static_cast<int64_t>(columns.size()) == n)
        flush();
    }
    flush();
  }
}

void meanField(const TileView &tile, const Wires &wires, Readout readout, const BlockWindow &window,
               const RowActivity &activity, float *transfer, int64_t stride,
               float *outConductance) {
  const auto cells = static_cast<size_t>(window.rows * n);
  std::vector<double> load, pieces, field(cells), scratch(3 * cells);
  eachStrip(window, readout, [&](std::span<const int64_t> columns, bool atFirstRow) {
    double out[n];
    const StripField strip =
        stripOf(tile, wires, window, activity, atFirstRow, columns, load, pieces);
    strip.forward(load.data(), field.data(), out, scratch.data());
    for (size_t k = 0; k < columns.size(); ++k) {
      for (int64_t i = 0; i < window.rows; ++i)
        transfer[(atFirstRow ? window.rows - 1 - i : i) * stride + columns[k]] =
            static_cast<float>(field[static_cast<size_t>(i * n) + k]);
      if (outConductance)
        outConductance[columns[k]] = static_cast<float>(out[k]);
    }
  });
}

} // namespace aimc::model
