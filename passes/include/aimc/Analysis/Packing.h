//===- Packing.h - rectangles into bins -------------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Two-dimensional packing over maximal free rectangles: a bin's free room is the set of all largest
// rectangles that touch nothing placed. Knows neither weights nor chips.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"

#include <cstdint>
#include <optional>

namespace mlir::aimc {

struct Rect {
  int64_t row = 0, col = 0, rows = 0, cols = 0;
  int64_t area() const { return rows * cols; }
  bool contains(const Rect &other) const;
  bool overlaps(const Rect &other) const;
};

/// One bin of fixed size.
class Bin {
public:
  Bin(int64_t rows, int64_t cols) : freeRects({Rect{0, 0, rows, cols}}) {}

  /// How badly a block of this size fits: the smaller of the two margins that it leaves in the
  /// free rectangle that it fills best, then the larger; nothing where it does not fit.
  struct Fit {
    int64_t shortMargin, longMargin;
    Rect at;
    bool operator<(const Fit &other) const {
      return std::pair(shortMargin, longMargin) < std::pair(other.shortMargin, other.longMargin);
    }
  };
  std::optional<Fit> fit(int64_t rows, int64_t cols) const;

  /// Takes `used` out of the free room.
  void occupy(const Rect &used);
  bool isFull() const { return freeRects.empty(); }

private:
  llvm::SmallVector<Rect> freeRects;
};

} // namespace mlir::aimc
