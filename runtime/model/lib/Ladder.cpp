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
/// the far end and -1 when it is at the ADC. `factors` is [rows x kStrip]. `wireFactor`, row stride
/// `factorStride`, scales the pieces of wire; null: uniform. `out` [n] receives G_out.
template <bool kUniform>
inline void foldStripBody(const float *gPlus, const float *gMinus, int64_t rows, int64_t stride,
                          int64_t first, int64_t step, int64_t n, double wire, double terminal,
                          const float *wireFactor, int64_t factorStride, double *factors,
                          float *transfer, int64_t transferStride, double *outConductance) {
  double h[kStrip] = {}, product[kStrip];
  for (int64_t i = 0, row = first; i < rows; ++i, row += step) {
    const float *plus = gPlus + row * stride, *minus = gMinus + row * stride;
    // The piece that leads from the previous cell; the first cell has none and h is 0.
    const float *piece = kUniform || i == 0 ? nullptr : wireFactor + (row - step) * factorStride;
    double *f = factors + i * kStrip;
    for (int64_t j = 0; j < n; ++j) {
      const double w = kUniform || !piece ? wire : wire * static_cast<double>(piece[j]);
      f[j] = 1.0 / (1.0 + w * h[j]);
      h[j] = f[j] * h[j] + (static_cast<double>(plus[j]) + static_cast<double>(minus[j]));
    }
  }
  const int64_t lastRow = first + step * (rows - 1);
  for (int64_t j = 0; j < n; ++j) {
    const double w =
        kUniform ? wire : wire * static_cast<double>(wireFactor[lastRow * factorStride + j]);
    product[j] = 1.0 / (1.0 + (w / 2.0 + terminal) * h[j]);
    outConductance[j] = product[j] * h[j];
  }
  for (int64_t i = rows - 1, row = lastRow; i >= 0; --i, row -= step) {
    const double *f = factors + i * kStrip;
    float *out = transfer + row * transferStride;
    for (int64_t j = 0; j < n; ++j) {
      out[j] = static_cast<float>(product[j]);
      product[j] *= f[j];
    }
  }
}

AIMC_CLONES
void foldStrip(const float *gPlus, const float *gMinus, int64_t rows, int64_t stride, int64_t first,
               int64_t step, int64_t n, double wire, double terminal, double *factors,
               float *transfer, int64_t transferStride, double *outConductance) {
  foldStripBody<true>(gPlus, gMinus, rows, stride, first, step, n, wire, terminal, nullptr, 0,
                      factors, transfer, transferStride, outConductance);
}

AIMC_CLONES
void foldStripSpread(const float *gPlus, const float *gMinus, int64_t rows, int64_t stride,
                     int64_t first, int64_t step, int64_t n, double wire, double terminal,
                     const float *wireFactor, int64_t factorStride, double *factors,
                     float *transfer, int64_t transferStride, double *outConductance) {
  foldStripBody<false>(gPlus, gMinus, rows, stride, first, step, n, wire, terminal, wireFactor,
                       factorStride, factors, transfer, transferStride, outConductance);
}

void fold(const TileView &tile, double wire, double terminal, const float *columnFactor,
          Readout readout, int64_t col0, int64_t n, float *transfer, int64_t transferStride,
          float *outConductance) {
  if (tile.rows == 0 || n <= 0)
    return;
  std::vector<double> factors(static_cast<size_t>(tile.rows * kStrip));
  std::vector<float> reversed;
  if (readout == Readout::Alternating)
    reversed.resize(static_cast<size_t>(tile.rows * kStrip));
  for (int64_t begin = 0; begin < n; begin += kStrip) {
    const int64_t count = std::min(kStrip, n - begin), col = col0 + begin;
    const float *plus = tile.gPlus + col, *minus = tile.gMinus + col;
    float *out = transfer + begin;
    double atLast[kStrip], atFirst[kStrip];
    const auto strip = [&](int64_t first, int64_t step, float *target, int64_t stride, double *g) {
      if (columnFactor)
        foldStripSpread(plus, minus, tile.rows, tile.stride, first, step, count, wire, terminal,
                        columnFactor + col, tile.cols, factors.data(), target, stride, g);
      else
        foldStrip(plus, minus, tile.rows, tile.stride, first, step, count, wire, terminal,
                  factors.data(), target, stride, g);
    };
    strip(0, 1, out, transferStride, atLast);
    if (readout == Readout::Alternating) {
      strip(tile.rows - 1, -1, reversed.data(), kStrip, atFirst);
      for (int64_t row = 0; row < tile.rows; ++row)
        for (int64_t j = col % 2 == 0 ? 1 : 0; j < count; j += 2)
          out[row * transferStride + j] = reversed[static_cast<size_t>(row * kStrip + j)];
    }
    if (outConductance)
      for (int64_t j = 0; j < count; ++j)
        outConductance[begin + j] =
            static_cast<float>(readAtFirstRow(readout, col + j) ? atFirst[j] : atLast[j]);
  }
}

} // namespace

void foldTile(const TileView &tile, const Wires &wires, Readout readout, int64_t col0, int64_t n,
              float *transfer, int64_t transferStride, float *outConductance) {
  fold(tile, wireFromOhm(wires.columnOhm), wireFromOhm(wires.adcOhm), wires.columnFactor, readout,
       col0, n, transfer, transferStride, outConductance);
}

void foldTile(const TileView &tile, double wire, Readout readout, int64_t col0, int64_t n,
              float *transfer, int64_t transferStride) {
  fold(tile, wire, 0.0, nullptr, readout, col0, n, transfer, transferStride, nullptr);
}

} // namespace aimc::model
