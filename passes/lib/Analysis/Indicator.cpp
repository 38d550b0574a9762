//===- Indicator.cpp - scalars that are 0 or 1 ----------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "Indicator.h"
#include "aimc/Analysis/ConstantView.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::aimc;

/// Steps after which a chain of element-wise operations is not followed any further.
static constexpr int kMaxSteps = 64;

bool mlir::aimc::forEachVector(Value tensor, const llvm::SmallBitVector &along,
                               function_ref<bool(MutableArrayRef<double>)> each) {
  std::string ignored;
  FailureOr<ConstantView> view = traceConstant(tensor, ignored);
  if (failed(view))
    return false;
  DimNest vectors, elements;
  for (unsigned d = 0; d < view->dims.size(); ++d)
    llvm::append_range(along.test(d) ? elements : vectors, view->dims[d]);
  SmallVector<double> numbers(sizeOf(elements));
  for (int64_t v = 0, e = sizeOf(vectors); v < e; ++v) {
    int64_t start = view->offset + positionAt(vectors, v);
    for (auto [i, number] : llvm::enumerate(numbers)) {
      std::optional<double> read = numberAt(view->constant, start + positionAt(elements, i));
      if (!read)
        return false;
      number = *read;
    }
    if (!each(numbers))
      return false;
  }
  return true;
}

bool mlir::aimc::isConstant(Value tensor) {
  std::string ignored;
  return succeeded(traceConstant(tensor, ignored));
}

bool mlir::aimc::isZero(Value tensor) {
  auto fill = tensor.getDefiningOp<linalg::FillOp>();
  return (fill && isNumber(fill.getInputs().front(), 0.0)) ||
         forEachVector(tensor,
                       llvm::SmallBitVector(cast<RankedTensorType>(tensor.getType()).getRank()),
                       [](ArrayRef<double> vector) { return vector.front() == 0.0; });
}

bool mlir::aimc::isIntegerInput(Value tensor) {
  while (isa_and_nonnull<tensor::CollapseShapeOp, tensor::ExpandShapeOp, tensor::CastOp,
                         tensor::ExtractSliceOp>(tensor.getDefiningOp()))
    tensor = tensor.getDefiningOp()->getOperand(0);
  return isa<BlockArgument>(tensor) && getElementTypeOrSelf(tensor.getType()).isInteger();
}

linalg::LinalgOp mlir::aimc::elementwiseOp(Value tensor) {
  auto op = tensor.getDefiningOp<linalg::LinalgOp>();
  if (!op || !op.hasPureTensorSemantics() || op.hasDynamicShape() ||
      op.getNumParallelLoops() != op.getNumLoops() ||
      !op.getIndexingMapMatchingResult(cast<OpResult>(tensor)).isPermutation())
    return {};
  return op;
}

Value mlir::aimc::yieldedBy(linalg::LinalgOp op, Value tensor) {
  return op.getBlock()->getTerminator()->getOperand(cast<OpResult>(tensor).getResultNumber());
}

llvm::SmallBitVector mlir::aimc::loopsOf(linalg::LinalgOp op, Value tensor,
                                         const llvm::SmallBitVector &dims) {
  AffineMap map = op.getIndexingMapMatchingResult(cast<OpResult>(tensor));
  llvm::SmallBitVector loops(map.getNumDims());
  for (unsigned d : dims.set_bits())
    loops.set(map.getDimPosition(d));
  return loops;
}

OpOperand *mlir::aimc::operandOf(Value scalar, linalg::LinalgOp op) {
  auto argument = dyn_cast<BlockArgument>(scalar);
  if (!argument || argument.getOwner() != op.getBlock())
    return nullptr;
  return &op->getOpOperand(argument.getArgNumber());
}

/// The value of a constant scalar; a boolean is 0 or 1.
static std::optional<double> numberOf(Value scalar) {
  Attribute constant;
  if (!matchPattern(scalar, m_Constant(&constant)))
    return std::nullopt;
  if (auto number = dyn_cast<FloatAttr>(constant))
    return number.getValueAsDouble();
  if (auto number = dyn_cast<IntegerAttr>(constant))
    return number.getType().isInteger(1) ? double(number.getValue().getZExtValue())
                                         : number.getValue().roundToDouble(/*isSigned=*/true);
  return std::nullopt;
}

bool mlir::aimc::isNumber(Value scalar, double number) { return numberOf(scalar) == number; }

Value mlir::aimc::beforeConversion(Value scalar) {
  Operation *op = scalar.getDefiningOp();
  if (scalar.getType().isInteger(1))
    return {}; // the last bit
  if (isa_and_nonnull<arith::UIToFPOp, arith::ExtUIOp, arith::ExtFOp, arith::TruncFOp,
                      arith::FPToSIOp, arith::FPToUIOp, arith::TruncIOp>(op))
    return op->getOperand(0);
  // A signed boolean is 0 or -1.
  if (isa_and_nonnull<arith::SIToFPOp, arith::ExtSIOp, arith::IndexCastOp>(op) &&
      !op->getOperand(0).getType().isInteger(1))
    return op->getOperand(0);
  return {};
}

Value mlir::aimc::complementOf(Value scalar) {
  Operation *op = scalar.getDefiningOp();
  if (isa_and_nonnull<arith::SubFOp, arith::SubIOp>(op) && isNumber(op->getOperand(0), 1.0))
    return op->getOperand(1);
  if (isa_and_nonnull<arith::XOrIOp>(op) && scalar.getType().isInteger(1))
    for (unsigned i : {0u, 1u})
      if (isNumber(op->getOperand(i), 1.0))
        return op->getOperand(1 - i);
  return {};
}

bool mlir::aimc::isConjunction(Operation *op) {
  return isa_and_nonnull<arith::AndIOp, arith::MulIOp, arith::MulFOp, arith::MinimumFOp,
                         arith::MinNumFOp, arith::MinUIOp>(op) ||
         (isa_and_nonnull<arith::MinSIOp>(op) && !op->getResult(0).getType().isInteger(1));
}

bool mlir::aimc::isDisjunction(Operation *op) {
  return isa_and_nonnull<arith::OrIOp, arith::MaximumFOp, arith::MaxNumFOp, arith::MaxUIOp>(op) ||
         (isa_and_nonnull<arith::MaxSIOp>(op) && !op->getResult(0).getType().isInteger(1));
}

std::optional<Comparison> mlir::aimc::comparisonOf(Value scalar) {
  if (auto op = scalar.getDefiningOp<arith::CmpIOp>())
    if (op.getPredicate() == arith::CmpIPredicate::eq ||
        op.getPredicate() == arith::CmpIPredicate::ne)
      return Comparison{op.getLhs(), op.getRhs(), op.getPredicate() == arith::CmpIPredicate::ne};
  if (auto op = scalar.getDefiningOp<arith::CmpFOp>())
    if (op.getPredicate() == arith::CmpFPredicate::OEQ ||
        op.getPredicate() == arith::CmpFPredicate::UNE)
      return Comparison{op.getLhs(), op.getRhs(), op.getPredicate() == arith::CmpFPredicate::UNE};
  return std::nullopt;
}

bool Literal::excludes(const Literal &other) const {
  if (source != other.source)
    return false;
  if (equals && other.equals && *equals != *other.equals)
    return !inverted && !other.inverted;
  return equals == other.equals && inverted != other.inverted;
}

/// `tensor` before what changes its shape alone.
static Value beforeReshapes(Value tensor) {
  while (Operation *op = tensor.getDefiningOp()) {
    if (!isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp, tensor::CastOp>(op))
      break;
    tensor = op->getOperand(0);
  }
  return tensor;
}

/// The literal of one of its operands that the element-wise `tensor` is, or nothing.
static std::optional<Literal> literalOfBody(Value tensor) {
  linalg::LinalgOp op = elementwiseOp(tensor);
  if (!op || !op.getIndexingMapMatchingResult(cast<OpResult>(tensor)).isIdentity())
    return std::nullopt;
  Literal literal;
  Value scalar = yieldedBy(op, tensor);
  for (int i = 0; i < kMaxSteps; ++i) {
    if (OpOperand *operand = operandOf(scalar, op)) {
      if (!isa<RankedTensorType>(operand->get().getType()) ||
          !op.getMatchingIndexingMap(operand).isIdentity())
        return std::nullopt;
      literal.source = operand->get();
      return literal;
    }
    if (literal.equals)
      return std::nullopt; // what is compared is computed in this body
    auto select = scalar.getDefiningOp<arith::SelectOp>();
    if (Value converted = beforeConversion(scalar)) {
      scalar = converted;
    } else if (Value complement = complementOf(scalar)) {
      literal.inverted = !literal.inverted;
      scalar = complement;
    } else if (select && isNumber(select.getTrueValue(), 1.0) &&
               isNumber(select.getFalseValue(), 0.0)) {
      scalar = select.getCondition();
    } else if (select && isNumber(select.getTrueValue(), 0.0) &&
               isNumber(select.getFalseValue(), 1.0)) {
      literal.inverted = !literal.inverted;
      scalar = select.getCondition();
    } else if (std::optional<Comparison> compared = comparisonOf(scalar)) {
      Value number = compared->rhs;
      scalar = compared->lhs;
      if (numberOf(scalar))
        std::swap(number, scalar);
      literal.equals = numberOf(number);
      literal.inverted ^= compared->differs;
      if (!literal.equals)
        return std::nullopt;
    } else {
      return std::nullopt;
    }
  }
  return std::nullopt;
}

Literal mlir::aimc::literalOf(Value tensor) {
  Literal literal{beforeReshapes(tensor)};
  for (int i = 0; i < kMaxSteps && !literal.equals; ++i) {
    std::optional<Literal> inner = literalOfBody(literal.source);
    if (!inner)
      break;
    literal = {beforeReshapes(inner->source), inner->equals, literal.inverted != inner->inverted};
  }
  return literal;
}
