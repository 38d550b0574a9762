//===- ReadImpl.h - from charges to digital results ------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// What follows the sum of a tile read (noise, offsets, ADC, digital scale) works on the finished
// register block while it is in the first cache. The conversions of a read (passes of the DAC,
// planes of the tile) follow each other for one block of outputs, so that the panel of weights and
// the outputs stay in cache. Included after one of the Lanes headers.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "ProductImpl.h"
#include "SegmentsImpl.h"

namespace {

constexpr int64_t kOpenPanels = 8; ///< panels that share the work on a vector

/// Adds noise to a finished block: tile += sqrt(variance) xi. `variance` holds the integer sums on
/// entry and the variances on exit.
inline void addNoise(const RawBlock &block, const RawInput &input, const RawDraws &draws,
                     int64_t row0, int64_t rows, int64_t panel, float *variance, float *tile) {
  alignas(64) float xi[2][kCols];
  const float *scale = block.varianceScale + panel * kCols;
  const float *slope = block.varianceSlope + panel * kCols;
  for (int64_t r = 0; r < rows; ++r) {
    if (r % 2 == 0)
      normalPanels(draws, draws.firstRow + static_cast<uint32_t>(row0 + r),
                   static_cast<uint32_t>(panel), 1, 0, xi[0], xi[1]);
    const F16 power = set1(input.powerScale[row0 + r]), delta = set1(input.powerDelta[row0 + r]);
    for (int v = 0; v < kCols; v += 16) {
      float *p = variance + r * kCols + v, *q = tile + r * kCols + v;
      const F16 sum = fma(mul(load(p), power), load(scale + v), mul(delta, load(slope + v)));
      const F16 positive = max(sum, set1(0.0f));
      store(p, positive);
      store(q, fma(sqrt(positive), load(xi[r % 2] + v), load(q)));
    }
  }
}

/// Columns of the block in a panel.
inline int64_t panelColumns(const RawBlock &block, int64_t panel) {
  int64_t n = 0;
  if (!block.column)
    n = block.cols - panel * kCols < kCols ? block.cols - panel * kCols : kCols;
  else
    while (n < kCols && block.column[panel * kCols + n] >= 0)
      ++n;
  return n;
}

/// Adds what the ADC's input is off by: tile += offset + leak * window.
inline void addOffsets(const RawConversion &c, int64_t row0, int64_t rows, int64_t panel,
                       float *tile) {
  const RawBlock &block = c.block;
  const float *leaks =
      c.arrived ? c.arrivedLeak + c.panelReference[panel] * c.arrivedRows : nullptr;
  for (int64_t r = 0; r < rows; ++r) {
    const F16 window = set1(leaks ? leaks[row0 + r] : c.window);
    for (int v = 0; v < kCols; v += 16) {
      F16 x = load(tile + r * kCols + v);
      if (block.leak)
        x = fma(load(block.leak + panel * kCols + v), window, x);
      if (block.offset)
        x = add(x, load(block.offset + panel * kCols + v));
      store(tile + r * kCols + v, x);
    }
  }
}

/// Codes of one block of charges, in place.
inline void toCodes(const RawBlock &block, int64_t rows, float *tile) {
  const F16 top = set1(block.maxCode), bottom = set1(-block.maxCode);
  for (int64_t i = 0; i < rows * kCols; i += 16) {
    const F16 charge = load(tile + i);
    const F16 code = block.adc == 1 ? rint(charge) : trunc(charge);
    store(tile + i, max(min(code, top), bottom));
  }
}

/// Codes to output.
inline void deliver(const RawBlock &block, const RawInput &input, int64_t row0, int64_t rows,
                    int64_t panel, const float *tile, float *y, int64_t ldy, bool accumulate) {
  const float *scale = block.scale + panel * kCols;
  const int64_t left = panelColumns(block, panel);
  for (int64_t r = 0; r < rows; ++r) {
    const F16 rowScale = set1(input.rowScale[row0 + r]);
    for (int v = 0; v < kCols && v < left; v += 16) {
      F16 code = load(tile + r * kCols + v);
      if (block.correction)
        code = add(code, load(block.correction + panel * kCols + v));
      const F16 value = mul(code, load(scale + v));
      float *out = y + (row0 + r) * ldy + panel * kCols + v;
      if (block.column) {
        alignas(64) float values[16];
        const int32_t *to = block.column + panel * kCols + v;
        float *line = y + (row0 + r) * ldy;
        const int64_t n = left - v < 16 ? left - v : 16;
        for (int64_t i = 0; i < 16; ++i)
          values[i] = accumulate && i < n ? line[to[i]] : 0.0f;
        store(values, accumulate ? fma(value, rowScale, load(values)) : mul(value, rowScale));
        for (int64_t i = 0; i < n; ++i)
          line[to[i]] = values[i];
      } else if (left - v >= 16) {
        store(out, accumulate ? fma(value, rowScale, load(out)) : mul(value, rowScale));
      } else {
        const int n = static_cast<int>(left - v);
        storePart(out, accumulate ? fma(value, rowScale, loadPart(out, n)) : mul(value, rowScale),
                  n);
      }
    }
  }
}

inline double total(F16 a) {
  alignas(64) float v[16];
  store(v, a);
  double sum = 0.0;
  for (int i = 0; i < 16; ++i)
    sum += static_cast<double>(v[i]);
  return sum;
}

/// Sum of squares of a finished block. Columns beyond the weight hold zeros.
inline double power(const float *tile, int64_t rows) {
  F16 sum = set1(0.0f);
  for (int64_t i = 0; i < rows * kCols; i += 16)
    sum = fma(load(tile + i), load(tile + i), sum);
  return total(sum);
}

/// Before conversion: saturation, and variances where there is noise.
inline void countCharges(const RawConversion &c, int64_t rows, int64_t panel, const float *tile,
                         const float *variance, RawCounters &counters) {
  const RawBlock &block = c.block;
  counters.codes += rows * panelColumns(block, panel);
  if (variance) {
    F16 sum = set1(0.0f);
    for (int64_t i = 0; i < rows * kCols; i += 16)
      sum = add(sum, load(variance + i));
    counters.noisePower +=
        total(sum) * (static_cast<double>(c.weight) * static_cast<double>(c.weight));
  }
  if (block.adc != 0) {
    const F16 limit = set1(block.maxCode + (block.adc == 1 ? 0.5f : 1.0f));
    for (int64_t i = 0; i < rows * kCols; i += 16)
      counters.saturated += countGreater(abs(load(tile + i)), limit);
  }
}

/// Sum of (code - charge)^2 over the block's columns.
inline double codeError(const float *codes, const float *charges, int64_t rows) {
  F16 sum = set1(0.0f);
  for (int64_t i = 0; i < rows * kCols; i += 16) {
    const F16 d = sub(load(codes + i), load(charges + i));
    sum = fma(d, d, sum);
  }
  return total(sum);
}

/// Charges of one row group in one panel that have been summed, to outputs.
inline void finishTile(const RawConversion &c, int64_t row0, int64_t rows, int64_t panel,
                       float *tile, float *y, int64_t ldy, bool accumulate, RawCounters *counters) {
  const RawBlock &block = c.block;
  alignas(64) float variance[kGroupRows * kCols];
  if (c.noisy) {
    const int64_t padded = paddedInputs(c.input.inputs), pairs = (block.rows + 1) / 2;
    const int16_t *weights = block.variance + panel * pairs * 2 * kCols;
    Table::variance[rows - 1](reinterpret_cast<const int32_t *>(c.input.power + row0 * padded),
                              reinterpret_cast<const int32_t *>(weights), pairs, variance);
    addNoise(block, c.input, c.draws, row0, rows, panel, variance, tile);
  }
  if (block.offset || block.leak)
    addOffsets(c, row0, rows, panel, tile);
  if (counters)
    countCharges(c, rows, panel, tile, c.noisy ? variance : nullptr, *counters);
  if (block.adc != 0) {
    if (counters) {
      alignas(64) float charges[kGroupRows * kCols];
      for (int64_t i = 0; i < rows * kCols; i += 16)
        store(charges + i, load(tile + i));
      toCodes(block, rows, tile);
      counters->codePower += codeError(tile, charges, rows) *
                             (static_cast<double>(c.weight) * static_cast<double>(c.weight));
    } else {
      toCodes(block, rows, tile);
    }
  }
  deliver(block, c.input, row0, rows, panel, tile, y, ldy, accumulate);
}

/// All conversions of one row group in `panels` panels. `tiles` holds a tile per panel.
inline void readGroup(const RawConversion *conversions, int64_t count, int64_t row0, int64_t rows,
                      int64_t panel0, int64_t panel1, float *tiles, float *y, int64_t ldy,
                      bool accumulate, RawCounters *counters) {
  constexpr int64_t kTile = kGroupRows * kCols;
  alignas(64) float signal[kOpenPanels * kTile];
  for (int64_t i = 0; i < count; ++i) {
    const RawConversion &c = conversions[i];
    const int64_t padded = paddedInputs(c.input.inputs);
    if (c.block.open)
      openTiles(c, row0, rows, panel0, panel1, tiles, kTile);
    for (int64_t panel = panel0; panel < panel1; ++panel) {
      float *tile = tiles + (panel - panel0) * kTile;
      if (!c.block.open) {
        const float *arrived =
            c.arrived ? c.arrived + c.panelReference[panel] * c.arrivedStride : nullptr;
        Table::sum[rows - 1]((arrived ? arrived : c.input.ticks) + row0 * padded,
                             c.block.charge + panel * c.block.rows * kCols, c.block.rows, tile);
      }
      if (counters && count == 1) {
        counters->signalPower += power(tile, rows);
      } else if (counters) {
        float *sum = signal + (panel - panel0) * kTile;
        const F16 weight = set1(c.weight);
        for (int64_t e = 0; e < rows * kCols; e += 16)
          store(sum + e,
                i == 0 ? mul(load(tile + e), weight) : fma(load(tile + e), weight, load(sum + e)));
        if (i == count - 1)
          counters->signalPower += power(sum, rows);
      }
      finishTile(c, row0, rows, panel, tile, y, ldy, accumulate || i > 0, counters);
    }
  }
}

void readPanels(const RawConversion *conversions, int64_t count, int64_t panel0, int64_t panel1,
                float *y, int64_t ldy, bool accumulate, RawCounters *counters) {
  alignas(64) float tiles[kOpenPanels * kGroupRows * kCols];
  bool open = false;
  for (int64_t i = 0; i < count; ++i)
    open |= conversions[i].block.open != nullptr;
  // What an open read finds out about a vector serves several panels.
  const int64_t step = open ? kOpenPanels : 1;
  for (int64_t panel = panel0; panel < panel1; panel += step) {
    const int64_t end = panel + step < panel1 ? panel + step : panel1;
    forGroups(conversions[0].input.rows, [&](int64_t row0, int64_t rows) {
      readGroup(conversions, count, row0, rows, panel, end, tiles, y, ldy, accumulate, counters);
    });
  }
}

void gemmPanels(const RawBlock &block, const RawInput &input, int64_t panel0, int64_t panel1,
                float *y, int64_t ldy, bool accumulate) {
  alignas(64) float tile[kGroupRows * kCols];
  const int64_t padded = paddedInputs(input.inputs);
  for (int64_t panel = panel0; panel < panel1; ++panel) {
    const float *weights = block.charge + panel * block.rows * kCols;
    const int64_t left = block.cols - panel * kCols;
    const int n0 = left < 16 ? static_cast<int>(left) : 16;
    const int n1 = left < 32 ? static_cast<int>(left) - n0 : 16;
    forGroups(input.rows, [&](int64_t row0, int64_t rows) {
      float *out = y + row0 * ldy + panel * kCols;
      if (accumulate)
        for (int64_t r = 0; r < rows; ++r) {
          store(tile + r * kCols, loadPart(out + r * ldy, n0));
          store(tile + r * kCols + 16, n1 ? loadPart(out + r * ldy + 16, n1) : set1(0.0f));
        }
      (accumulate ? Table::addTo : Table::sum)[rows - 1](input.ticks + row0 * padded, weights,
                                                         block.rows, tile);
      for (int64_t r = 0; r < rows; ++r) {
        storePart(out + r * ldy, load(tile + r * kCols), n0);
        if (n1)
          storePart(out + r * ldy + 16, load(tile + r * kCols + 16), n1);
      }
    });
  }
}

} // namespace
