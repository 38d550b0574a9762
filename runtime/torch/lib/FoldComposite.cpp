//===- FoldComposite.cpp - folded columns from tensor operations -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "FoldComposite.h"

#include "TensorScalar.h"
#include "aimc/model/Ladder.h"

namespace aimc::ops {

namespace {

using at::Tensor;

/// The cells of some columns of a block's whole tile, far end first, as the ladder walks them.
struct Column {
  std::vector<TensorScalar> load; ///< [tile rows], each [..., columns]
  model::ColumnWire<TensorScalar> wire;
  int64_t before;
};

/// Columns first, first + step, ... of a block.
Column columnOf(const Tensor &load, const std::optional<Tensor> &background, const Strip &s,
                const Array &array) {
  const Block &b = *s.block;
  const Tensor columns = load.slice(-1, s.first, b.col + b.cols, s.step);
  Column column{{},
                {TensorScalar(model::wireFromOhm(array.columnOhm)),
                 TensorScalar(model::wireFromOhm(array.adcOhm))},
                s.before(array)};
  for (int64_t i = 0; i < array.tileRows; ++i) {
    const int64_t row = s.atFirstRow ? array.tileRows - 1 - i : i, inBlock = row - b.atRow;
    if (inBlock >= 0 && inBlock < b.rows)
      column.load.emplace_back(columns.select(-2, b.row + inBlock));
    else if (background)
      column.load.emplace_back(
          background->select(0, b.index).select(0, row).slice(-1, s.first - b.col, b.cols, s.step));
    else
      column.load.emplace_back(at::full({}, array.restUS, columns.options()));
  }
  return column;
}

/// One strip per block and side, as wide as the block.
std::vector<Strip> sides(const BlockList &list, const Array &array) {
  std::vector<Strip> all;
  for (const Strip &s : makeStrips(list, array))
    if (s.first - s.block->col < s.step)
      all.push_back(s);
  return all;
}

/// Rows of a block in `rows` [tile rows, far end first] as a tensor.
Tensor blockRows(std::span<const TensorScalar> rows, const Strip &s, const Column &column,
                 const Tensor &like) {
  std::vector<Tensor> parts;
  for (int64_t i = 0; i < s.block->rows; ++i) {
    const int64_t at = s.atFirstRow ? s.block->rows - 1 - i : i;
    parts.push_back(rows[static_cast<size_t>(column.before + at)].value.expand_as(like));
  }
  return at::stack(parts, -2);
}

template <class F>
Tensor perSide(const Tensor &load, const BlockList &list, const Array &array, const F &f) {
  Tensor out = at::zeros_like(load);
  for (const Strip &s : sides(list, array)) {
    const Block &b = *s.block;
    out.slice(-2, b.row, b.row + b.rows).slice(-1, s.first, b.col + b.cols, s.step).copy_(f(s));
  }
  return out;
}

} // namespace

Tensor transferComposite(const Tensor &given, const std::optional<Tensor> &background,
                         const BlockList &list, const Array &array) {
  const Tensor load = given.to(at::kDouble);
  const auto other = background ? std::optional(background->to(at::kDouble)) : std::nullopt;
  return perSide(load, list, array, [&](const Strip &s) {
    const Column column = columnOf(load, other, s, array);
    std::vector<TensorScalar> transfer(column.load.size());
    model::columnTransfer<TensorScalar>(column.load, column.wire, transfer);
    return blockRows(transfer, s, column, column.load[static_cast<size_t>(column.before)].value);
  });
}

Tensor transferAdjointComposite(const Tensor &given, const Tensor &bar,
                                const std::optional<Tensor> &background, const BlockList &list,
                                const Array &array) {
  const Tensor load = given.to(at::kDouble), transferBar = bar.to(at::kDouble);
  const auto other = background ? std::optional(background->to(at::kDouble)) : std::nullopt;
  return perSide(load, list, array, [&](const Strip &s) {
    const Block &b = *s.block;
    const Column column = columnOf(load, other, s, array);
    const size_t n = column.load.size();
    const Tensor &like = column.load[static_cast<size_t>(column.before)].value;
    const TensorScalar zero{at::zeros_like(like)};
    std::vector<TensorScalar> given(n, zero), loadBar(n, zero), scratch(2 * n);
    const Tensor columns = transferBar.slice(-1, s.first, b.col + b.cols, s.step);
    for (int64_t i = 0; i < b.rows; ++i) {
      const int64_t row = s.atFirstRow ? b.row + b.rows - 1 - i : b.row + i;
      given[static_cast<size_t>(column.before + i)] = TensorScalar(columns.select(-2, row));
    }
    model::columnTransferAdjoint<TensorScalar>(column.load, column.wire, given, loadBar, scratch);
    return blockRows(loadBar, s, column, like);
  });
}

} // namespace aimc::ops
