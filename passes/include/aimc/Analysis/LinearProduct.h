//===- LinearProduct.h - products with a constant matrix --------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Decides whether a structured op is a product of run-time data with a constant matrix, from its
// indexing maps alone, so that named and generic forms of every front end are one case. Shared by
// the pass that maps such products and by the one that reports what was not mapped.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/Analysis/ConstantView.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mlir::aimc {

/// y[m, n] = init[m, n] + sum over k of x[m, k] * w[k, n], each letter a group of loops.
struct LinearProduct {
  OpOperand *input = nullptr;  ///< x
  OpOperand *weight = nullptr; ///< w, constant
  ConstantView constant;
  DimNest rows, cols;                           ///< the k and n nests of w
  int64_t m = 1, k = 1, n = 1;                  ///< sizes of the groups
  unsigned mRank = 0;                           ///< number of m loops
  llvm::SmallVector<int64_t> inputPermutation;  ///< brings x to [m..., k...]
  llvm::SmallVector<int64_t> outputPermutation; ///< brings y to [m..., n...]
  bool inPlace = false;    ///< w is the whole constant, read as [k, n] or [n, k]
  bool transposed = false; ///< in place and stored as [n, k]
};

/// Why an op is no LinearProduct.
struct Decline {
  std::string reason;
  bool hasConstant = false; ///< an operand is constant all the same
};

/// True for a structured op on tensors or buffers whose body is out + a * b on floats.
bool isProduct(linalg::LinalgOp op);

/// Multiply-accumulates of a structured op, 0 when its shape is dynamic.
int64_t countMacs(linalg::LinalgOp op);

/// `op` must be a product.
FailureOr<LinearProduct> matchLinearProduct(linalg::LinalgOp op, Decline &decline);

} // namespace mlir::aimc
