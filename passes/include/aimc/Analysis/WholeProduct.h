//===- WholeProduct.h - the mvm that form one product -----------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Partitioning turns a product into slices, reads and insertions. This recognises them again: from
// the op that holds the finished result back to the input and the destination, until every cell of
// the weight was read once.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/IR/AIMC.h"

#include "llvm/ADT/SetVector.h"

#include <string>

namespace mlir::aimc {

/// Tiles and weights by name, looked up once per module.
struct MappingSymbols {
  llvm::DenseMap<StringAttr, TileOp> tiles;
  llvm::DenseMap<StringAttr, WeightOp> weights;
  explicit MappingSymbols(ModuleOp module);
};

/// result = init + x * weight.
struct WholeProduct {
  WeightOp weight;
  StringAttr target;
  FloatAttr inputRange;
  Value x, init, result;
  llvm::SmallVector<TileOp> tiles;     ///< by first row, then by first column
  llvm::SetVector<Operation *> ops;    ///< used by each other only, but for `result`'s
  llvm::SetVector<Operation *> slices; ///< of x and init; others may use them too
};

/// Matches the product whose finished result `last` (an mvm or an insert_slice) holds. `reason`
/// says what is missing where it holds none.
FailureOr<WholeProduct> matchWholeProduct(Operation *last, const MappingSymbols &symbols,
                                          std::string &reason);

} // namespace mlir::aimc
