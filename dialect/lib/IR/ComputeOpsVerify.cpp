//===- ComputeOpsVerify.cpp - what a product must satisfy -----*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Verifiers of the compute ops. The constraint numbers are those of AIMCComputeOps.td; what needs
// the symbols is in verifySymbolUses, which the module calls with its cached tables.
//
//===----------------------------------------------------------------------===//

#include "Coverage.h"
#include "aimc/IR/AIMC.h"

#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace mlir::aimc;

static int64_t rowsOf(Value value) { return cast<ShapedType>(value.getType()).getDimSize(0); }
static int64_t colsOf(Value value) { return cast<ShapedType>(value.getType()).getDimSize(1); }

/// "?" or the number.
static std::string dim(int64_t size) {
  return ShapedType::isDynamic(size) ? "?" : std::to_string(size);
}

static LogicalResult verifyCommon(DestinationStyleOpInterface op, Value input,
                                  std::optional<APFloat> inputRange) {
  for (Value init : op.getDpsInits()) {
    // C6; the results themselves are verified with the destination style
    if (isa<TensorType>(init.getType()) != isa<TensorType>(input.getType()))
      return op->emitOpError() << "expected tensors only or buffers only, but got input "
                               << input.getType() << " and destination " << init.getType();
    // C4
    int64_t rows = rowsOf(input), initRows = rowsOf(init);
    if (!ShapedType::isDynamic(rows) && !ShapedType::isDynamic(initRows) && rows != initRows)
      return op->emitOpError() << "expected a destination of " << rows
                               << " rows, as the input has, but got " << initRows;
  }
  // C5
  if (inputRange && !(inputRange->isFinite() && !inputRange->isNegative() && !inputRange->isZero()))
    return op->emitOpError() << "expected a positive, finite `input_range`, but got "
                             << formatReal(inputRange->convertToDouble());
  return success();
}

/// C2 and C3: the input and one destination against a matrix of `rows` inputs by `cols` outputs.
static LogicalResult verifyShape(Operation *op, Operation *symbol, StringRef name, Value input,
                                 Value init, int64_t rows, int64_t cols) {
  auto fail = [&](StringRef what, int64_t expected, int64_t got, StringRef of) -> LogicalResult {
    InFlightDiagnostic diag = op->emitOpError()
                              << "expected " << what << " of " << expected << " columns, the " << of
                              << " of @" << name << ", but got " << dim(got);
    diag.attachNote(symbol->getLoc()) << "@" << name << " is declared here";
    return diag;
  };
  if (colsOf(input) != rows)
    return fail("an input", rows, colsOf(input), "rows");
  if (colsOf(init) != cols)
    return fail("a destination", cols, colsOf(init), "columns");
  return success();
}

//===----------------------------------------------------------------------===//
// aimc.linear, aimc.mvm
//===----------------------------------------------------------------------===//

LogicalResult LinearOp::verify() {
  return verifyCommon(cast<DestinationStyleOpInterface>(getOperation()), getInput(),
                      getInputRange());
}

LogicalResult LinearOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto weight = symbols.lookupNearestSymbolFrom<WeightOp>(*this, getWeightAttr());
  if (!weight) // C1
    return emitOpError() << "expected an aimc.weight, but got " << getWeightAttr()
                         << ", which is none";
  return verifyShape(*this, weight, getWeight(), getInput(), getInit(), weight.numRows(),
                     weight.numCols());
}

LogicalResult MvmOp::verify() {
  return verifyCommon(cast<DestinationStyleOpInterface>(getOperation()), getInput(),
                      getInputRange());
}

LogicalResult MvmOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto tile = symbols.lookupNearestSymbolFrom<TileOp>(*this, getTileAttr());
  if (!tile) // C1
    return emitOpError() << "expected an aimc.tile, but got " << getTileAttr() << ", which is none";
  return verifyShape(*this, tile, getTile(), getInput(), getInit(), tile.numRows(), tile.numCols());
}

//===----------------------------------------------------------------------===//
// aimc.grid
//===----------------------------------------------------------------------===//

LogicalResult GridOp::verify() {
  // C1
  if (getWeights().empty())
    return emitOpError() << "expected at least one weight, but got none";
  // C3
  if (getInits().size() != getWeights().size())
    return emitOpError() << "expected one destination for each of " << getWeights().size()
                         << " weights, but got " << getInits().size();
  return verifyCommon(cast<DestinationStyleOpInterface>(getOperation()), getInput(),
                      getInputRange());
}

LogicalResult GridOp::verifySymbolUses(SymbolTableCollection &symbols) {
  llvm::MapVector<StringRef, std::pair<WeightOp, SmallVector<Block>>> blocks;
  for (auto [attr, init] : llvm::zip(getWeights(), getInits())) {
    auto name = cast<FlatSymbolRefAttr>(attr);
    auto weight = symbols.lookupNearestSymbolFrom<WeightOp>(*this, name);
    // C1
    if (!weight)
      return emitOpError() << "expected an aimc.weight, but got " << name << ", which is none";
    if (!blocks.insert({name.getValue(), {weight, {}}}).second)
      return emitOpError() << "expected each weight once, but got " << name << " twice";
    // C2, C3
    if (failed(verifyShape(*this, weight, name.getValue(), getInput(), init, weight.numRows(),
                           weight.numCols())))
      return failure();
  }

  SmallVector<TileOp> tiles;
  for (Attribute attr : getTiles()) {
    auto name = cast<FlatSymbolRefAttr>(attr);
    auto tile = symbols.lookupNearestSymbolFrom<TileOp>(*this, name);
    // C7
    if (!tile)
      return emitOpError() << "expected an aimc.tile, but got " << name << ", which is none";
    auto weight = blocks.find(tile.getWeight());
    if (weight == blocks.end()) {
      InFlightDiagnostic diag = emitOpError() << "expected a tile of one of the weights, but got "
                                              << name << ", a block of @" << tile.getWeight();
      diag.attachNote(tile.getLoc()) << name << " is declared here";
      return diag;
    }
    // C9
    if (!tiles.empty() && tiles.front().getTarget() != tile.getTarget())
      return emitOpError() << "expected all tiles on one target, but got @"
                           << tiles.front().getSymName() << " on @" << tiles.front().getTarget()
                           << " and " << name << " on @" << tile.getTarget();
    weight->second.second.push_back(
        {tile.firstRow(), tile.numRows(), tile.firstCol(), tile.numCols(), tiles.size()});
    tiles.push_back(tile);
  }

  // C8. Without overlap, as many cells as the weight has means all of them.
  for (auto &[name, entry] : blocks) {
    auto &[weight, covered] = entry;
    if (auto overlap = findOverlap(covered))
      return emitOpError() << "expected tiles that cover @" << name << " once, but got @"
                           << tiles[overlap->first].getSymName() << " and @"
                           << tiles[overlap->second].getSymName() << " with cells in common";
    int64_t cells = 0;
    for (const Block &block : covered)
      cells += block.rows * block.cols;
    int64_t wanted = weight.numRows() * weight.numCols();
    if (cells != wanted)
      return emitOpError() << "expected tiles that cover all " << wanted << " cells of @" << name
                           << ", but got " << cells;
  }
  return success();
}
