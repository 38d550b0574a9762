//===- Partition.cpp - weights to tile blocks, products to mvm ------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Full blocks come first and the remainder last, so that as many blocks as possible fill a tile and
// the rest packs well. Each column block is taken out of the destination, every row block adds its
// partial product to it, and it is put back; blocks of a weight are disjoint, so the order of
// column blocks does not matter, and the order of row blocks is the order of the sum.
//
//===----------------------------------------------------------------------===//
#include "Remarks.h"
#include "aimc/IR/AIMC.h"
#include "aimc/Transforms/Passes.h"
#include "aimc/Transforms/Targets.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::aimc {
#define GEN_PASS_DEF_PARTITION
#include "aimc/Transforms/Passes.h.inc"
} // namespace mlir::aimc

using namespace mlir;
using namespace mlir::aimc;

using TilesOfWeight = llvm::DenseMap<StringAttr, SmallVector<TileOp>>;

/// The columns [first, first + count) of a matrix; the matrix itself where that is all of it.
static Value extractCols(OpBuilder &builder, Location loc, Value matrix, int64_t first,
                         int64_t count) {
  auto type = cast<RankedTensorType>(matrix.getType());
  if (first == 0 && count == type.getDimSize(1))
    return matrix;
  SmallVector<OpFoldResult> offsets{builder.getIndexAttr(0), builder.getIndexAttr(first)};
  SmallVector<OpFoldResult> sizes{tensor::getMixedSize(builder, loc, matrix, 0),
                                  builder.getIndexAttr(count)};
  SmallVector<OpFoldResult> strides(2, builder.getIndexAttr(1));
  return tensor::ExtractSliceOp::create(builder, loc, matrix, offsets, sizes, strides);
}

static Value insertCols(OpBuilder &builder, Location loc, Value block, Value matrix,
                        int64_t first) {
  if (block.getType() == matrix.getType())
    return block;
  SmallVector<OpFoldResult> offsets{builder.getIndexAttr(0), builder.getIndexAttr(first)};
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, block);
  SmallVector<OpFoldResult> strides(2, builder.getIndexAttr(1));
  return tensor::InsertSliceOp::create(builder, loc, block, matrix, offsets, sizes, strides);
}

namespace {
struct PartitionPass : aimc::impl::PartitionBase<PartitionPass> {
  using Base::Base;
  void runOnOperation() override;

private:
  FailureOr<TargetOp> chooseTarget();
};
} // namespace

FailureOr<TargetOp> PartitionPass::chooseTarget() {
  ModuleOp module = getOperation();
  // One that a front end wrote into the module may still name a device file.
  auto complete = [](TargetOp op) -> FailureOr<TargetOp> {
    if (failed(completeTarget(op)))
      return failure();
    return op;
  };
  if (!target.empty()) {
    if (auto named = dyn_cast_or_null<TargetOp>(SymbolTable::lookupSymbolIn(module, target)))
      return complete(named);
    return emitError(module.getLoc())
               << "expected an aimc.target named '" << target << "', but found none",
           failure();
  }
  auto targets = llvm::to_vector(module.getOps<TargetOp>());
  if (targets.empty())
    return insertTarget(module, targetFile);
  if (targets.size() == 1)
    return complete(targets.front());
  InFlightDiagnostic error =
      emitError(module.getLoc())
      << "expected the option target to choose one of several targets, but got none";
  for (TargetOp candidate : targets)
    error.attachNote(candidate.getLoc()) << "see target @" << candidate.getSymName();
  return error;
}

/// Cuts `weight` for tiles of `geometry` and names the blocks.
static SmallVector<TileOp> cut(WeightOp weight, TargetOp target, SymbolTable &symbols) {
  SmallVector<TileOp> tiles;
  GeometryAttr geometry = target.getGeometry();
  OpBuilder builder(weight.getContext());
  Block::iterator at = std::next(weight->getIterator());
  for (int64_t row = 0, i = 0; row < weight.numRows(); row += geometry.getRows(), ++i) {
    int64_t rows = std::min(geometry.getRows(), weight.numRows() - row);
    for (int64_t col = 0, j = 0; col < weight.numCols(); col += geometry.getCols(), ++j) {
      int64_t cols = std::min(geometry.getCols(), weight.numCols() - col);
      std::string name =
          (weight.getSymName() + ".r" + llvm::Twine(i) + ".c" + llvm::Twine(j)).str();
      builder.setInsertionPoint(weight->getBlock(), at);
      auto tile = TileOp::create(builder, weight.getLoc(), name, weight.getSymName(), {row, rows},
                                 {col, cols}, target.getSymName());
      symbols.insert(tile, at);
      tiles.push_back(tile);
    }
  }
  return tiles;
}

/// Tiles that were in the module already, sorted by columns and then rows, must be column blocks of
/// row blocks that hold every cell once.
static LogicalResult checkCover(WeightOp weight, ArrayRef<TileOp> tiles) {
  int64_t col = 0, row = 0, cols = 0;
  auto fail = [&](TileOp tile) {
    return tile.emitOpError() << "expected tiles of @" << weight.getSymName()
                              << " that hold every cell once, the next one from row " << row
                              << " and column " << col << " on, but got one from row "
                              << tile.firstRow() << " and column " << tile.firstCol() << " on";
  };
  for (TileOp tile : tiles) {
    if (row == weight.numRows()) {
      col += cols;
      row = 0;
    }
    if (tile.firstRow() != row || tile.firstCol() != col || (row > 0 && tile.numCols() != cols))
      return fail(tile);
    cols = tile.numCols();
    row += tile.numRows();
  }
  if (row == weight.numRows() && col + cols == weight.numCols())
    return success();
  return weight.emitOpError() << "expected tiles that hold every cell once, but the last one ends "
                              << "at row " << row << " and column " << col + cols;
}

/// Replaces `linear` by one mvm per tile; returns their number.
static int64_t readTiles(LinearOp linear, ArrayRef<TileOp> tiles) {
  OpBuilder builder(linear);
  Location loc = linear.getLoc();
  Value x = linear.getInput(), y = linear.getInit();
  // Row slices are shared by the column blocks that read them.
  llvm::MapVector<std::pair<int64_t, int64_t>, Value> slices;
  for (size_t i = 0; i < tiles.size();) {
    TileOp first = tiles[i];
    Value block = extractCols(builder, loc, y, first.firstCol(), first.numCols());
    for (; i < tiles.size(); ++i) {
      TileOp tile = tiles[i];
      if (tile.getCols() != first.getCols())
        break;
      Value &slice = slices[{tile.firstRow(), tile.numRows()}];
      if (!slice)
        slice = extractCols(builder, loc, x, tile.firstRow(), tile.numRows());
      block =
          MvmOp::create(builder, loc, tile.getSymName(), slice, block, linear.getInputRangeAttr())
              ->getResult(0);
    }
    y = insertCols(builder, loc, block, y, first.firstCol());
  }
  linear->getResult(0).replaceAllUsesWith(y);
  linear->erase();
  return tiles.size();
}

void PartitionPass::runOnOperation() {
  ModuleOp module = getOperation();
  SmallVector<LinearOp> linears;
  bool buffers = false;
  module.walk([&](LinearOp linear) {
    if (SymbolTable::getNearestSymbolTable(linear) != module)
      return;
    if (linear->getNumResults() == 0) {
      linear.emitOpError("expected tensors, but got buffers; partition before bufferization");
      buffers = true;
    }
    linears.push_back(linear);
  });
  if (buffers)
    return signalPassFailure();
  if (linears.empty())
    return;

  TilesOfWeight tilesOf;
  for (TileOp tile : module.getOps<TileOp>())
    tilesOf[tile.getWeightAttr().getAttr()].push_back(tile);
  llvm::DenseSet<StringAttr> used;
  for (LinearOp linear : linears)
    used.insert(linear.getWeightAttr().getAttr());

  TargetOp chosen; // looked for only when a weight has to be cut
  SymbolTable symbols(module);
  int64_t cutTiles = 0, reads = 0;
  for (WeightOp weight : llvm::to_vector(module.getOps<WeightOp>())) {
    if (!used.contains(weight.getSymNameAttr()))
      continue;
    SmallVector<TileOp> &tiles = tilesOf[weight.getSymNameAttr()];
    bool isCut = !tiles.empty();
    if (!isCut) {
      if (!chosen) {
        FailureOr<TargetOp> found = chooseTarget();
        if (failed(found))
          return signalPassFailure();
        chosen = *found;
      }
      tiles = cut(weight, chosen, symbols);
      cutTiles += tiles.size();
    }
    llvm::stable_sort(tiles, [](TileOp a, TileOp b) {
      return std::make_tuple(a.firstCol(), a.numCols(), a.firstRow()) <
             std::make_tuple(b.firstCol(), b.numCols(), b.firstRow());
    });
    if (isCut && failed(checkCover(weight, tiles)))
      return signalPassFailure();
  }
  for (LinearOp linear : linears)
    reads += readTiles(linear, tilesOf[linear.getWeightAttr().getAttr()]);
  remark::analysis(module.getLoc(), remarkOf(getArgument()))
      << remark::metric("weights", static_cast<int64_t>(used.size()))
      << remark::metric("tiles", cutTiles) << remark::metric("mvm", reads);
}
