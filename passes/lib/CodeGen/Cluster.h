//===- Cluster.h - the operations of one kernel -----------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Row-wise chains (softmax, layer normalisation) form one kernel: a producer joins its consumer's
// kernel when all its uses are there and each tile of the consumer's outer loops needs a tile of
// its own of the producer, so that nothing is computed twice.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/ADT/SetVector.h"

namespace mlir::aimc {

/// A product with a reduction: its structure is what register tiling looks for.
bool isContraction(linalg::LinalgOp op);

/// How a kernel's iteration space is split: per loop of the anchor a tile size, 0 for not split.
struct Split {
  SmallVector<int64_t> sizes;
  int64_t tiles = 1;
};

/// The operations of one kernel, in program order, the anchor last.
struct Cluster {
  linalg::LinalgOp anchor;
  Split split;
  llvm::SetVector<Operation *> ops;

  /// The kernel that ends in `anchor`; a tile covers about `tileElements` of its iterations.
  static Cluster around(linalg::LinalgOp anchor, int64_t tileElements);
};

} // namespace mlir::aimc
