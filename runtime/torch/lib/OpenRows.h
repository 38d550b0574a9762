//===- OpenRows.h - operators on disconnected idle rows --------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include "Loops.h"
#include "Strips.h"

#include "aimc/model/OneProduct.h"

namespace aimc::ops {

/// Rows [row, row + rows) of p and u [slots, K].
model::RowActivity bandActivity(const at::Tensor &probability, const at::Tensor &share, int64_t row,
                                int64_t rows);

/// 1/uS from a block's last cell to the virtual ground.
double wireBehind(const Block &b, const Array &array, bool atFirstRow);

/// A reference column in the place of a block.
model::ReferenceColumn referenceOf(const Block &b, const Array &array, double conductance,
                                   bool atFirstRow);

} // namespace aimc::ops
