//===- Group.cpp - mvm of whole weights to one grid per input -------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Whole products (Analysis/WholeProduct.h) of one input in one block become one grid, which stands
// where the first of them was finished. That is after the input and the first destination, and
// before every use of any result; the other destinations have to be there too, so their producers
// move up if they are free of effects. A read is a draw of noise and has no order, hence nothing
// else changes.
//
//===----------------------------------------------------------------------===//
#include "Remarks.h"
#include "aimc/Analysis/WholeProduct.h"
#include "aimc/Transforms/Passes.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/RegionUtils.h"

namespace mlir::aimc {
#define GEN_PASS_DEF_GROUP
#include "aimc/Transforms/Passes.h.inc"
} // namespace mlir::aimc

using namespace mlir;
using namespace mlir::aimc;

namespace {
struct GridPlan {
  SmallVector<WholeProduct> products;
  Operation *at = nullptr; ///< the op that finished the first product
};

struct GroupPass : aimc::impl::GroupBase<GroupPass> {
  using Base::Base;
  void runOnOperation() override;

private:
  void groupBlock(Block &block, const MappingSymbols &symbols);
  bool join(GridPlan &plan, WholeProduct &product);
  int64_t grids = 0, weights = 0, left = 0;
};
} // namespace

/// The ops that have to move up for `value` to be there before `at`, producers first; fails where
/// one of them has effects or is outside the block's reach.
static LogicalResult collectProducers(Value value, Operation *at,
                                      llvm::SetVector<Operation *> &moved) {
  Operation *op = value.getDefiningOp();
  if (!op || op->getBlock() != at->getBlock())
    return success(); // an argument or an outer value is there
  if (op->isBeforeInBlock(at) || moved.contains(op))
    return success();
  if (op == at || !isMemoryEffectFree(op))
    return failure();
  llvm::SetVector<Value> needed(op->operand_begin(), op->operand_end());
  getUsedValuesDefinedAbove(op->getRegions(), needed);
  for (Value producer : needed)
    if (failed(collectProducers(producer, at, moved)))
      return failure();
  moved.insert(op);
  return success();
}

bool GroupPass::join(GridPlan &plan, WholeProduct &product) {
  WholeProduct &first = plan.products.front();
  if (first.x != product.x || first.target != product.target ||
      first.inputRange != product.inputRange)
    return false;
  if (maxWeights > 0 && static_cast<int64_t>(plan.products.size()) >= maxWeights)
    return false;
  for (WholeProduct &other : plan.products)
    if (other.weight == product.weight)
      return false; // each read of the same tiles draws its own noise
  llvm::SetVector<Operation *> moved;
  if (failed(collectProducers(product.init, plan.at, moved))) {
    remark::missed(product.result.getLoc(), remarkOf(getArgument(), plan.at))
        << remark::add("@{0} shares the input of @{1}, but its destination is computed after @{1}",
                       product.weight.getSymName(), first.weight.getSymName());
    return false;
  }
  for (Operation *op : moved)
    op->moveBefore(plan.at);
  plan.products.push_back(std::move(product));
  return true;
}

/// Erases those of `ops` that have no use, users first.
static void eraseUnused(llvm::SetVector<Operation *> &ops) {
  size_t before;
  do {
    before = ops.size();
    ops.remove_if([](Operation *op) {
      if (!op->use_empty())
        return false;
      op->erase();
      return true;
    });
  } while (!ops.empty() && ops.size() < before);
}

/// Replaces the products of `plan` by one grid. `slices` collects what may have lost its last use.
static void build(GridPlan &plan, llvm::DenseMap<Value, Value> &replaced,
                  llvm::SetVector<Operation *> &slices) {
  OpBuilder builder(plan.at);
  SmallVector<Attribute> weights, tiles;
  SmallVector<Value> inits;
  SmallVector<Location> locs;
  // An input or a destination may be the result of a product that is a grid by now.
  auto current = [&](Value value) { return replaced.lookup_or(value, value); };
  for (WholeProduct &product : plan.products) {
    weights.push_back(FlatSymbolRefAttr::get(product.weight.getSymNameAttr()));
    for (TileOp tile : product.tiles)
      tiles.push_back(FlatSymbolRefAttr::get(tile.getSymNameAttr()));
    inits.push_back(current(product.init));
    locs.push_back(product.result.getLoc());
  }
  const WholeProduct &first = plan.products.front();
  auto grid = GridOp::create(builder, builder.getFusedLoc(locs), weights, tiles, current(first.x),
                             inits, first.inputRange);
  for (auto [product, result] : llvm::zip_equal(plan.products, grid->getResults())) {
    product.result.replaceAllUsesWith(result);
    replaced[product.result] = result;
    slices.insert(product.slices.begin(), product.slices.end());
    eraseUnused(product.ops);
  }
}

void GroupPass::groupBlock(Block &block, const MappingSymbols &symbols) {
  SmallVector<WholeProduct> products;
  llvm::DenseSet<Operation *> taken;
  llvm::DenseMap<Operation *, std::string> reasons;
  for (Operation &op : llvm::reverse(block)) {
    bool isRead = isa<MvmOp>(op);
    if (taken.contains(&op) || (!isRead && !isa<tensor::InsertSliceOp>(op)))
      continue;
    std::string reason;
    if (isRead && op.getNumResults() == 0) {
      reasons[&op] = "expected tensors, but got buffers";
      continue;
    }
    FailureOr<WholeProduct> product = matchWholeProduct(&op, symbols, reason);
    if (failed(product)) {
      if (isRead)
        reasons[&op] = reason;
      continue;
    }
    taken.insert(product->ops.begin(), product->ops.end());
    products.push_back(std::move(*product));
  }
  for (Operation &op : block) {
    if (!isa<MvmOp>(op) || taken.contains(&op))
      continue;
    ++left;
    remark::missed(op.getLoc(), remarkOf(getArgument(), &op))
        << remark::add("@{0} stays aimc.mvm: {1}", cast<MvmOp>(op).getTile(), reasons.lookup(&op));
  }

  // Plans in program order; those of one input are found by the input.
  std::vector<GridPlan> plans;
  llvm::DenseMap<Value, SmallVector<size_t>> byInput;
  for (WholeProduct &product : llvm::reverse(products)) {
    SmallVector<size_t> &sameInput = byInput[product.x];
    bool joined = llvm::any_of(sameInput, [&](size_t plan) { return join(plans[plan], product); });
    if (joined)
      continue;
    sameInput.push_back(plans.size());
    Operation *at = product.result.getDefiningOp();
    plans.push_back({});
    plans.back().at = at;
    plans.back().products.push_back(std::move(product));
  }
  llvm::DenseMap<Value, Value> replaced;
  llvm::SetVector<Operation *> slices;
  for (GridPlan &plan : plans) {
    ++grids;
    weights += plan.products.size();
    build(plan, replaced, slices);
  }
  eraseUnused(slices);
}

void GroupPass::runOnOperation() {
  ModuleOp module = getOperation();
  grids = weights = left = 0;
  if (maxWeights < 0) {
    emitError(module.getLoc()) << "expected the option max-weights to be at least 0, but got "
                               << maxWeights.getValue();
    return signalPassFailure();
  }
  MappingSymbols symbols(module);
  llvm::SetVector<Block *> blocks;
  module.walk([&](MvmOp mvm) {
    if (SymbolTable::getNearestSymbolTable(mvm) == module)
      blocks.insert(mvm->getBlock());
  });
  for (Block *block : blocks)
    groupBlock(*block, symbols);
  remark::analysis(module.getLoc(), remarkOf(getArgument()))
      << remark::metric("grids", grids) << remark::metric("weights", weights)
      << remark::metric("mvm left", left);
}
