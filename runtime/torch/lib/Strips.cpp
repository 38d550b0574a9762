//===- Strips.cpp - blocks of a weight as strips of columns -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Strips.h"

#include "aimc/model/Clones.h"
#include "aimc/model/Ladder.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace aimc::ops {

namespace {
constexpr int64_t kNumbers = 6;
constexpr int64_t n = model::kLadderStrip;
constexpr int64_t kTurn = 64; ///< rows that are turned at a time: they stay in the first cache
/// Columns along memory, rows `columnStride` apart, turned in squares of four.
using Word = int32_t __attribute__((vector_size(16)));
using Four = float __attribute__((vector_size(16)));
using FourDoubles = double __attribute__((vector_size(32)));

inline void turn(Four (&v)[4]) {
  const Four a = __builtin_shuffle(v[0], v[1], (Word){0, 4, 1, 5}),
             b = __builtin_shuffle(v[0], v[1], (Word){2, 6, 3, 7}),
             c = __builtin_shuffle(v[2], v[3], (Word){0, 4, 1, 5}),
             d = __builtin_shuffle(v[2], v[3], (Word){2, 6, 3, 7});
  v[0] = __builtin_shuffle(a, c, (Word){0, 1, 4, 5});
  v[1] = __builtin_shuffle(a, c, (Word){2, 3, 6, 7});
  v[2] = __builtin_shuffle(b, d, (Word){0, 1, 4, 5});
  v[3] = __builtin_shuffle(b, d, (Word){2, 3, 6, 7});
}

AIMC_CLONES
void turnIn(const float *from, int64_t columnStride, int64_t rows, double *strip) {
  for (int64_t i = 0; i < rows; i += 4)
    for (int64_t j = 0; j < n; j += 4) {
      Four v[4];
      for (int64_t k = 0; k < 4; ++k)
        std::memcpy(&v[k], from + (j + k) * columnStride + i, sizeof v[k]);
      turn(v);
      for (int64_t k = 0; k < 4; ++k) {
        const FourDoubles wide = __builtin_convertvector(v[k], FourDoubles);
        std::memcpy(strip + (i + k) * n + j, &wide, sizeof wide);
      }
    }
}

AIMC_CLONES
void turnOut(const double *strip, int64_t columnStride, int64_t rows, float *to) {
  for (int64_t i = 0; i < rows; i += 4)
    for (int64_t j = 0; j < n; j += 4) {
      Four v[4];
      for (int64_t k = 0; k < 4; ++k) {
        FourDoubles wide;
        std::memcpy(&wide, strip + (i + k) * n + j, sizeof wide);
        v[k] = __builtin_convertvector(wide, Four);
      }
      turn(v);
      for (int64_t k = 0; k < 4; ++k)
        std::memcpy(to + (j + k) * columnStride + i, &v[k], sizeof v[k]);
    }
}

/// A strip that the two above can turn: whole squares, far end first in memory.
template <class S> bool turns(const Strip &s, int64_t rowStep) {
  return std::is_same_v<S, float> && rowStep == 1 && s.count == n && s.block->rows % 4 == 0;
}
} // namespace

model::StripWire Array::wire() const {
  const double between = model::wireFromOhm(columnOhm);
  const model::ColumnWire<double> column{between, model::wireFromOhm(adcOhm)};
  return {between, column.last(1)};
}

std::vector<Band> bandsOf(at::IntArrayRef numbers) {
  std::vector<Band> bands;
  for (size_t i = 0; i + kNumbers <= numbers.size(); i += kNumbers)
    if (i == 0 || numbers[i] != numbers[i - kNumbers])
      bands.push_back({numbers[i], numbers[i + 1]});
  return bands;
}

int64_t countBands(at::IntArrayRef numbers) {
  return static_cast<int64_t>(bandsOf(numbers).size());
}

BlockList readBlocks(at::IntArrayRef numbers, int64_t k, int64_t columns, int64_t tileRows) {
  TORCH_CHECK_VALUE(!numbers.empty() && numbers.size() % kNumbers == 0,
                    "expected six numbers per block, but got ", numbers.size(), " numbers");
  BlockList list;
  int64_t nextRow = 0, nextCol = columns;
  for (size_t i = 0; i < numbers.size(); i += kNumbers) {
    Block b{numbers[i],
            numbers[i + 1],
            numbers[i + 2],
            numbers[i + 3],
            numbers[i + 4],
            numbers[i + 5],
            0,
            0};
    b.index = static_cast<int64_t>(list.blocks.size());
    const bool opens = list.bands.empty() || b.row != list.bands.back().row;
    if (opens) {
      TORCH_CHECK_VALUE(nextCol == columns && b.row == nextRow,
                        "expected blocks in bands that cover the weight, but block ", b.index,
                        " starts at row ", b.row, " where row ", nextRow, " is due");
      list.bands.push_back({b.row, b.rows});
      nextRow = b.row + b.rows;
      nextCol = 0;
    }
    b.band = static_cast<int64_t>(list.bands.size()) - 1;
    TORCH_CHECK_VALUE(b.rows > 0 && b.cols > 0 && b.rows == list.bands.back().rows &&
                          b.col == nextCol && b.col + b.cols <= columns && nextRow <= k,
                      "expected block ", b.index, " to continue its band inside a ", k, " x ",
                      columns, " weight, but got rows [", b.row, ", ", b.row + b.rows,
                      ") and columns [", b.col, ", ", b.col + b.cols, ")");
    TORCH_CHECK_VALUE(b.atRow >= 0 && b.atCol >= 0 && b.atRow + b.rows <= tileRows,
                      "expected block ", b.index, " within a tile of ", tileRows, " rows, but got ",
                      b.rows, " rows at row ", b.atRow);
    nextCol = b.col + b.cols;
    list.blocks.push_back(b);
  }
  TORCH_CHECK_VALUE(nextRow == k && nextCol == columns, "expected blocks that cover ", k,
                    " rows and ", columns, " columns, but they end at row ", nextRow, ", column ",
                    nextCol);
  return list;
}

std::vector<Strip> makeStrips(const BlockList &list, const Array &array) {
  std::vector<Strip> strips;
  const auto add = [&](const Block &b, int64_t first, int64_t step, bool atFirstRow) {
    for (int64_t c = first; c < b.cols; c += n * step)
      strips.push_back(
          {&b, b.col + c, step, std::min(n, (b.cols - c + step - 1) / step), atFirstRow});
  };
  for (const Block &b : list.blocks) {
    if (!array.alternating) {
      add(b, 0, 1, false);
      continue;
    }
    const auto readout = model::Readout::Alternating;
    add(b, 0, 2, model::readAtFirstRow(readout, b.atCol));
    add(b, 1, 2, model::readAtFirstRow(readout, b.atCol + 1));
  }
  return strips;
}

template <class S> void gather(const Matrix<const S> &from, const Strip &s, double *strip) {
  const Block &b = *s.block;
  const int64_t rowStep = s.atFirstRow ? -from.rowStride : from.rowStride;
  const S *origin = from.data + (s.atFirstRow ? b.row + b.rows - 1 : b.row) * from.rowStride +
                    s.first * from.colStride;
  const int64_t colStep = s.step * from.colStride;
  if (s.count < n)
    std::fill_n(strip, b.rows * n, 0.0);
  if (colStep == 1) {
    for (int64_t i = 0; i < b.rows; ++i)
      for (int64_t j = 0; j < s.count; ++j)
        strip[i * n + j] = static_cast<double>(origin[i * rowStep + j]);
    return;
  }
  if constexpr (std::is_same_v<S, float>)
    if (turns<S>(s, rowStep)) {
      turnIn(origin, colStep, b.rows, strip);
      return;
    }
  for (int64_t i0 = 0; i0 < b.rows; i0 += kTurn)
    for (int64_t j = 0; j < s.count; ++j) {
      const S *column = origin + j * colStep;
      for (int64_t i = i0; i < std::min(i0 + kTurn, b.rows); ++i)
        strip[i * n + j] = static_cast<double>(column[i * rowStep]);
    }
}

template <class S> void scatter(const double *strip, const Strip &s, const Matrix<S> &to) {
  const Block &b = *s.block;
  const int64_t rowStep = s.atFirstRow ? -to.rowStride : to.rowStride;
  S *origin =
      to.data + (s.atFirstRow ? b.row + b.rows - 1 : b.row) * to.rowStride + s.first * to.colStride;
  const int64_t colStep = s.step * to.colStride;
  if (colStep == 1) {
    for (int64_t i = 0; i < b.rows; ++i)
      for (int64_t j = 0; j < s.count; ++j)
        origin[i * rowStep + j] = static_cast<S>(strip[i * n + j]);
    return;
  }
  if constexpr (std::is_same_v<S, float>)
    if (turns<S>(s, rowStep)) {
      turnOut(strip, colStep, b.rows, origin);
      return;
    }
  for (int64_t i0 = 0; i0 < b.rows; i0 += kTurn)
    for (int64_t j = 0; j < s.count; ++j) {
      S *column = origin + j * colStep;
      for (int64_t i = i0; i < std::min(i0 + kTurn, b.rows); ++i)
        column[i * rowStep] = static_cast<S>(strip[i * n + j]);
    }
}

template <class S>
void surroundings(const Strip &s, const Array &array, const S *background, int64_t backgroundStride,
                  double *load, double *before) {
  const Block &b = *s.block;
  const int64_t ahead = s.before(array), behind = s.after(array);
  const double between = array.wire().between;
  double *rest = load + b.rows * n;
  if (!background) {
    std::fill_n(before, n, model::restConductance(array.restUS, ahead, between));
    std::fill_n(rest, behind * n, array.restUS);
    return;
  }
  const int64_t step = s.atFirstRow ? -1 : 1;
  const int64_t far = s.atFirstRow ? array.tileRows - 1 : 0;
  const auto at = [&](int64_t i, int64_t j) {
    return static_cast<double>(
        background[(far + step * i) * backgroundStride + s.first - b.col + j * s.step]);
  };
  for (int64_t j = 0; j < n; ++j) {
    double h = 0.0;
    for (int64_t i = 0; i < ahead && j < s.count; ++i)
      h = h / (1.0 + between * h) + at(i, j);
    before[j] = h;
    for (int64_t i = 0; i < behind; ++i)
      rest[i * n + j] = j < s.count ? at(ahead + b.rows + i, j) : 0.0;
  }
}

template void gather<float>(const Matrix<const float> &, const Strip &, double *);
template void gather<double>(const Matrix<const double> &, const Strip &, double *);
template void scatter<float>(const double *, const Strip &, const Matrix<float> &);
template void scatter<double>(const double *, const Strip &, const Matrix<double> &);
template void surroundings<float>(const Strip &, const Array &, const float *, int64_t, double *,
                                  double *);
template void surroundings<double>(const Strip &, const Array &, const double *, int64_t, double *,
                                   double *);

} // namespace aimc::ops
