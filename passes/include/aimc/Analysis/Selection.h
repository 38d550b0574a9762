//===- Selection.h - one-hot vectors ----------------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Front ends write small look-up tables as products: an index becomes a vector of zeros with a one
// in it, and the product of that with the table copies a row. Such a table is no weight: a tile
// would add noise to what is an address. How the vector is made differs from model to model, so
// this analysis asks what its elements are by construction and not which operations there are.
//
// Elements of 0 and 1 alone do not make a look-up: thresholded activations and sets of several
// ones are sums over many rows, which is what tiles are for.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/Value.h"
#include "llvm/ADT/SmallBitVector.h"

namespace mlir::aimc {

/// True when `value` holds zeros and ones by construction, and at most a single one among the
/// elements that differ in their position along the dimensions `along` alone. A pair of an integer
/// input and one minus it counts as well: it selects one of two rows. Gives up, with false, on what
/// takes more than a bounded number of steps to find out.
bool isOneHot(Value value, const llvm::SmallBitVector &along);

} // namespace mlir::aimc
