//===- OutlineKernels.cpp - digital operations become shared kernels ------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Each linalg operation of the program becomes a function of its operands and destinations.
// Functions with the same text are one function: a transformer with twelve equal layers has the
// kernels of one. Row-wise chains (softmax, layer normalisation) form one kernel: a producer joins
// its consumer's kernel when all its uses are there and each tile of the consumer's outer loops
// needs a tile of its own of the producer, so that nothing is computed twice.
//
//===----------------------------------------------------------------------===//

#include "aimc/CodeGen/Passes.h"
#include "aimc/IR/AIMC.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Iterators.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringMap.h"

namespace mlir::aimc {
#define GEN_PASS_DEF_OUTLINEKERNELS
#include "aimc/CodeGen/Passes.h.inc"
} // namespace mlir::aimc

using namespace mlir;
using namespace mlir::aimc;

namespace {

/// A tile size for a loop of `extent` iterations of which a tile should cover about `limit`: the
/// largest divisor up to `limit`; where that is far below it (a prime extent), the whole loop if
/// that is not far above.
int64_t tileSize(int64_t extent, int64_t limit) {
  limit = std::max<int64_t>(1, std::min(extent, limit));
  int64_t size = limit;
  while (extent % size != 0)
    --size;
  return size * 4 <= limit && extent <= 4 * limit ? extent : size;
}

bool isContraction(linalg::LinalgOp op) {
  return linalg::isaContractionOpInterface(op) && op.getNumReductionLoops() > 0;
}

/// How a kernel's iteration space is split: per loop of the anchor a tile size, 0 for not split.
struct Split {
  SmallVector<int64_t> sizes;
  int64_t tiles = 1;
};

/// Contractions: one batch element per tile; rows only where batches alone give too few tiles.
Split splitContraction(linalg::LinalgOp op) {
  constexpr int64_t enoughTiles = 8, rowTarget = 64;
  SmallVector<int64_t> extents = op.getStaticLoopRanges();
  Split split{SmallVector<int64_t>(extents.size(), 0), 1};
  auto dims = linalg::inferContractionDims(op);
  if (failed(dims))
    return split;
  for (unsigned b : dims->batch)
    if (extents[b] > 1)
      split.sizes[b] = 1, split.tiles *= extents[b];
  if (split.tiles < enoughTiles)
    for (unsigned m : dims->m)
      if (int64_t size = tileSize(extents[m], rowTarget); size < extents[m]) {
        split.sizes[m] = size;
        split.tiles *= extents[m] / size;
      }
  return split;
}

/// Everything else: outer parallel loops, innermost first, until a tile covers `target` elements.
Split splitRows(linalg::LinalgOp op, int64_t target) {
  SmallVector<int64_t> extents = op.getStaticLoopRanges();
  auto kinds = op.getIteratorTypesArray();
  Split split{SmallVector<int64_t>(extents.size(), 0), 1};
  SmallVector<unsigned> rows;
  int64_t inner = 1;
  for (unsigned d = 0; d < extents.size(); ++d)
    if (kinds[d] == utils::IteratorType::parallel && d + 1 != extents.size())
      rows.push_back(d);
    else
      inner *= std::max<int64_t>(1, extents[d]);
  for (unsigned d : llvm::reverse(rows)) {
    if (extents[d] <= 1)
      continue;
    int64_t size = tileSize(extents[d], target / inner);
    split.sizes[d] = size;
    split.tiles *= extents[d] / size;
    inner *= size;
  }
  // A single long row: split the row itself.
  if (split.tiles == 1 && !extents.empty() && kinds.back() == utils::IteratorType::parallel &&
      extents.back() > target) {
    int64_t size = tileSize(extents.back(), target);
    if (size >= target / 8) {
      split.sizes.back() = size;
      split.tiles = extents.back() / size;
    }
  }
  return split;
}

/// The operations of one kernel, in program order, the anchor last.
struct Cluster {
  linalg::LinalgOp anchor;
  Split split;
  llvm::SetVector<Operation *> ops;
};

class ClusterBuilder {
public:
  ClusterBuilder(linalg::LinalgOp anchor, int64_t target) {
    cluster.anchor = anchor;
    cluster.split = isContraction(anchor) ? splitContraction(anchor) : splitRows(anchor, target);
    cluster.ops.insert(anchor);
  }

  /// Adds producers as long as they qualify. The last loop of a row-wise anchor is never a tile
  /// loop when producers join: reductions along it must see whole rows.
  Cluster build() {
    linalg::LinalgOp anchor = cluster.anchor;
    if (isContraction(anchor) || anchor->getNumResults() != 1)
      return finish();
    for (auto [d, size] : llvm::enumerate(cluster.split.sizes))
      if (size != 0)
        tiled.push_back(static_cast<unsigned>(d));
    if (tiled.empty() || cluster.split.sizes.back() != 0)
      return finish();
    loops[anchor] = tiled;
    for (bool grew = true; grew;) {
      grew = false;
      for (Operation *member : llvm::to_vector(cluster.ops))
        for (OpOperand *input : cast<linalg::LinalgOp>(member).getDpsInputOperands())
          grew |= tryAdd(input->get());
    }
    return finish();
  }

private:
  Cluster finish() {
    SmallVector<Operation *> order = cluster.ops.takeVector();
    llvm::sort(order, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
    cluster.ops.insert(order.begin(), order.end());
    return cluster;
  }

  bool tryAdd(Value value) {
    auto producer = value.getDefiningOp<linalg::GenericOp>();
    if (!producer || cluster.ops.contains(producer) || producer->getNumResults() != 1 ||
        producer->getBlock() != cluster.anchor->getBlock() ||
        isContraction(cast<linalg::LinalgOp>(producer.getOperation())))
      return false;
    AffineMap resultMap = producer.getIndexingMapsArray().back();
    if (!resultMap.isProjectedPermutation())
      return false;
    std::optional<SmallVector<unsigned>> found;
    for (OpOperand &use : value.getUses()) {
      auto user = dyn_cast<linalg::LinalgOp>(use.getOwner());
      if (!user || !cluster.ops.contains(user) || !user.isDpsInput(&use))
        return false;
      auto dims = dimsThrough(user.getMatchingIndexingMap(&use), loops.lookup(user), resultMap);
      if (!dims || (found && *found != *dims))
        return false;
      found = dims;
    }
    if (!found)
      return false;
    cluster.ops.insert(producer);
    loops[producer] = *found;
    return true;
  }

  /// The producer's loops that follow the tile loops `userDims` of a user reading through `read`.
  static std::optional<SmallVector<unsigned>>
  dimsThrough(AffineMap read, ArrayRef<unsigned> userDims, AffineMap resultMap) {
    SmallVector<unsigned> dims;
    for (unsigned dim : userDims) {
      std::optional<unsigned> at = read.getResultPosition(getAffineDimExpr(dim, read.getContext()));
      if (!at)
        return std::nullopt; // broadcast along a tile loop: it would be computed once per tile
      dims.push_back(cast<AffineDimExpr>(resultMap.getResult(*at)).getPosition());
    }
    return dims;
  }

  Cluster cluster;
  SmallVector<unsigned> tiled;
  llvm::DenseMap<Operation *, SmallVector<unsigned>> loops;
};

/// Values that a kernel makes for itself instead of taking them as arguments.
bool isCloned(Value value) {
  Operation *def = value.getDefiningOp();
  if (!def)
    return false;
  if (isa<tensor::EmptyOp>(def))
    return true;
  if (auto fill = dyn_cast<linalg::FillOp>(def))
    return matchPattern(fill.value(), m_Constant());
  // Scalars: constants, and what is computed from them and from single elements of tensors.
  return !isa<ShapedType>(value.getType()) && def->getNumRegions() == 0 && isPure(def);
}

/// Adds to `used` what computing its scalars needs, so that their tensors become arguments.
void addScalarSources(llvm::SetVector<Value> &used) {
  for (size_t i = 0; i < used.size(); ++i) {
    Operation *def = used[i].getDefiningOp();
    if (def && !isa<ShapedType>(used[i].getType()) && isCloned(used[i]))
      used.insert(def->operand_begin(), def->operand_end());
  }
}

class OutlineKernelsPass : public ::mlir::aimc::impl::OutlineKernelsBase<OutlineKernelsPass> {
public:
  using OutlineKernelsBase::OutlineKernelsBase;

  void runOnOperation() override {
    SmallVector<func::FuncOp> functions;
    getOperation().walk([&](func::FuncOp f) {
      if (!f.isDeclaration() && !f->hasAttr(kKernelAttr))
        functions.push_back(f);
    });
    for (func::FuncOp f : functions)
      if (failed(outline(f)))
        return signalPassFailure();
    remark::analysis(getOperation().getLoc(),
                     remark::RemarkOpts::name("aimc-outline-kernels").category("aimc"))
        << remark::metric("operations", outlined) << remark::metric("kernels", kernels.size());
  }

private:
  LogicalResult outline(func::FuncOp f) {
    SmallVector<linalg::LinalgOp> anchors;
    f.walk([&](linalg::LinalgOp op) { anchors.push_back(op); });
    llvm::SmallPtrSet<Operation *, 32> taken;
    for (linalg::LinalgOp op : llvm::reverse(anchors)) {
      if (taken.contains(op))
        continue;
      if (op->use_empty() || (isCloned(op->getResult(0)) && onlyInitialises(op->getResult(0))))
        continue;
      if (op.hasDynamicShape())
        return op->emitError("expected static shapes, but got a dynamic dimension in a digital "
                             "operation");
      Cluster cluster = ClusterBuilder(op, tileElements).build();
      taken.insert(cluster.ops.begin(), cluster.ops.end());
      if (failed(emitCall(cluster)))
        return failure();
    }
    // Fills, empties and constants whose users all moved away.
    f.walk<WalkOrder::PostOrder, ReverseIterator>([](Operation *op) {
      if (isOpTriviallyDead(op))
        op->erase();
    });
    return success();
  }

  /// True when every use of a fill is a destination: kernels clone it, grids overwrite it.
  static bool onlyInitialises(Value value) {
    return llvm::all_of(value.getUses(), [](OpOperand &use) {
      auto user = dyn_cast<DestinationStyleOpInterface>(use.getOwner());
      return user && user.isDpsInit(&use) && isa<linalg::LinalgOp, GridOp>(use.getOwner());
    });
  }

  LogicalResult emitCall(Cluster &cluster) {
    linalg::LinalgOp anchor = cluster.anchor;
    // Arguments: what the operations use from outside, in order of first use.
    llvm::SetVector<Value> used;
    for (Operation *op : cluster.ops) {
      for (OpOperand &operand : op->getOpOperands()) {
        auto linalgOp = cast<linalg::LinalgOp>(op);
        if (linalgOp.isDpsInit(&operand) && !linalgOp.payloadUsesValueFromOperand(&operand))
          continue;
        used.insert(operand.get());
      }
      getUsedValuesDefinedAbove(op->getRegions(), used);
    }
    addScalarSources(used);
    SmallVector<Value> arguments;
    for (Value value : used) {
      if (cluster.ops.contains(value.getDefiningOp()) || isCloned(value))
        continue;
      if (!isa<RankedTensorType>(value.getType()))
        return anchor->emitError("expected tensors, constants or elements of tensors as "
                                 "operands of a digital operation, but got a scalar of type ")
               << value.getType();
      arguments.push_back(value);
    }

    OpBuilder builder(anchor);
    Location loc = anchor.getLoc();
    SmallVector<Value> destinations;
    for (Type type : anchor->getResultTypes()) {
      auto tensorType = cast<RankedTensorType>(type);
      destinations.push_back(tensor::EmptyOp::create(builder, loc, tensorType.getShape(),
                                                     tensorType.getElementType()));
    }
    func::FuncOp kernel = getKernel(cluster, arguments);
    SmallVector<Value> operands(arguments);
    llvm::append_range(operands, destinations);
    auto call = func::CallOp::create(builder, loc, kernel, operands);
    anchor->replaceAllUsesWith(call.getResults());
    for (Operation *op : llvm::reverse(cluster.ops.getArrayRef()))
      op->erase();
    ++outlined;
    return success();
  }

  func::FuncOp getKernel(Cluster &cluster, ArrayRef<Value> arguments) {
    linalg::LinalgOp anchor = cluster.anchor;
    MLIRContext *context = &getContext();
    OpBuilder builder(context);
    SmallVector<Type> inputs = llvm::map_to_vector(arguments, [](Value v) { return v.getType(); });
    llvm::append_range(inputs, anchor->getResultTypes());
    auto type = builder.getFunctionType(inputs, anchor->getResultTypes());

    OwningOpRef<func::FuncOp> made = func::FuncOp::create(UnknownLoc::get(context), "kernel", type);
    made->setPrivate();
    (*made)->setAttr(kKernelAttr, builder.getUnitAttr());
    (*made)->setAttr(kTileSizesAttr, builder.getDenseI64ArrayAttr(cluster.split.sizes));
    (*made)->setAttr(kTilesAttr, builder.getI64IntegerAttr(cluster.split.tiles));
    Block *body = made->addEntryBlock();
    builder.setInsertionPointToStart(body);
    IRMapping map;
    for (auto [value, argument] : llvm::zip(arguments, body->getArguments()))
      map.map(value, argument);
    for (unsigned i = 0; i < arguments.size(); ++i)
      made->setArgAttr(i, "bufferization.writable", builder.getBoolAttr(false));
    auto destinations = body->getArguments().drop_front(arguments.size());
    for (Operation *op : cluster.ops)
      cloneInto(builder, cast<linalg::LinalgOp>(op), op == anchor.getOperation(), destinations,
                map);
    func::ReturnOp::create(
        builder, UnknownLoc::get(context),
        llvm::map_to_vector(anchor->getResults(), [&](Value v) { return map.lookup(v); }));

    std::string key;
    llvm::raw_string_ostream os(key);
    made->print(os, OpPrintingFlags().useLocalScope().enableDebugInfo(false));
    auto [it, isNew] = kernels.try_emplace(key, nullptr);
    if (!isNew)
      return it->second;
    ModuleOp module = getOperation();
    SymbolTable symbols(module);
    made->setName(("kernel_" + Twine(kernels.size() - 1)).str());
    // The location of the first use names the layer in which the kernel was met.
    made.get()->setLoc(anchor.getLoc());
    func::FuncOp kernel = made.release();
    symbols.insert(kernel, module.getBody()->end());
    it->second = kernel;
    return kernel;
  }

  /// Clones `op` and what it makes for itself. The anchor writes to the kernel's destinations.
  void cloneInto(OpBuilder &builder, linalg::LinalgOp op, bool isAnchor, ValueRange destinations,
                 IRMapping &map) {
    Location loc = UnknownLoc::get(builder.getContext());
    llvm::SetVector<Value> used;
    getUsedValuesDefinedAbove(op->getRegions(), used);
    for (OpOperand *input : op.getDpsInputOperands())
      used.insert(input->get());
    for (Value value : used)
      if (!map.contains(value))
        cloneSource(builder, value, Value(), map);
    IRMapping local(map); // destinations are private to this operation
    for (auto [i, init] : llvm::enumerate(op.getDpsInitsMutable())) {
      Value value = init.get();
      Value target = isAnchor ? destinations[i] : Value();
      if (!op.payloadUsesValueFromOperand(&init)) {
        if (!target)
          target = makeEmpty(builder, cast<RankedTensorType>(value.getType()));
        local.map(value, target);
      } else if (isCloned(value)) {
        local.erase(value);
        cloneSource(builder, value, target, local);
      } else if (target) {
        auto copy = linalg::CopyOp::create(builder, loc, map.lookup(value), target);
        local.map(value, copy.getResult(0));
      }
    }
    Operation *clone = builder.clone(*op, local);
    clone->setLoc(loc);
    clone->walk([&](Operation *nested) { nested->setLoc(loc); });
    map.map(op->getResults(), clone->getResults());
  }

  static Value makeEmpty(OpBuilder &builder, RankedTensorType type) {
    return tensor::EmptyOp::create(builder, UnknownLoc::get(builder.getContext()), type.getShape(),
                                   type.getElementType());
  }

  /// Clones a constant, an empty tensor or a fill; a fill writes to `target` when there is one.
  static void cloneSource(OpBuilder &builder, Value value, Value target, IRMapping &map) {
    Location loc = UnknownLoc::get(builder.getContext());
    if (auto fill = value.getDefiningOp<linalg::FillOp>()) {
      Operation *constant = builder.clone(*fill.value().getDefiningOp());
      constant->setLoc(loc);
      Value out = target ? target : makeEmpty(builder, cast<RankedTensorType>(value.getType()));
      map.map(value,
              linalg::FillOp::create(builder, loc, constant->getResult(0), out).getResult(0));
      return;
    }
    if (value.getDefiningOp<tensor::EmptyOp>() && target) {
      map.map(value, target);
      return;
    }
    for (Value operand : value.getDefiningOp()->getOperands())
      if (!map.contains(operand))
        cloneSource(builder, operand, Value(), map);
    Operation *clone = builder.clone(*value.getDefiningOp(), map);
    clone->setLoc(loc);
    map.map(value, clone->getResult(0));
  }

  llvm::StringMap<func::FuncOp> kernels;
  int64_t outlined = 0;
};

} // namespace
