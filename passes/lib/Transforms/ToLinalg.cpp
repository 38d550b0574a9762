//===- ToLinalg.cpp - products on tiles to exact linalg products ----------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The reference semantics of the compute ops, written with upstream ops only. It goes through the
// tile table: a grid multiplies block by block with the rows and columns that its tiles name, so a
// block that is missing, doubled or cut wrongly changes the executed result.
//
//===----------------------------------------------------------------------===//
#include "aimc/Analysis/ConstantView.h"
#include "aimc/Analysis/WholeProduct.h"
#include "aimc/IR/AIMC.h"
#include "aimc/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::aimc {
#define GEN_PASS_DEF_TOLINALG
#include "aimc/Transforms/Passes.h.inc"
} // namespace mlir::aimc

using namespace mlir;
using namespace mlir::aimc;

namespace {
struct ToLinalgPass : aimc::impl::ToLinalgBase<ToLinalgPass> {
  using Base::Base;
  void runOnOperation() override;
};
} // namespace

/// Rows and columns of a weight as a constant.
static FailureOr<Value> blockOf(OpBuilder &builder, Operation *user, WeightOp weight, int64_t row,
                                int64_t rows, int64_t col, int64_t cols) {
  auto elements = dyn_cast_or_null<ElementsAttr>(weight.getValue().value_or(Attribute()));
  int64_t rowStride = weight.getTransposed() ? 1 : weight.numCols();
  int64_t colStride = weight.getTransposed() ? weight.numRows() : 1;
  FailureOr<SmallVector<float, 0>> data = failure();
  if (elements)
    data = readMatrix(elements, row * rowStride + col * colStride, StridedDim{rows, rowStride},
                      StridedDim{cols, colStride});
  if (failed(data)) {
    InFlightDiagnostic error = user->emitOpError()
                               << "expected the elements of @" << weight.getSymName()
                               << ", but they are not in the module";
    error.attachNote(weight.getLoc()) << "see the weight";
    return error;
  }
  auto type = RankedTensorType::get({rows, cols}, builder.getF32Type());
  return arith::ConstantOp::create(builder, user->getLoc(), type,
                                   DenseElementsAttr::get(type, ArrayRef<float>(*data)))
      .getResult();
}

static Value multiply(OpBuilder &builder, Location loc, Value x, Value w, Value y) {
  return linalg::MatmulOp::create(builder, loc, y.getType(), ValueRange{x, w}, ValueRange{y})
      .getResult(0);
}

/// y + x[:, rows] * w[rows, cols] in the columns of the tile.
static FailureOr<Value> multiplyTile(OpBuilder &builder, GridOp grid, WeightOp weight, TileOp tile,
                                     Value y) {
  Location loc = grid.getLoc();
  FailureOr<Value> block = blockOf(builder, grid, weight, tile.firstRow(), tile.numRows(),
                                   tile.firstCol(), tile.numCols());
  if (failed(block))
    return failure();
  SmallVector<OpFoldResult> strides(2, builder.getIndexAttr(1));
  OpFoldResult m = tensor::getMixedSize(builder, loc, y, 0);
  SmallVector<OpFoldResult> xAt{builder.getIndexAttr(0), builder.getIndexAttr(tile.firstRow())};
  SmallVector<OpFoldResult> xSize{m, builder.getIndexAttr(tile.numRows())};
  SmallVector<OpFoldResult> yAt{builder.getIndexAttr(0), builder.getIndexAttr(tile.firstCol())};
  SmallVector<OpFoldResult> ySize{m, builder.getIndexAttr(tile.numCols())};
  Value x = tensor::ExtractSliceOp::create(builder, loc, grid.getInput(), xAt, xSize, strides);
  Value part = tensor::ExtractSliceOp::create(builder, loc, y, yAt, ySize, strides);
  part = multiply(builder, loc, x, *block, part);
  return tensor::InsertSliceOp::create(builder, loc, part, y, yAt, ySize, strides).getResult();
}

static LogicalResult lower(Operation *op, const MappingSymbols &symbols) {
  OpBuilder builder(op);
  SmallVector<Value> results;
  if (op->getNumResults() == 0)
    return op->emitOpError("expected tensors, but got buffers");
  if (auto linear = dyn_cast<LinearOp>(op)) {
    WeightOp weight = symbols.weights.lookup(linear.getWeightAttr().getAttr());
    FailureOr<Value> w = blockOf(builder, op, weight, 0, weight.numRows(), 0, weight.numCols());
    if (failed(w))
      return failure();
    results.push_back(multiply(builder, op->getLoc(), linear.getInput(), *w, linear.getInit()));
  } else if (auto mvm = dyn_cast<MvmOp>(op)) {
    TileOp tile = symbols.tiles.lookup(mvm.getTileAttr().getAttr());
    FailureOr<Value> w =
        blockOf(builder, op, symbols.weights.lookup(tile.getWeightAttr().getAttr()),
                tile.firstRow(), tile.numRows(), tile.firstCol(), tile.numCols());
    if (failed(w))
      return failure();
    results.push_back(multiply(builder, op->getLoc(), mvm.getInput(), *w, mvm.getInit()));
  } else {
    auto grid = cast<GridOp>(op);
    llvm::DenseMap<StringAttr, size_t> indexOf;
    for (auto [i, name] : llvm::enumerate(grid.getWeights().getAsRange<FlatSymbolRefAttr>()))
      indexOf[name.getAttr()] = i;
    results.assign(grid.getInits().begin(), grid.getInits().end());
    for (auto name : grid.getTiles().getAsRange<FlatSymbolRefAttr>()) {
      TileOp tile = symbols.tiles.lookup(name.getAttr());
      StringAttr weight = tile.getWeightAttr().getAttr();
      Value &y = results[indexOf.lookup(weight)];
      FailureOr<Value> sum = multiplyTile(builder, grid, symbols.weights.lookup(weight), tile, y);
      if (failed(sum))
        return failure();
      y = *sum;
    }
  }
  op->replaceAllUsesWith(results);
  op->erase();
  return success();
}

void ToLinalgPass::runOnOperation() {
  ModuleOp module = getOperation();
  MappingSymbols symbols(module);
  SmallVector<Operation *> products;
  module.walk([&](Operation *op) {
    if (isa<LinearOp, MvmOp, GridOp>(op) && SymbolTable::getNearestSymbolTable(op) == module)
      products.push_back(op);
  });
  for (Operation *op : products)
    if (failed(lower(op, symbols)))
      return signalPassFailure();
  for (Operation &op : llvm::make_early_inc_range(*module.getBody()))
    if (isa<TargetOp, WeightOp, TileOp>(op))
      op.erase();
}
