//===- Selection.cpp - one-hot vectors ------------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Follows a tensor back through views and element-wise bodies. What is one-hot along some
// dimensions is so along any of them and in every part of it, so slices and partial reshapes need
// no care. A complement (1 - x, not x) is followed by asking for "at most one zero" instead.
// Vectors start in four ways: an index is compared with numbers that all differ, a constant matrix
// has one-hot vectors and is read along them, conditions that exclude each other are concatenated,
// or a vector has one element.
//
//===----------------------------------------------------------------------===//

#include "aimc/Analysis/Selection.h"
#include "Indicator.h"
#include "aimc/Analysis/ConstantView.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <cmath>

using namespace mlir;
using namespace mlir::aimc;
using llvm::SmallBitVector;

/// Values that one query may look at; expressions are graphs, so depth alone bounds nothing.
static constexpr int kMaxSteps = 512;

/// Largest integer up to which every integer is an f32.
static constexpr int64_t kMaxExactInteger = int64_t(1) << 24;

namespace {
/// What is put into a larger tensor, and its dimensions along which vectors lie.
struct Part {
  Value value;
  SmallBitVector along;
};

/// Scalars are values in the body of a structured op, `loops` are sets of its loops.
class Selection {
public:
  bool selects(Value tensor, const SmallBitVector &along) {
    return isOneHot(tensor, along, /*inverted=*/false) && evidence;
  }

private:
  bool isOneHot(Value tensor, const SmallBitVector &along, bool inverted);
  bool isOneHotConstant(Value tensor, const SmallBitVector &along, bool inverted);
  bool isIndicator(Value tensor);
  bool isIndicator(Value scalar, linalg::LinalgOp op);
  bool isOneHot(Value scalar, linalg::LinalgOp op, const SmallBitVector &loops, bool inverted);
  bool isOneHotSelect(arith::SelectOp select, linalg::LinalgOp op, const SmallBitVector &loops,
                      bool inverted);
  bool isOneHotComparison(Comparison compared, linalg::LinalgOp op, const SmallBitVector &loops,
                          bool inverted);
  bool isOneHotRead(tensor::ExtractOp read, linalg::LinalgOp op, const SmallBitVector &loops,
                    bool inverted);
  bool isOneHotJoin(Value tensor, const SmallBitVector &along, bool inverted);
  bool areExclusive(ArrayRef<Part> parts);
  bool differsEverywhere(Value tensor, const SmallBitVector &along);
  bool differsEverywhere(Value scalar, linalg::LinalgOp op, const SmallBitVector &loops);
  bool isInvariant(Value scalar, linalg::LinalgOp op, const SmallBitVector &loops);
  bool step() { return ++steps <= kMaxSteps; }

  int steps = 0;
  bool evidence = false; ///< something is selected: zeros alone are no sign of an index
};
} // namespace

/// `dims` without those of one element.
static SmallBitVector withoutUnits(SmallBitVector dims, ArrayRef<int64_t> sizes) {
  for (unsigned d : dims.set_bits())
    if (sizes[d] == 1)
      dims.reset(d);
  return dims;
}

/// The dimensions of an operand that `loops` step through, or nothing where one of them does not.
static std::optional<SmallBitVector> operandDims(AffineMap map, const SmallBitVector &loops) {
  SmallBitVector dims(map.getNumResults()), found(loops.size());
  for (auto [position, expr] : llvm::enumerate(map.getResults()))
    if (auto dim = dyn_cast<AffineDimExpr>(expr); dim && loops.test(dim.getPosition())) {
      dims.set(position);
      found.set(dim.getPosition());
    }
  if (found != loops)
    return std::nullopt;
  return dims;
}

//===-- elements that are 0 or 1 -------------------------------------------===//

bool Selection::isIndicator(Value tensor) {
  if (!step())
    return false;
  if (getElementTypeOrSelf(tensor.getType()).isInteger(1))
    return evidence = true;
  if (isConstant(tensor)) {
    auto rank = cast<RankedTensorType>(tensor.getType()).getRank();
    return forEachVector(tensor, SmallBitVector(rank), [](ArrayRef<double> vector) {
      return llvm::all_of(vector, [](double e) { return e == 0.0 || e == 1.0; });
    });
  }
  Operation *op = tensor.getDefiningOp();
  if (isa_and_nonnull<tensor::CollapseShapeOp, tensor::ExpandShapeOp, tensor::CastOp,
                      tensor::ExtractSliceOp>(op))
    return isIndicator(op->getOperand(0));
  if (auto insert = dyn_cast_or_null<tensor::InsertSliceOp>(op))
    return isIndicator(insert.getSource()) &&
           (insert.getDest().getDefiningOp<tensor::EmptyOp>() || isIndicator(insert.getDest()));
  if (auto concat = dyn_cast_or_null<tensor::ConcatOp>(op))
    return llvm::all_of(concat.getInputs(), [&](Value part) { return isIndicator(part); });
  linalg::LinalgOp body = elementwiseOp(tensor);
  return body && isIndicator(yieldedBy(body, tensor), body);
}

bool Selection::isIndicator(Value scalar, linalg::LinalgOp op) {
  if (!step())
    return false;
  if (isNumber(scalar, 0.0) || isNumber(scalar, 1.0))
    return true;
  if (scalar.getType().isInteger(1))
    return evidence = true;
  if (OpOperand *operand = operandOf(scalar, op))
    return isa<RankedTensorType>(operand->get().getType()) ? isIndicator(operand->get())
                                                           : isIndicator(operand->get(), op);
  if (Value converted = beforeConversion(scalar))
    return isIndicator(converted, op);
  if (Value complement = complementOf(scalar))
    return isIndicator(complement, op);
  Operation *expr = scalar.getDefiningOp();
  if (auto read = dyn_cast_or_null<tensor::ExtractOp>(expr))
    return isIndicator(read.getTensor());
  if (auto select = dyn_cast_or_null<arith::SelectOp>(expr))
    return isIndicator(select.getCondition(), op) && isIndicator(select.getTrueValue(), op) &&
           isIndicator(select.getFalseValue(), op);
  return (isConjunction(expr) || isDisjunction(expr)) && isIndicator(expr->getOperand(0), op) &&
         isIndicator(expr->getOperand(1), op);
}

//===-- vectors of at most one 1 -------------------------------------------===//

bool Selection::isOneHotConstant(Value tensor, const SmallBitVector &along, bool inverted) {
  return forEachVector(tensor, along, [&](ArrayRef<double> vector) {
    int64_t ones = 0;
    for (double number : vector) {
      double element = inverted ? 1.0 - number : number;
      if ((element != 0.0 && element != 1.0) || (ones += element == 1.0) > 1)
        return false;
    }
    evidence |= ones == 1;
    return true;
  });
}

bool Selection::isOneHot(Value tensor, const SmallBitVector &dims, bool inverted) {
  auto type = dyn_cast<RankedTensorType>(tensor.getType());
  if (!type || !type.hasStaticShape() || !step())
    return false;
  SmallBitVector along = withoutUnits(dims, type.getShape());
  if (along.none())
    return isIndicator(tensor);
  if (isConstant(tensor))
    return isOneHotConstant(tensor, along, inverted);
  Operation *op = tensor.getDefiningOp();
  if (isa_and_nonnull<tensor::CastOp>(op))
    return isOneHot(op->getOperand(0), along, inverted);
  if (auto collapse = dyn_cast_or_null<tensor::CollapseShapeOp>(op)) {
    SmallBitVector source(collapse.getSrcType().getRank());
    for (auto [d, group] : llvm::enumerate(collapse.getReassociationIndices()))
      if (along.test(d))
        for (int64_t member : group)
          source.set(member);
    return isOneHot(collapse.getSrc(), source, inverted);
  }
  if (auto expand = dyn_cast_or_null<tensor::ExpandShapeOp>(op)) {
    SmallBitVector source(expand.getSrcType().getRank());
    for (auto [d, group] : llvm::enumerate(expand.getReassociationIndices()))
      if (llvm::any_of(group, [&](int64_t member) { return along.test(member); }))
        source.set(d);
    return isOneHot(expand.getSrc(), source, inverted);
  }
  if (auto slice = dyn_cast_or_null<tensor::ExtractSliceOp>(op)) {
    SmallBitVector dropped = slice.getDroppedDims(), source(slice.getSourceType().getRank());
    for (unsigned d = 0, kept = 0; d < source.size(); ++d)
      if (!dropped.test(d) && along.test(kept++))
        source.set(d);
    return isOneHot(slice.getSource(), source, inverted);
  }
  if (isa_and_nonnull<tensor::InsertSliceOp, tensor::ConcatOp>(op))
    return isOneHotJoin(tensor, along, inverted);
  linalg::LinalgOp body = elementwiseOp(tensor);
  return body && isOneHot(yieldedBy(body, tensor), body, loopsOf(body, tensor, along), inverted);
}

bool Selection::isOneHot(Value scalar, linalg::LinalgOp op, const SmallBitVector &loops,
                         bool inverted) {
  if (!step())
    return false;
  if (isNumber(scalar, inverted ? 1.0 : 0.0))
    return true;
  if (OpOperand *operand = operandOf(scalar, op)) {
    if (!isa<RankedTensorType>(operand->get().getType()))
      return isNumber(operand->get(), inverted ? 1.0 : 0.0);
    auto dims = operandDims(op.getMatchingIndexingMap(operand), loops);
    return dims && isOneHot(operand->get(), *dims, inverted);
  }
  if (Value converted = beforeConversion(scalar))
    return isOneHot(converted, op, loops, inverted);
  if (Value complement = complementOf(scalar))
    return isOneHot(complement, op, loops, !inverted);
  Operation *expr = scalar.getDefiningOp();
  if (auto read = dyn_cast_or_null<tensor::ExtractOp>(expr))
    return isOneHotRead(read, op, loops, inverted);
  if (auto select = dyn_cast_or_null<arith::SelectOp>(expr))
    return isOneHotSelect(select, op, loops, inverted);
  if (std::optional<Comparison> compared = comparisonOf(scalar))
    return isOneHotComparison(*compared, op, loops, inverted);
  if (!(inverted ? isDisjunction(expr) : isConjunction(expr)))
    return false;
  Value a = expr->getOperand(0), b = expr->getOperand(1);
  return (isOneHot(a, op, loops, inverted) && isIndicator(b, op)) ||
         (isOneHot(b, op, loops, inverted) && isIndicator(a, op));
}

bool Selection::isOneHotSelect(arith::SelectOp select, linalg::LinalgOp op,
                               const SmallBitVector &loops, bool inverted) {
  Value condition = select.getCondition(), a = select.getTrueValue(), b = select.getFalseValue();
  double zero = inverted ? 1.0 : 0.0;
  if (isNumber(b, zero) && isIndicator(a, op) && isOneHot(condition, op, loops, false))
    return true;
  if (isNumber(a, zero) && isIndicator(b, op) && isOneHot(condition, op, loops, true))
    return true;
  bool oneSide = isNumber(a, zero) || isNumber(b, zero);
  return (oneSide || isInvariant(condition, op, loops)) && isOneHot(a, op, loops, inverted) &&
         isOneHot(b, op, loops, inverted);
}

bool Selection::isOneHotComparison(Comparison compared, linalg::LinalgOp op,
                                   const SmallBitVector &loops, bool inverted) {
  inverted ^= compared.differs;
  for (auto [a, b] :
       {std::pair(compared.lhs, compared.rhs), std::pair(compared.rhs, compared.lhs)}) {
    if (isNumber(b, 1.0) || isNumber(b, 0.0))
      return isOneHot(a, op, loops, inverted ^ isNumber(b, 0.0));
    if (!inverted && isInvariant(b, op, loops) && differsEverywhere(a, op, loops))
      return evidence = true;
  }
  return false;
}

/// A read at positions that are loops, and at others that do not depend on these.
bool Selection::isOneHotRead(tensor::ExtractOp read, linalg::LinalgOp op,
                             const SmallBitVector &loops, bool inverted) {
  SmallBitVector dims(read.getIndices().size()), found(loops.size());
  for (auto [position, index] : llvm::enumerate(read.getIndices())) {
    auto loop = index.getDefiningOp<linalg::IndexOp>();
    if (loop && loops.test(loop.getDim())) {
      dims.set(position);
      found.set(loop.getDim());
    } else if (!isInvariant(index, op, loops)) {
      return false;
    }
  }
  return found == loops && isOneHot(read.getTensor(), dims, inverted);
}

/// Parts that fill whole vectors are looked at one by one. Parts that lie side by side in a vector
/// must exclude each other; a single one may lie among zeros.
bool Selection::isOneHotJoin(Value tensor, const SmallBitVector &along, bool inverted) {
  ArrayRef<int64_t> whole = cast<RankedTensorType>(tensor.getType()).getShape();
  SmallVector<Part> parts;
  bool fillVectors = true, areSlices = true;
  auto addPart = [&](Value part, ArrayRef<int64_t> sizes, const SmallBitVector &dropped) {
    parts.push_back({part, SmallBitVector(cast<RankedTensorType>(part.getType()).getRank())});
    for (unsigned d = 0, kept = 0; d < whole.size(); ++d) {
      fillVectors &= !along.test(d) || sizes[d] == whole[d];
      areSlices &= sizes[d] == (along.test(d) ? 1 : whole[d]);
      if (!dropped.test(d) && along.test(d))
        parts.back().along.set(kept);
      kept += !dropped.test(d);
    }
  };
  Value base = tensor; // what the parts are put into; a concatenation has none
  if (auto concat = tensor.getDefiningOp<tensor::ConcatOp>()) {
    for (Value part : concat.getInputs())
      addPart(part, cast<RankedTensorType>(part.getType()).getShape(),
              SmallBitVector(whole.size()));
    base = {};
  }
  while (auto insert =
             base ? base.getDefiningOp<tensor::InsertSliceOp>() : tensor::InsertSliceOp()) {
    if (!step())
      return false;
    addPart(insert.getSource(), insert.getStaticSizes(), insert.getDroppedDims());
    base = insert.getDest();
  }
  auto isOneHotPart = [&](const Part &part) { return isOneHot(part.value, part.along, inverted); };
  // An empty tensor is one that the parts cover.
  if (base && base.getDefiningOp<tensor::EmptyOp>())
    base = {};
  if (fillVectors)
    return llvm::all_of(parts, isOneHotPart) && (!base || isOneHot(base, along, inverted));
  if (inverted || (base && !isZero(base)))
    return false;
  if (parts.size() == 1)
    return isOneHotPart(parts.front());
  return areSlices && areExclusive(parts);
}

/// Parts of one element in each vector, in the order of vectors, no two of which are 1 at once.
bool Selection::areExclusive(ArrayRef<Part> parts) {
  SmallVector<Literal> literals;
  for (const Part &part : parts) {
    const Literal &literal = literals.emplace_back(literalOf(part.value));
    if (!step() || !(literal.equals || isIndicator(part.value) ||
                     (parts.size() == 2 && isIntegerInput(literal.source))))
      return false;
  }
  for (size_t i = 0; i < literals.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      if (!literals[i].excludes(literals[j]))
        return false;
  return evidence = true;
}

//===-- numbers that all differ --------------------------------------------===//

bool Selection::differsEverywhere(Value tensor, const SmallBitVector &along) {
  if (!step())
    return false;
  if (isConstant(tensor))
    return forEachVector(tensor, along, [](MutableArrayRef<double> vector) {
      if (llvm::any_of(vector, [](double number) { return std::isnan(number); }))
        return false;
      llvm::sort(vector);
      return std::adjacent_find(vector.begin(), vector.end()) == vector.end();
    });
  linalg::LinalgOp body = elementwiseOp(tensor);
  return body && differsEverywhere(yieldedBy(body, tensor), body, loopsOf(body, tensor, along));
}

bool Selection::differsEverywhere(Value scalar, linalg::LinalgOp op, const SmallBitVector &loops) {
  if (!step())
    return false;
  if (OpOperand *operand = operandOf(scalar, op)) {
    auto dims = operandDims(op.getMatchingIndexingMap(operand), loops);
    return dims && isa<RankedTensorType>(operand->get().getType()) &&
           differsEverywhere(operand->get(), *dims);
  }
  Operation *expr = scalar.getDefiningOp();
  if (auto index = dyn_cast_or_null<linalg::IndexOp>(expr))
    return loops.count() == 1 && loops.test(index.getDim()) &&
           op.getStaticLoopRanges()[index.getDim()] <= kMaxExactInteger;
  if (isa_and_nonnull<arith::ExtSIOp, arith::ExtUIOp, arith::IndexCastOp>(expr))
    return differsEverywhere(expr->getOperand(0), op, loops);
  if (isa_and_nonnull<arith::SIToFPOp, arith::TruncIOp>(expr)) {
    Value counted = expr->getOperand(0); // a loop's position is small enough to stay exact
    while (auto cast = counted.getDefiningOp<arith::IndexCastOp>())
      counted = cast.getIn();
    return counted.getDefiningOp<linalg::IndexOp>() && differsEverywhere(counted, op, loops);
  }
  return false;
}

bool Selection::isInvariant(Value scalar, linalg::LinalgOp op, const SmallBitVector &loops) {
  if (!step())
    return false;
  if (OpOperand *operand = operandOf(scalar, op)) {
    AffineMap map = op.getMatchingIndexingMap(operand);
    return llvm::none_of(loops.set_bits(), [&](unsigned l) { return map.isFunctionOfDim(l); });
  }
  Operation *expr = scalar.getDefiningOp();
  if (!expr || expr->getBlock() != op.getBlock())
    return true;
  if (auto index = dyn_cast<linalg::IndexOp>(expr))
    return !loops.test(index.getDim());
  return expr->getNumRegions() == 0 && llvm::all_of(expr->getOperands(), [&](Value operand) {
           return isInvariant(operand, op, loops);
         });
}

bool mlir::aimc::isOneHot(Value value, const SmallBitVector &along) {
  return Selection().selects(value, along);
}
