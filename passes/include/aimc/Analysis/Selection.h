//===- Selection.h - one-hot vectors ----------------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Front ends write small look-up tables as products: integers are compared with 0, 1, 2, ..., the
// truth values become 0 and 1, and the product of that with the table copies rows. Such a table is
// no weight: a tile would add noise to what is an address.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/Value.h"

namespace mlir::aimc {

/// True when each vector along the last dimension of `value` holds the truth values, as 0 and 1, of
/// one integer's equality to constants that all differ: at most one of its elements is 1.
bool selectsRows(Value value);

} // namespace mlir::aimc
