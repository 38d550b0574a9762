//===- Strips.h - blocks of a weight as strips of columns ------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A weight [K, N] in blocks becomes strips of kLadderStrip columns that are read at the same end,
// far end first: what runtime/model's ladder works on. Copying in and out also turns [N, K]
// weights.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Torch.h"
#include "aimc/model/LadderAdjoint.h"

#include <cstdint>
#include <vector>

namespace aimc::ops {

/// Block `index` in band `band`: rows [row, row + rows) and columns [col, col + cols) of a weight
/// at row `atRow`, column `atCol` of its tile.
struct Block {
  int64_t row, rows, col, cols, atRow, atCol, index, band;
};

struct Band {
  int64_t row, rows;
};

struct BlockList {
  std::vector<Block> blocks;
  std::vector<Band> bands;
};

/// Blocks as the operators take them; checks that they cover a K x N weight and fit their tiles.
BlockList readBlocks(at::IntArrayRef numbers, int64_t k, int64_t n, int64_t tileRows);

/// Bands alone, without checks.
std::vector<Band> bandsOf(at::IntArrayRef numbers);
int64_t countBands(at::IntArrayRef numbers);

/// The array that blocks lie in.
struct Array {
  int64_t tileRows = 0;
  double columnOhm = 0, adcOhm = 0;
  bool alternating = false;
  double restUS = 0; ///< of a cell that no block uses

  model::StripWire wire() const;
};

/// Columns first, first + step, ... (`count` of them) of a block.
struct Strip {
  const Block *block;
  int64_t first, step, count;
  bool atFirstRow;

  /// Rows of the strip's arrays: the block's, then those between it and the ADC.
  int64_t rows(const Array &array) const { return block->rows + after(array); }
  int64_t before(const Array &array) const {
    return atFirstRow ? array.tileRows - block->atRow - block->rows : block->atRow;
  }
  int64_t after(const Array &array) const {
    return atFirstRow ? block->atRow : array.tileRows - block->atRow - block->rows;
  }
};
std::vector<Strip> makeStrips(const BlockList &list, const Array &array);

/// A matrix in memory, element (row, col) at data[row * rowStride + col * colStride].
template <class S> struct Matrix {
  S *data;
  int64_t rowStride, colStride;
};
/// [K, N] view of a contiguous tensor that is [K, N] or, transposed, [N, K].
template <class S> Matrix<S> matrixOf(const at::Tensor &tensor, bool transposed) {
  const int64_t r = tensor.stride(-2), c = tensor.stride(-1);
  using Plain = std::remove_const_t<S>;
  S *data = nullptr;
  if constexpr (std::is_const_v<S>)
    data = tensor.const_data_ptr<Plain>();
  else
    data = tensor.mutable_data_ptr<Plain>();
  return transposed ? Matrix<S>{data, c, r} : Matrix<S>{data, r, c};
}

/// Copies a strip's block cells into `strip` [block rows x kLadderStrip]; unused columns are 0.
template <class S> void gather(const Matrix<const S> &from, const Strip &s, double *strip);
/// And back.
template <class S> void scatter(const double *strip, const Strip &s, const Matrix<S> &to);

/// Fills the cells between block and ADC in `load` and what the far rows add in `before`.
/// `background` [tile rows x backgroundStride] of the block, null: rest everywhere.
template <class S>
void surroundings(const Strip &s, const Array &array, const S *background, int64_t backgroundStride,
                  double *load, double *before);

} // namespace aimc::ops
