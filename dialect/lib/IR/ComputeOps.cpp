//===- ComputeOps.cpp - linear, mvm and grid ------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Builders, effects and simplifications of the compute ops.
//
//===----------------------------------------------------------------------===//

#include "aimc/IR/AIMC.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/PatternMatch.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace mlir::aimc;

//===----------------------------------------------------------------------===//
// Builders: results follow the destinations
//===----------------------------------------------------------------------===//

/// Tensor destinations give results of their type, buffers give none.
static SmallVector<Type> resultTypes(ValueRange inits) {
  SmallVector<Type> types;
  for (Type type : inits.getTypes())
    if (isa<TensorType>(type))
      types.push_back(type);
  return types;
}

template <typename Op>
static void buildSingle(OpBuilder &builder, OperationState &state, StringRef symbol, Value input,
                        Value init, FloatAttr inputRange) {
  Op::build(builder, state, TypeRange(resultTypes(init)),
            FlatSymbolRefAttr::get(builder.getContext(), symbol), input, init, inputRange);
}

void LinearOp::build(OpBuilder &builder, OperationState &state, StringRef weight, Value input,
                     Value init, FloatAttr inputRange) {
  buildSingle<LinearOp>(builder, state, weight, input, init, inputRange);
}

void MvmOp::build(OpBuilder &builder, OperationState &state, StringRef tile, Value input,
                  Value init, FloatAttr inputRange) {
  buildSingle<MvmOp>(builder, state, tile, input, init, inputRange);
}

void GridOp::build(OpBuilder &builder, OperationState &state, ArrayRef<Attribute> weights,
                   ArrayRef<Attribute> tiles, Value input, ValueRange inits, FloatAttr inputRange) {
  build(builder, state, TypeRange(resultTypes(inits)), builder.getArrayAttr(weights),
        builder.getArrayAttr(tiles), input, inits, inputRange);
}

//===----------------------------------------------------------------------===//
// Effects and names
//===----------------------------------------------------------------------===//

using Effects = SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>;

/// A read on tensors takes fresh noise. Saying so as an allocation of the result is what makes the
/// op removable when unused, yet neither merged with an equal one nor moved out of a loop.
static void computeEffects(DestinationStyleOpInterface op, Effects &effects) {
  for (OpResult result : op->getResults())
    effects.emplace_back(MemoryEffects::Allocate::get(), result, ReadNoiseResource::get());
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<MemRefType>(operand.get().getType()))
      continue;
    effects.emplace_back(MemoryEffects::Read::get(), &operand);
    if (op.isDpsInit(&operand))
      effects.emplace_back(MemoryEffects::Write::get(), &operand);
  }
}

void LinearOp::getEffects(Effects &effects) {
  computeEffects(cast<DestinationStyleOpInterface>(getOperation()), effects);
}
void MvmOp::getEffects(Effects &effects) {
  computeEffects(cast<DestinationStyleOpInterface>(getOperation()), effects);
}
void GridOp::getEffects(Effects &effects) {
  computeEffects(cast<DestinationStyleOpInterface>(getOperation()), effects);
}

static void nameResults(Operation *op, OpAsmSetValueNameFn setName) {
  if (op->getNumResults() > 0)
    setName(op->getResult(0), "y");
}

void LinearOp::getAsmResultNames(OpAsmSetValueNameFn setName) { nameResults(*this, setName); }
void MvmOp::getAsmResultNames(OpAsmSetValueNameFn setName) { nameResults(*this, setName); }
void GridOp::getAsmResultNames(OpAsmSetValueNameFn setName) { nameResults(*this, setName); }

//===----------------------------------------------------------------------===//
// Folding: zero rows, casts of buffers (upstream folds casts of tensors for any destination style
// op)
//===----------------------------------------------------------------------===//

static LogicalResult foldCompute(DestinationStyleOpInterface op,
                                 SmallVectorImpl<OpFoldResult> &results) {
  bool noRows = cast<ShapedType>(op->getOperand(0).getType()).getDimSize(0) == 0 ||
                cast<ShapedType>(op.getDpsInits().front().getType()).getDimSize(0) == 0;
  if (op->getNumResults() > 0 && noRows) {
    llvm::append_range(results, op.getDpsInits());
    return success();
  }
  return memref::foldMemRefCast(op);
}

LogicalResult LinearOp::fold(FoldAdaptor, SmallVectorImpl<OpFoldResult> &results) {
  return foldCompute(cast<DestinationStyleOpInterface>(getOperation()), results);
}
LogicalResult MvmOp::fold(FoldAdaptor, SmallVectorImpl<OpFoldResult> &results) {
  return foldCompute(cast<DestinationStyleOpInterface>(getOperation()), results);
}
LogicalResult GridOp::fold(FoldAdaptor, SmallVectorImpl<OpFoldResult> &results) {
  return foldCompute(cast<DestinationStyleOpInterface>(getOperation()), results);
}

//===----------------------------------------------------------------------===//
// Canonical forms
//===----------------------------------------------------------------------===//

namespace {

/// On buffers a read of zero rows changes nothing, so it goes.
template <typename Op> struct EraseEmptyBufferRead : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    auto type = dyn_cast<MemRefType>(op.getInput().getType());
    if (!type || type.getDimSize(0) != 0)
      return rewriter.notifyMatchFailure(op, "not a buffer of zero rows");
    rewriter.eraseOp(op);
    return success();
  }
};

/// A weight whose result nobody uses need not be read.
struct DropUnusedWeights : OpRewritePattern<GridOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(GridOp op, PatternRewriter &rewriter) const override {
    SmallVector<Attribute> weights;
    SmallVector<Value> inits;
    llvm::StringSet<> dropped;
    for (auto [weight, result, init] : llvm::zip(op.getWeights(), op.getOutputs(), op.getInits())) {
      if (result.use_empty()) {
        dropped.insert(cast<FlatSymbolRefAttr>(weight).getValue());
        continue;
      }
      weights.push_back(weight);
      inits.push_back(init);
    }
    if (dropped.empty() || weights.empty()) // without any use the op is dead as a whole
      return rewriter.notifyMatchFailure(op, "every weight or none has a use");
    Operation *table = SymbolTable::getNearestSymbolTable(op);
    SmallVector<Attribute> tiles;
    for (Attribute tile : op.getTiles()) {
      auto symbol = dyn_cast_or_null<TileOp>(
          SymbolTable::lookupSymbolIn(table, cast<FlatSymbolRefAttr>(tile)));
      if (!symbol)
        return rewriter.notifyMatchFailure(op, "a tile is not in the module");
      if (!dropped.contains(symbol.getWeight()))
        tiles.push_back(tile);
    }
    auto grid = GridOp::create(rewriter, op.getLoc(), weights, tiles, op.getInput(), inits,
                               op.getInputRangeAttr());
    grid->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    SmallVector<Value> replacements;
    size_t next = 0;
    for (auto [result, init] : llvm::zip(op.getOutputs(), op.getInits()))
      replacements.push_back(result.use_empty() ? init : grid.getOutputs()[next++]);
    rewriter.replaceOp(op, replacements);
    return success();
  }
};

} // namespace

void LinearOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<EraseEmptyBufferRead<LinearOp>>(context);
}
void MvmOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<EraseEmptyBufferRead<MvmOp>>(context);
}
void GridOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<EraseEmptyBufferRead<GridOp>, DropUnusedWeights>(context);
}
