//===- Ladder.cpp - fold of a physical tile -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/model/Ladder.h"

#include "aimc/model/Clones.h"

#include <algorithm>
#include <vector>

namespace aimc::model {

namespace {

/// Columns that one pass carries: enough for the vector units, few enough for the first cache.
constexpr int64_t kStrip = 64;

/// The recursion of columnTransfer for up to kStrip columns at once. `step` is +1 when row 0 is
/// the far end and -1 when it is at the ADC. `factors` is [rows x kStrip].
AIMC_CLONES
void foldStrip(const float *gPlus, const float *gMinus, int64_t rows, int64_t stride, int64_t first,
               int64_t step, int64_t n, double wire, double *factors, float *transfer,
               int64_t transferStride) {
  double h[kStrip] = {}, product[kStrip];
  for (int64_t i = 0, row = first; i < rows; ++i, row += step) {
    const float *plus = gPlus + row * stride, *minus = gMinus + row * stride;
    double *f = factors + i * kStrip;
    for (int64_t j = 0; j < n; ++j) {
      f[j] = 1.0 / (1.0 + wire * h[j]);
      h[j] = f[j] * h[j] + (static_cast<double>(plus[j]) + static_cast<double>(minus[j]));
    }
  }
  for (int64_t j = 0; j < n; ++j)
    product[j] = 1.0 / (1.0 + wire * h[j] / 2.0);
  for (int64_t i = rows - 1, row = first + step * (rows - 1); i >= 0; --i, row -= step) {
    const double *f = factors + i * kStrip;
    float *out = transfer + row * transferStride;
    for (int64_t j = 0; j < n; ++j) {
      out[j] = static_cast<float>(product[j]);
      product[j] *= f[j];
    }
  }
}

} // namespace

void foldTile(const TileView &tile, double wire, Readout readout, int64_t col0, int64_t n,
              float *transfer, int64_t transferStride) {
  if (tile.rows == 0 || n <= 0)
    return;
  std::vector<double> factors(static_cast<size_t>(tile.rows * kStrip));
  std::vector<float> reversed;
  if (readout == Readout::Alternating)
    reversed.resize(static_cast<size_t>(tile.rows * kStrip));
  for (int64_t begin = 0; begin < n; begin += kStrip) {
    const int64_t count = std::min(kStrip, n - begin);
    const float *plus = tile.gPlus + col0 + begin, *minus = tile.gMinus + col0 + begin;
    float *out = transfer + begin;
    foldStrip(plus, minus, tile.rows, tile.stride, 0, 1, count, wire, factors.data(), out,
              transferStride);
    if (readout == Readout::Single)
      continue;
    foldStrip(plus, minus, tile.rows, tile.stride, tile.rows - 1, -1, count, wire, factors.data(),
              reversed.data(), kStrip);
    for (int64_t row = 0; row < tile.rows; ++row)
      for (int64_t j = (col0 + begin) % 2 == 0 ? 1 : 0; j < count; j += 2)
        out[row * transferStride + j] = reversed[static_cast<size_t>(row * kStrip + j)];
  }
}

} // namespace aimc::model
