//===- ReadImpl.h - tile read on register blocks ---------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A register block holds up to kGroupRows rows times kPassLanes columns and walks over all inputs
// of the block in increasing order. The weight panel streams from the second cache, the rows stay
// in the first. What follows the sum (noise, ADC, digital scale) works on the finished block while
// it is in the first cache. Included after one of the Lanes headers.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "KernelTable.h"
#include "NormalsImpl.h"

namespace {

using aimc::exec::kVarianceInputs;
using aimc::exec::RawBlock;
using aimc::exec::RawCounters;
using aimc::exec::RawDraws;
using aimc::exec::RawInput;

constexpr int kCols = 32; ///< columns of a panel
constexpr int kPasses = kCols / kPassLanes;
constexpr int kVectors = kPassLanes / 16;

/// tile[r][c] (+)= sum_k a[r][k] b[k][c]; a is [chunks][R][16], b is [inputs][32].
template <int R, bool Accumulate>
void sumBlock(const float *a, const float *b, int64_t inputs, float *tile) {
  for (int pass = 0; pass < kPasses; ++pass) {
    F16 acc[R][kVectors];
    float *out = tile + pass * kPassLanes;
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v)
        acc[r][v] = Accumulate ? load(out + r * kCols + 16 * v) : set1(0.0f);
    const float *weights = b + pass * kPassLanes;
    const float *rows = a;
    for (int64_t k0 = 0; k0 < inputs; k0 += 16, rows += R * 16) {
      const int n = inputs - k0 < 16 ? static_cast<int>(inputs - k0) : 16;
      for (int k = 0; k < n; ++k, weights += kCols) {
        F16 w[kVectors];
#pragma GCC unroll 2
        for (int v = 0; v < kVectors; ++v)
          w[v] = load(weights + 16 * v);
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) {
          const F16 x = set1(rows[r * 16 + k]);
#pragma GCC unroll 2
          for (int v = 0; v < kVectors; ++v)
            acc[r][v] = fma(x, w[v], acc[r][v]);
        }
      }
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v)
        store(out + r * kCols + 16 * v, acc[r][v]);
  }
}

/// tile[r][c] = sum over input pairs of int16 products, exact; a is [chunks][R][16] pairs, b is
/// [pairs][32] pairs.
template <int R>
void varianceBlock(const int32_t *a, const int32_t *b, int64_t pairs, float *tile) {
  constexpr int64_t kMost = kVarianceInputs / 2;
  for (int pass = 0; pass < kPasses; ++pass) {
    float *out = tile + pass * kPassLanes;
    const int32_t *weights = b + pass * kPassLanes;
    const int32_t *rows = a;
    for (int64_t begin = 0; begin < pairs; begin += kMost) {
      const int64_t end = pairs < begin + kMost ? pairs : begin + kMost;
      I16 acc[R][kVectors];
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r)
#pragma GCC unroll 2
        for (int v = 0; v < kVectors; ++v)
          acc[r][v] = seti(0);
      for (int64_t k0 = begin; k0 < end; k0 += 16, rows += R * 16) {
        const int n = end - k0 < 16 ? static_cast<int>(end - k0) : 16;
        for (int k = 0; k < n; ++k, weights += kCols) {
          I16 w[kVectors];
#pragma GCC unroll 2
          for (int v = 0; v < kVectors; ++v)
            w[v] = loadi(weights + 16 * v);
#pragma GCC unroll 16
          for (int r = 0; r < R; ++r) {
            const I16 x = seti(rows[r * 16 + k]);
#pragma GCC unroll 2
            for (int v = 0; v < kVectors; ++v)
              acc[r][v] = dot16(acc[r][v], x, w[v]);
          }
        }
      }
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r)
#pragma GCC unroll 2
        for (int v = 0; v < kVectors; ++v) {
          float *p = out + r * kCols + 16 * v;
          store(p, begin == 0 ? toFloat(acc[r][v]) : add(load(p), toFloat(acc[r][v])));
        }
    }
  }
}

using SumFn = void (*)(const float *, const float *, int64_t, float *);
using VarianceFn = void (*)(const int32_t *, const int32_t *, int64_t, float *);

/// Entry r - 1 works on r rows.
template <int... R> struct BlockTable {
  static constexpr SumFn sum[] = {sumBlock<R, false>...};
  static constexpr SumFn addTo[] = {sumBlock<R, true>...};
  static constexpr VarianceFn variance[] = {varianceBlock<R>...};
};
template <int N, int... R> struct MakeTable : MakeTable<N - 1, N, R...> {};
template <int... R> struct MakeTable<0, R...> { using type = BlockTable<R...>; };
using Table = MakeTable<kGroupRows>::type;

/// Calls fn(first row, rows) for each group of rows of a packed input (RowGroups of Kernels.h).
template <class Fn> inline void forGroups(int64_t rows, Fn fn) {
  if (rows == 0)
    return;
  const int64_t groups = (rows + kGroupRows - 1) / kGroupRows;
  const int64_t base = rows / groups, larger = rows % groups;
  int64_t first = 0;
  for (int64_t g = 0; g < groups; ++g) {
    const int64_t n = base + (g < larger ? 1 : 0);
    fn(first, n);
    first += n;
  }
}
inline int64_t paddedInputs(int64_t inputs) { return (inputs + 31) / 32 * 32; }

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

/// Charges to codes to output.
inline void convert(const RawBlock &block, const RawInput &input, int64_t row0, int64_t rows,
                    int64_t panel, const float *tile, float *y, int64_t ldy, bool accumulate) {
  const float *scale = block.scale + panel * kCols;
  const int64_t left = block.cols - panel * kCols;
  const F16 top = set1(block.maxCode), bottom = set1(-block.maxCode);
  for (int64_t r = 0; r < rows; ++r) {
    const F16 rowScale = set1(input.rowScale[row0 + r]);
    for (int v = 0; v < kCols && v < left; v += 16) {
      F16 code = load(tile + r * kCols + v);
      if (block.adc != 0) {
        code = block.adc == 1 ? rint(code) : trunc(code);
        code = max(min(code, top), bottom);
      }
      const F16 value = mul(code, load(scale + v));
      float *out = y + (row0 + r) * ldy + panel * kCols + v;
      if (left - v >= 16) {
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

inline void countCodes(const RawBlock &block, int64_t rows, int64_t panel, const float *tile,
                       const float *variance, RawCounters &counters) {
  const int64_t left = block.cols - panel * kCols;
  counters.codes += rows * (left < kCols ? left : kCols);
  if (variance) {
    F16 sum = set1(0.0f);
    for (int64_t i = 0; i < rows * kCols; i += 16)
      sum = add(sum, load(variance + i));
    counters.noisePower += total(sum);
  }
  if (block.adc != 0) {
    const F16 limit = set1(block.maxCode + (block.adc == 1 ? 0.5f : 1.0f));
    for (int64_t i = 0; i < rows * kCols; i += 16)
      counters.saturated += countGreater(abs(load(tile + i)), limit);
  }
}

void readPanels(const RawBlock &block, const RawInput &input, int64_t panel0, int64_t panel1,
                const RawDraws *draws, float *y, int64_t ldy, bool accumulate,
                RawCounters *counters) {
  alignas(64) float tile[kGroupRows * kCols], variance[kGroupRows * kCols];
  const int64_t padded = paddedInputs(input.inputs), pairs = (block.rows + 1) / 2;
  for (int64_t panel = panel0; panel < panel1; ++panel) {
    const float *charge = block.charge + panel * block.rows * kCols;
    const int16_t *weights = draws ? block.variance + panel * pairs * 2 * kCols : nullptr;
    forGroups(input.rows, [&](int64_t row0, int64_t rows) {
      Table::sum[rows - 1](input.ticks + row0 * padded, charge, block.rows, tile);
      if (counters)
        counters->signalPower += power(tile, rows);
      if (draws) {
        Table::variance[rows - 1](reinterpret_cast<const int32_t *>(input.power + row0 * padded),
                                  reinterpret_cast<const int32_t *>(weights), pairs, variance);
        addNoise(block, input, *draws, row0, rows, panel, variance, tile);
      }
      if (counters)
        countCodes(block, rows, panel, tile, draws ? variance : nullptr, *counters);
      convert(block, input, row0, rows, panel, tile, y, ldy, accumulate);
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
