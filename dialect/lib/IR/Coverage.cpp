//===- Coverage.cpp - overlap of rectangles -------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "Coverage.h"

#include "llvm/ADT/SmallVector.h"

#include <algorithm>
#include <map>
#include <tuple>

using namespace mlir::aimc;

std::optional<std::pair<size_t, size_t>> mlir::aimc::findOverlap(llvm::ArrayRef<Block> blocks) {
  struct Event {
    int64_t row;
    bool enter;
    const Block *block;
  };
  llvm::SmallVector<Event> events;
  events.reserve(2 * blocks.size());
  for (const Block &block : blocks) {
    if (block.rows <= 0 || block.cols <= 0)
      continue;
    events.push_back({block.row, true, &block});
    events.push_back({block.row + block.rows, false, &block});
  }
  // A block leaves before the next one enters at the same row. The id keeps the answer the same on
  // every machine.
  std::sort(events.begin(), events.end(), [](const Event &a, const Event &b) {
    return std::tuple(a.row, a.enter, a.block->id) < std::tuple(b.row, b.enter, b.block->id);
  });
  std::map<int64_t, const Block *> active; // by first column; disjoint as long as we get here
  for (const Event &event : events) {
    const Block &block = *event.block;
    if (!event.enter) {
      active.erase(block.col);
      continue;
    }
    auto next = active.lower_bound(block.col);
    if (next != active.end() && next->second->col < block.col + block.cols)
      return std::pair(next->second->id, block.id);
    if (next != active.begin()) {
      const Block *previous = std::prev(next)->second;
      if (previous->col + previous->cols > block.col)
        return std::pair(previous->id, block.id);
    }
    active.emplace(block.col, &block);
  }
  return std::nullopt;
}
