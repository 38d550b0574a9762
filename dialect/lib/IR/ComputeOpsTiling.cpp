//===- ComputeOpsTiling.cpp - tiling over the batch -----------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The one loop of a product is over the rows of its input. Inputs (K) and outputs (N) of the weight
// are no loops: they are named by a symbol, and cutting those is aimc-partition's work. Rows are
// independent: ranges are per row or fixed, and every row draws noise of its own, so cutting the
// batch keeps the distribution of every result.
//
//===----------------------------------------------------------------------===//

#include "aimc/IR/AIMC.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"

using namespace mlir;
using namespace mlir::aimc;

using Folds = ArrayRef<OpFoldResult>;

static OpFoldResult sizeOf(OpBuilder &builder, Location loc, Value value, int64_t dim) {
  return isa<TensorType>(value.getType()) ? tensor::getMixedSize(builder, loc, value, dim)
                                          : memref::getMixedSize(builder, loc, value, dim);
}

static SmallVector<Range> iterationDomain(OpBuilder &builder, Operation *op) {
  OpFoldResult rows = sizeOf(builder, op->getLoc(), op->getOperand(0), 0);
  return {Range{builder.getIndexAttr(0), rows, builder.getIndexAttr(1)}};
}

/// Rows [offset, offset + size) of a matrix.
static Value sliceRows(OpBuilder &builder, Location loc, Value value, OpFoldResult offset,
                       OpFoldResult size, SmallVectorImpl<Operation *> &slices) {
  SmallVector<OpFoldResult> offsets{offset, builder.getIndexAttr(0)};
  SmallVector<OpFoldResult> sizes{size, sizeOf(builder, loc, value, 1)};
  SmallVector<OpFoldResult> strides(2, builder.getIndexAttr(1));
  Operation *slice;
  if (isa<TensorType>(value.getType()))
    slice = tensor::ExtractSliceOp::create(builder, loc, value, offsets, sizes, strides);
  else
    slice = memref::SubViewOp::create(builder, loc, value, offsets, sizes, strides);
  slices.push_back(slice);
  return slice->getResult(0);
}

static FailureOr<TilingResult> tile(OpBuilder &builder, Operation *op, OpFoldResult offset,
                                    OpFoldResult size) {
  TilingResult result;
  SmallVector<Value> operands;
  for (Value operand : op->getOperands())
    operands.push_back(
        sliceRows(builder, op->getLoc(), operand, offset, size, result.generatedSlices));
  SmallVector<Type> types;
  for (Value init : ArrayRef(operands).drop_front())
    if (isa<TensorType>(init.getType()))
      types.push_back(init.getType());
  Operation *tiled = clone(builder, op, types, operands);
  result.tiledOps.push_back(tiled);
  llvm::append_range(result.tiledValues, tiled->getResults());
  return result;
}

/// A slice of a matrix that spans all its columns; anything less cannot be computed alone.
static bool isWholeRows(Value value, Folds offsets, Folds sizes) {
  int64_t cols = cast<ShapedType>(value.getType()).getDimSize(1);
  return offsets.size() == 2 && isConstantIntValue(offsets[1], 0) &&
         isConstantIntValue(sizes[1], cols);
}

/// Slices of operands that are all the same whole rows.
static bool isSameWholeRows(Operation *op, ArrayRef<unsigned> operandNumbers,
                            ArrayRef<SmallVector<OpFoldResult>> offsets,
                            ArrayRef<SmallVector<OpFoldResult>> sizes) {
  for (auto [number, offset, size] : llvm::zip(operandNumbers, offsets, sizes))
    if (!isWholeRows(op->getOperand(number), offset, size) ||
        !isEqualConstantIntOrValue(offset[0], offsets.front()[0]) ||
        !isEqualConstantIntOrValue(size[0], sizes.front()[0]))
      return false;
  return !operandNumbers.empty();
}

namespace {
/// What the three ops share; each interface method below is one call of it.
struct Rows {
  Operation *op;

  LogicalResult resultPosition(OpBuilder &builder, unsigned number, Folds offsets, Folds sizes,
                               SmallVector<OpFoldResult> &resultOffsets,
                               SmallVector<OpFoldResult> &resultSizes) {
    resultOffsets = {offsets[0], builder.getIndexAttr(0)};
    resultSizes = {sizes[0], sizeOf(builder, op->getLoc(), op->getResult(number), 1)};
    return success();
  }
  LogicalResult domainFromResult(unsigned number, Folds offsets, Folds sizes,
                                 SmallVectorImpl<OpFoldResult> &domainOffsets,
                                 SmallVectorImpl<OpFoldResult> &domainSizes) {
    if (!isWholeRows(op->getResult(number), offsets, sizes))
      return failure();
    domainOffsets.assign(1, offsets[0]);
    domainSizes.assign(1, sizes[0]);
    return success();
  }
  LogicalResult domainFromOperands(ArrayRef<unsigned> numbers,
                                   ArrayRef<SmallVector<OpFoldResult>> offsets,
                                   ArrayRef<SmallVector<OpFoldResult>> sizes,
                                   SmallVectorImpl<OpFoldResult> &domainOffsets,
                                   SmallVectorImpl<OpFoldResult> &domainSizes) {
    if (!isSameWholeRows(op, numbers, offsets, sizes))
      return failure();
    domainOffsets.assign(1, offsets.front()[0]);
    domainSizes.assign(1, sizes.front()[0]);
    return success();
  }
  FailureOr<TilingResult> resultValue(OpBuilder &builder, unsigned number, Folds offsets,
                                      Folds sizes) {
    if (!isWholeRows(op->getResult(number), offsets, sizes))
      return failure();
    FailureOr<TilingResult> tiled = tile(builder, op, offsets[0], sizes[0]);
    if (succeeded(tiled))
      tiled->tiledValues = {tiled->tiledValues[number]};
    return tiled;
  }
};
} // namespace

#define AIMC_TILING_METHODS(OP)                                                                    \
  SmallVector<utils::IteratorType> OP::getLoopIteratorTypes() {                                    \
    return {utils::IteratorType::parallel};                                                        \
  }                                                                                                \
  SmallVector<Range> OP::getIterationDomain(OpBuilder &builder) {                                  \
    return iterationDomain(builder, *this);                                                        \
  }                                                                                                \
  FailureOr<TilingResult> OP::getTiledImplementation(OpBuilder &builder, Folds offsets,            \
                                                     Folds sizes) {                                \
    return tile(builder, *this, offsets[0], sizes[0]);                                             \
  }                                                                                                \
  LogicalResult OP::getResultTilePosition(OpBuilder &builder, unsigned number, Folds offsets,      \
                                          Folds sizes, SmallVector<OpFoldResult> &resultOffsets,   \
                                          SmallVector<OpFoldResult> &resultSizes) {                \
    return Rows{*this}.resultPosition(builder, number, offsets, sizes, resultOffsets,              \
                                      resultSizes);                                                \
  }                                                                                                \
  FailureOr<TilingResult> OP::generateResultTileValue(OpBuilder &builder, unsigned number,         \
                                                      Folds offsets, Folds sizes) {                \
    return Rows{*this}.resultValue(builder, number, offsets, sizes);                               \
  }                                                                                                \
  FailureOr<TilingResult> OP::getTiledImplementationFromOperandTiles(                              \
      OpBuilder &builder, ArrayRef<unsigned> numbers, ArrayRef<SmallVector<OpFoldResult>> offsets, \
      ArrayRef<SmallVector<OpFoldResult>> sizes) {                                                 \
    if (!isSameWholeRows(*this, numbers, offsets, sizes))                                          \
      return failure();                                                                            \
    return tile(builder, *this, offsets.front()[0], sizes.front()[0]);                             \
  }                                                                                                \
  LogicalResult OP::getIterationDomainTileFromOperandTiles(                                        \
      OpBuilder &, ArrayRef<unsigned> numbers, ArrayRef<SmallVector<OpFoldResult>> offsets,        \
      ArrayRef<SmallVector<OpFoldResult>> sizes, SmallVectorImpl<OpFoldResult> &domainOffsets,     \
      SmallVectorImpl<OpFoldResult> &domainSizes) {                                                \
    return Rows{*this}.domainFromOperands(numbers, offsets, sizes, domainOffsets, domainSizes);    \
  }                                                                                                \
  LogicalResult OP::getIterationDomainTileFromResultTile(                                          \
      OpBuilder &, unsigned number, Folds offsets, Folds sizes,                                    \
      SmallVectorImpl<OpFoldResult> &domainOffsets, SmallVectorImpl<OpFoldResult> &domainSizes) {  \
    return Rows{*this}.domainFromResult(number, offsets, sizes, domainOffsets, domainSizes);       \
  }                                                                                                \
  bool OP::isOpFusableWithConsumerSlice(unsigned number, Folds offsets, Folds sizes) {             \
    return isWholeRows(getOperation()->getResult(number), offsets, sizes);                         \
  }                                                                                                \
  bool OP::isOpFusableWithProducerSlices(ArrayRef<unsigned> numbers,                               \
                                         ArrayRef<SmallVector<OpFoldResult>> offsets,              \
                                         ArrayRef<SmallVector<OpFoldResult>> sizes) {              \
    return isSameWholeRows(*this, numbers, offsets, sizes);                                        \
  }

AIMC_TILING_METHODS(LinearOp)
AIMC_TILING_METHODS(MvmOp)
AIMC_TILING_METHODS(GridOp)

#undef AIMC_TILING_METHODS
