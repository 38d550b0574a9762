//===- Packing.cpp - rectangles into bins ---------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Placing a block splits every free rectangle that it touches into the up to four largest pieces
// beside it; pieces inside other pieces are dropped, so a bin holds few rectangles.
//
//===----------------------------------------------------------------------===//
#include "aimc/Analysis/Packing.h"

using namespace mlir::aimc;

bool Rect::contains(const Rect &other) const {
  return row <= other.row && col <= other.col && other.row + other.rows <= row + rows &&
         other.col + other.cols <= col + cols;
}

bool Rect::overlaps(const Rect &other) const {
  return row < other.row + other.rows && other.row < row + rows && col < other.col + other.cols &&
         other.col < col + cols;
}

std::optional<Bin::Fit> Bin::fit(int64_t rows, int64_t cols) const {
  std::optional<Fit> best;
  for (const Rect &room : freeRects) {
    int64_t below = room.rows - rows, beside = room.cols - cols;
    if (below < 0 || beside < 0)
      continue;
    Fit candidate{std::min(below, beside), std::max(below, beside),
                  Rect{room.row, room.col, rows, cols}};
    if (!best || candidate < *best)
      best = candidate;
  }
  return best;
}

void Bin::occupy(const Rect &used) {
  llvm::SmallVector<Rect> pieces;
  for (const Rect &room : freeRects) {
    if (!room.overlaps(used)) {
      pieces.push_back(room);
      continue;
    }
    auto keep = [&](Rect piece) {
      if (piece.rows > 0 && piece.cols > 0)
        pieces.push_back(piece);
    };
    int64_t usedRowEnd = used.row + used.rows, usedColEnd = used.col + used.cols;
    keep({room.row, room.col, used.row - room.row, room.cols});
    keep({usedRowEnd, room.col, room.row + room.rows - usedRowEnd, room.cols});
    keep({room.row, room.col, room.rows, used.col - room.col});
    keep({room.row, usedColEnd, room.rows, room.col + room.cols - usedColEnd});
  }
  freeRects.clear();
  for (size_t i = 0; i < pieces.size(); ++i) {
    bool inside = false;
    for (size_t j = 0; j < pieces.size() && !inside; ++j)
      // Of two equal pieces the first one stays.
      inside = i != j && pieces[j].contains(pieces[i]) && (j < i || !pieces[i].contains(pieces[j]));
    if (!inside)
      freeRects.push_back(pieces[i]);
  }
}
