//===- Coverage.h - overlap and cover of rectangles -----------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Blocks on a tile must not overlap; blocks of a weight must cover it once. Both are one sweep over
// the rows, n log n in the number of blocks, since a model has hundreds of tiles.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "llvm/ADT/ArrayRef.h"

#include <cstdint>
#include <optional>
#include <utility>

namespace mlir::aimc {

/// Half-open rectangle [row, row + rows) x [col, col + cols); `id` is the caller's.
struct Block {
  int64_t row, rows, col, cols;
  size_t id;
};

/// The ids of two blocks that share a cell, if any two do.
std::optional<std::pair<size_t, size_t>> findOverlap(llvm::ArrayRef<Block> blocks);

} // namespace mlir::aimc
