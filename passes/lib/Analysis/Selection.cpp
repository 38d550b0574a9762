//===- Selection.cpp - one-hot vectors ------------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "aimc/Analysis/Selection.h"
#include "aimc/Analysis/ConstantView.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/DenseSet.h"

using namespace mlir;
using namespace mlir::aimc;

static int64_t lastSize(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.getRank() > 0 ? type.getShape().back() : 0;
}

/// `value` before reshapes that keep the last dimension.
static Value beforeReshapes(Value value) {
  for (;;) {
    Operation *op = value.getDefiningOp();
    if (!isa_and_nonnull<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(op) ||
        lastSize(op->getOperand(0)) != lastSize(value))
      return value;
    value = op->getOperand(0);
  }
}

/// The element-wise operation that computes `value`, and what its body yields.
static std::pair<linalg::GenericOp, Operation *> elementwise(Value value) {
  auto op = value.getDefiningOp<linalg::GenericOp>();
  if (!op || op.getNumDpsInits() != 1 || op.getNumReductionLoops() != 0 ||
      !op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity())
    return {};
  return {op, op.getBody()->getTerminator()->getOperand(0).getDefiningOp()};
}

/// The input of `op` that `element` is, or null.
static OpOperand *inputOf(linalg::GenericOp op, Value element) {
  auto argument = dyn_cast<BlockArgument>(element);
  if (!argument || argument.getOwner() != op.getBody() ||
      argument.getArgNumber() >= op.getNumDpsInputs())
    return nullptr;
  return op.getDpsInputOperand(argument.getArgNumber());
}

static bool allDiffer(ElementsAttr constant) {
  llvm::DenseSet<int64_t> seen;
  if (auto dense = dyn_cast<DenseIntElementsAttr>(constant))
    return llvm::all_of(dense.getValues<APInt>(), [&](const APInt &element) {
      return seen.insert(element.getSExtValue()).second;
    });
  auto resource = dyn_cast<DenseResourceElementsAttr>(constant);
  AsmResourceBlob *blob = resource ? resource.getRawHandle().getBlob() : nullptr;
  if (!blob)
    return false;
  auto differ = [&](auto element) {
    auto data = blob->getDataAs<decltype(element)>();
    return llvm::all_of(data, [&](auto e) { return seen.insert(int64_t(e)).second; });
  };
  Type type = constant.getElementType();
  return (type.isInteger(64) && differ(int64_t())) || (type.isInteger(32) && differ(int32_t()));
}

/// True when `operand` is a constant that changes along the last loop alone and never repeats.
static bool namesEachOnce(linalg::GenericOp op, OpOperand *operand) {
  std::string ignored;
  FailureOr<ConstantView> view = traceConstant(operand->get(), ignored);
  if (failed(view) ||
      view->constant.getShapedType().getNumElements() != op.getStaticLoopRanges().back())
    return false;
  AffineMap map = op.getMatchingIndexingMap(operand);
  if (map.getNumResults() == 0)
    return false;
  auto last = dyn_cast<AffineDimExpr>(map.getResults().back());
  return last && last.getPosition() + 1 == map.getNumDims() &&
         lastSize(operand->get()) == op.getStaticLoopRanges().back() && allDiffer(view->constant);
}

/// True when `operand` does not change along the last loop.
static bool ignoresLast(linalg::GenericOp op, OpOperand *operand) {
  AffineMap map = op.getMatchingIndexingMap(operand);
  return !map.isFunctionOfDim(map.getNumDims() - 1);
}

bool mlir::aimc::selectsRows(Value value) {
  auto [cast, converted] = elementwise(beforeReshapes(value));
  if (!isa_and_nonnull<arith::UIToFPOp>(converted))
    return false;
  OpOperand *truth = inputOf(cast, converted->getOperand(0));
  if (!truth || !cast.getMatchingIndexingMap(truth).isIdentity())
    return false;
  auto [comparison, compared] = elementwise(beforeReshapes(truth->get()));
  auto equal = dyn_cast_or_null<arith::CmpIOp>(compared);
  if (!equal || equal.getPredicate() != arith::CmpIPredicate::eq)
    return false;
  OpOperand *a = inputOf(comparison, equal.getLhs()), *b = inputOf(comparison, equal.getRhs());
  if (!a || !b)
    return false;
  return (namesEachOnce(comparison, a) && ignoresLast(comparison, b)) ||
         (namesEachOnce(comparison, b) && ignoresLast(comparison, a));
}
