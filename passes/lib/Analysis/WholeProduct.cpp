//===- WholeProduct.cpp - the mvm that form one product -------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A column block is a chain of mvm through their destinations, one per row block. Column blocks are
// a chain of insertions. The match stops as soon as the weight is complete, because a destination
// may be another product's result.
//
//===----------------------------------------------------------------------===//
#include "aimc/Analysis/WholeProduct.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"

using namespace mlir;
using namespace mlir::aimc;

MappingSymbols::MappingSymbols(ModuleOp module) {
  for (TileOp tile : module.getOps<TileOp>())
    tiles[tile.getSymNameAttr()] = tile;
  for (WeightOp weight : module.getOps<WeightOp>())
    weights[weight.getSymNameAttr()] = weight;
}

namespace {
/// Columns [first, first + count) of a matrix, all rows.
struct Columns {
  int64_t first, count;
  bool operator==(const Columns &) const = default;
  bool apartFrom(const Columns &other) const {
    return first + count <= other.first || other.first + other.count <= first;
  }
};
} // namespace

/// The columns that a slice of a matrix takes or puts; nothing where it does not take all rows.
template <typename SliceOp>
static std::optional<Columns> columnsOf(SliceOp slice, RankedTensorType whole,
                                        RankedTensorType part) {
  if (whole.getRank() != 2 || part.getRank() != 2 || slice.isDynamicOffset(0) ||
      slice.isDynamicOffset(1) || slice.isDynamicSize(1) || slice.getStaticOffset(0) != 0 ||
      !slice.hasUnitStride() || whole.getDimSize(0) != part.getDimSize(0) || whole.isDynamicDim(0))
    return std::nullopt;
  return Columns{slice.getStaticOffset(1), slice.getStaticSize(1)};
}

static std::optional<Columns> columnsOf(tensor::ExtractSliceOp op) {
  return columnsOf(op, op.getSourceType(), op.getType());
}
static std::optional<Columns> columnsOf(tensor::InsertSliceOp op) {
  return columnsOf(op, op.getDestType(), op.getSourceType());
}

/// The scalar that a tensor is filled with.
static Value fillOf(Value value) {
  auto fill = value.getDefiningOp<linalg::FillOp>();
  return fill ? fill.getInputs().front() : Value();
}

namespace {
class Matcher {
public:
  Matcher(const MappingSymbols &symbols, std::string &reason) : symbols(symbols), reason(reason) {}
  FailureOr<WholeProduct> match(Operation *last);

private:
  LogicalResult fail(const llvm::Twine &why) {
    reason = why.str();
    return failure();
  }
  LogicalResult addRead(MvmOp mvm, TileOp tile);
  FailureOr<Value> matchColumnBlock(Value value, Columns &columns);
  LogicalResult checkBase(Value base, Columns columns);

  const MappingSymbols &symbols;
  std::string &reason;
  WholeProduct product;
};
} // namespace

/// Adds one read to the product; the first read decides weight, target, range and input.
LogicalResult Matcher::addRead(MvmOp mvm, TileOp tile) {
  if (mvm->getNumResults() == 0)
    return fail("expected tensors, but got buffers");
  if (!product.weight) {
    product.weight = symbols.weights.lookup(tile.getWeightAttr().getAttr());
    product.target = tile.getTargetAttr().getAttr();
    product.inputRange = mvm.getInputRangeAttr();
  }
  if (tile.getWeightAttr().getAttr() != product.weight.getSymNameAttr())
    return fail("it adds to a product with @" + product.weight.getSymName());
  if (tile.getTargetAttr().getAttr() != product.target)
    return fail("tiles of @" + product.weight.getSymName() + " are on two targets");
  if (mvm.getInputRangeAttr() != product.inputRange)
    return fail("tiles of @" + product.weight.getSymName() + " are read with two input ranges");
  Value x = mvm.getInput();
  if (tile.numRows() != product.weight.numRows()) {
    auto slice = x.getDefiningOp<tensor::ExtractSliceOp>();
    std::optional<Columns> taken = slice ? columnsOf(slice) : std::nullopt;
    if (taken != Columns{tile.firstRow(), tile.numRows()} ||
        slice.getSourceType().getDimSize(1) != product.weight.numRows())
      return fail("expected the input to be columns " + llvm::Twine(tile.firstRow()) + " to " +
                  llvm::Twine(tile.firstRow() + tile.numRows() - 1) + " of a matrix with " +
                  llvm::Twine(product.weight.numRows()) + " columns");
    x = slice.getSource();
    product.slices.insert(slice);
  }
  if (product.x && product.x != x)
    return fail("tiles of @" + product.weight.getSymName() + " read different inputs");
  product.x = x;
  product.tiles.push_back(tile);
  product.ops.insert(mvm);
  return success();
}

/// Follows a chain of mvm through their destinations until all rows were read; returns the
/// destination of the first.
FailureOr<Value> Matcher::matchColumnBlock(Value value, Columns &columns) {
  SmallVector<Columns> seen;
  int64_t rows = 0;
  do {
    auto mvm = value.getDefiningOp<MvmOp>();
    TileOp tile = mvm ? symbols.tiles.lookup(mvm.getTileAttr().getAttr()) : TileOp();
    if (!tile)
      return fail("not every row of @" + (product.weight ? product.weight.getSymName() : "") +
                  " is read");
    if (failed(addRead(mvm, tile)))
      return failure();
    Columns here{tile.firstCol(), tile.numCols()}, range{tile.firstRow(), tile.numRows()};
    if (!seen.empty() && here != columns)
      return fail("tiles of different columns of @" + product.weight.getSymName() +
                  " add to one destination");
    if (!llvm::all_of(seen, [&](Columns other) { return range.apartFrom(other); }))
      return fail("rows of @" + product.weight.getSymName() + " are read twice");
    columns = here;
    seen.push_back(range);
    rows += range.count;
    value = mvm.getInit();
  } while (rows < product.weight.numRows());
  return value;
}

/// `base` must hold what the product's destination holds in these columns.
LogicalResult Matcher::checkBase(Value base, Columns columns) {
  if (Value scalar = fillOf(base); scalar && scalar == fillOf(product.init))
    return success();
  auto slice = base.getDefiningOp<tensor::ExtractSliceOp>();
  if (!slice || columnsOf(slice) != columns)
    return fail("a column block does not start from its columns of the destination");
  Value from = slice.getSource();
  // Column blocks that were put back before are not in these columns.
  bool ofPart = from != product.init;
  while (from != product.init) {
    auto insert = from.getDefiningOp<tensor::InsertSliceOp>();
    std::optional<Columns> put =
        insert && product.ops.contains(insert) ? columnsOf(insert) : std::nullopt;
    if (!put || !put->apartFrom(columns))
      return fail("a column block does not start from the product's destination");
    from = insert.getDest();
  }
  // A slice of the destination itself may serve other products too.
  if (ofPart)
    product.ops.insert(slice);
  else
    product.slices.insert(slice);
  return success();
}

FailureOr<WholeProduct> Matcher::match(Operation *last) {
  product.result = last->getResult(0);
  SmallVector<std::pair<Value, Columns>> bases;
  if (isa<MvmOp>(last)) {
    Columns columns{0, 0};
    FailureOr<Value> init = matchColumnBlock(product.result, columns);
    if (failed(init))
      return failure();
    if (columns.count != product.weight.numCols())
      return fail("not every column of @" + product.weight.getSymName() + " is read");
    product.init = *init;
  } else {
    Value value = product.result;
    int64_t cols = 0;
    do {
      auto insert = value.getDefiningOp<tensor::InsertSliceOp>();
      std::optional<Columns> put = insert ? columnsOf(insert) : std::nullopt;
      if (!put)
        return fail("not every column of @" + (product.weight ? product.weight.getSymName() : "") +
                    " is read");
      product.ops.insert(insert);
      Columns columns{0, 0};
      FailureOr<Value> base = matchColumnBlock(insert.getSource(), columns);
      if (failed(base))
        return failure();
      if (columns != *put || insert.getDestType().getDimSize(1) != product.weight.numCols())
        return fail("a column block is put at other columns than its tiles have");
      for (auto &[other, taken] : bases)
        if (!taken.apartFrom(columns))
          return fail("columns of @" + product.weight.getSymName() + " are read twice");
      bases.push_back({*base, columns});
      cols += columns.count;
      value = insert.getDest();
    } while (cols < product.weight.numCols());
    product.init = value;
  }
  for (auto &[base, columns] : bases)
    if (failed(checkBase(base, columns)))
      return failure();
  for (Operation *op : product.ops)
    if (op != last &&
        llvm::any_of(op->getUsers(), [&](Operation *user) { return !product.ops.contains(user); }))
      return fail("a part of the product is used by itself");
  llvm::sort(product.tiles, [](TileOp a, TileOp b) {
    return std::pair(a.firstRow(), a.firstCol()) < std::pair(b.firstRow(), b.firstCol());
  });
  return product;
}

FailureOr<WholeProduct>
mlir::aimc::matchWholeProduct(Operation *last, const MappingSymbols &symbols, std::string &reason) {
  return Matcher(symbols, reason).match(last);
}
