//===- Indicator.h - scalars that are 0 or 1 --------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// What the scalar operations of element-wise bodies do to the numbers 0 and 1, in floats, integers
// and booleans alike.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/Dialect/Linalg/IR/Linalg.h"

#include <optional>

namespace mlir::aimc {

/// Shows `each` the numbers of a constant: a vector along `along` for each position along the other
/// dimensions. False when `each` says so or the constant cannot be read.
bool forEachVector(Value tensor, const llvm::SmallBitVector &along,
                   function_ref<bool(MutableArrayRef<double>)> each);
/// True for a constant, also behind views.
bool isConstant(Value tensor);
/// True for a tensor that is filled with zeros, at run time or in the file.
bool isZero(Value tensor);
/// The input of a model, before views of it, whose elements are integers.
bool isIntegerInput(Value tensor);

/// The structured op without reductions that computes `tensor`, or null.
linalg::LinalgOp elementwiseOp(Value tensor);
/// The scalar of the body of `op` that `tensor` holds.
Value yieldedBy(linalg::LinalgOp op, Value tensor);
/// The loops of elementwiseOp(tensor) that step through the dimensions `dims` of `tensor`.
llvm::SmallBitVector loopsOf(linalg::LinalgOp op, Value tensor, const llvm::SmallBitVector &dims);
/// The operand of `op` that `scalar` is an element of, or null.
OpOperand *operandOf(Value scalar, linalg::LinalgOp op);

/// True for a constant scalar of this value.
bool isNumber(Value scalar, double number);
/// What `scalar` is a conversion of that keeps 0 and 1, or null.
Value beforeConversion(Value scalar);
/// x where `scalar` is 1 - x or not x, or null.
Value complementOf(Value scalar);
/// True for operations of two operands that are `and` or `or` on 0 and 1.
bool isConjunction(Operation *op);
bool isDisjunction(Operation *op);

/// lhs == rhs, or lhs != rhs, neither of which a NaN equals.
struct Comparison {
  Value lhs, rhs;
  bool differs;
};
std::optional<Comparison> comparisonOf(Value scalar);

/// A tensor that is, element by element in row-major order, `source` itself or, with `equals`,
/// whether it is that number; or one minus that.
struct Literal {
  Value source;
  std::optional<double> equals = {};
  bool inverted = false;

  /// True when no element is 1 in both, given that both hold zeros and ones.
  bool excludes(const Literal &other) const;
};
/// Follows `tensor` back as far as it is a literal of something.
Literal literalOf(Value tensor);

} // namespace mlir::aimc
