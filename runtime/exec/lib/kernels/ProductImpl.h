//===- ProductImpl.h - products on register blocks -------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A register block holds up to kGroupRows rows times kPassLanes columns and walks over all inputs
// of the block in increasing order. The weight panel streams from the second cache, the rows stay
// in the first. Included after one of the Lanes headers.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "KernelTable.h"
#include "NormalsImpl.h"

namespace {

using aimc::exec::kVarianceInputs;
using aimc::exec::RawBlock;
using aimc::exec::RawConversion;
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

} // namespace
