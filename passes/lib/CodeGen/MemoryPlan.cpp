//===- MemoryPlan.cpp - a fixed place for every tensor --------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "MemoryPlan.h"
#include "aimc/CodeGen/Passes.h"
#include "aimc/IR/AIMC.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::aimc;

static constexpr int64_t kAlignment = 64;

int64_t mlir::aimc::elementBytes(RankedTensorType type) {
  return static_cast<int64_t>(llvm::divideCeil(type.getElementTypeBitWidth(), 8));
}

int64_t mlir::aimc::tensorBytes(RankedTensorType type) {
  return type.getNumElements() * elementBytes(type);
}

static SmallVector<int64_t> stridesOf(RankedTensorType type) {
  SmallVector<int64_t> strides(type.getRank(), 1);
  for (int64_t d = type.getRank() - 2; d >= 0; --d)
    strides[d] = strides[d + 1] * type.getDimSize(d + 1);
  return strides;
}

FailureOr<MemoryPlan> MemoryPlan::compute(func::FuncOp function) {
  MemoryPlan plan;
  if (failed(plan.run(function)))
    return failure();
  return plan;
}

Place MemoryPlan::place(Value value) const {
  auto it = locations.find(value);
  assert(it != locations.end() && "every planned value has a location");
  Place place = roots[it->second.root].place;
  place.offset += it->second.offset;
  return place;
}

ArrayRef<StridedCopy> MemoryPlan::copies(Operation *op) const {
  auto it = copyMap.find(op);
  return it == copyMap.end() ? ArrayRef<StridedCopy>() : ArrayRef<StridedCopy>(it->second);
}

unsigned MemoryPlan::newRoot(Value value, Place::Kind kind, int64_t index) {
  Root root;
  root.place = Place{kind, index, 0};
  root.bytes = std::max<int64_t>(1, tensorBytes(cast<RankedTensorType>(value.getType())));
  root.def = root.lastUse = position;
  roots.push_back(root);
  locations[value] = Location{static_cast<unsigned>(roots.size() - 1), 0};
  return static_cast<unsigned>(roots.size() - 1);
}

LogicalResult MemoryPlan::use(Operation &op, Value value) {
  // An empty tensor that is read has no elements, or none that matter.
  if (value.getDefiningOp<tensor::EmptyOp>() && !locations.contains(value))
    newRoot(value, Place::Arena, 0);
  auto it = locations.find(value);
  if (it == locations.end())
    return op.emitError("expected operands that are computed by kernels, tiles or views, but got "
                        "one that has no memory");
  roots[it->second.root].lastUse = position;
  return success();
}

LogicalResult MemoryPlan::run(func::FuncOp function) {
  if (!function.getBody().hasOneBlock())
    return function.emitError("expected straight-line code, but got control flow");
  for (BlockArgument argument : function.getArguments()) {
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    if (!type || !type.hasStaticShape())
      return function.emitError("expected statically shaped tensors as arguments, but got ")
             << argument.getType();
    newRoot(argument, Place::Input, argument.getArgNumber());
  }
  for (Operation &op : function.getBody().front()) {
    ++position;
    if (failed(visit(op)))
      return failure();
  }
  assignOutputs(function);
  allocate();
  return success();
}

LogicalResult MemoryPlan::visit(Operation &op) {
  auto useAll = [&](ValueRange values) -> LogicalResult {
    for (Value value : values)
      if (failed(use(op, value)))
        return failure();
    return success();
  };
  auto isView = [&] {
    return isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp, tensor::CastOp, tensor::ReshapeOp>(
        op);
  };
  if (ElementsAttr value; matchPattern(&op, m_Constant(&value))) {
    auto [known, isNew] = constantIndex.try_emplace(value, constantList.size());
    if (isNew)
      constantList.push_back(value);
    newRoot(op.getResult(0), Place::Constant, known->second);
    return success();
  }
  if (isView()) {
    Value source = op.getOperand(0);
    if (failed(use(op, source)))
      return failure();
    locations[op.getResult(0)] = locations.lookup(source);
    return success();
  }
  if (auto call = dyn_cast<func::CallOp>(op)) {
    // The last operands are the destinations: they are where the results are.
    if (failed(useAll(call.getOperands().drop_back(call.getNumResults()))))
      return failure();
    for (Value result : call.getResults())
      newRoot(result, Place::Arena, 0);
    return success();
  }
  if (auto grid = dyn_cast<GridOp>(op)) {
    if (failed(use(op, grid.getInput())))
      return failure();
    for (Value result : grid->getResults())
      newRoot(result, Place::Arena, 0);
    return success();
  }
  if (isa<tensor::ExtractSliceOp>(op))
    return visitSlice(op);
  if (isa<tensor::InsertSliceOp>(op))
    return visitInsert(op);
  if (isa<func::ReturnOp>(op))
    return useAll(op.getOperands());
  // Empties and fills that remain are destinations, which are overwritten.
  if (isa<tensor::EmptyOp, linalg::FillOp>(op) || matchPattern(&op, m_Constant()))
    return success();
  return op.emitError() << "expected only kernels, grids, constants and views in the main program, "
                           "but got '"
                        << op.getName() << "'; run aimc-outline-kernels first";
}

LogicalResult MemoryPlan::visitSlice(Operation &op) {
  auto slice = cast<tensor::ExtractSliceOp>(op);
  if (ShapedType::isDynamicShape(slice.getStaticOffsets()) ||
      ShapedType::isDynamicShape(slice.getStaticStrides()))
    return op.emitError("expected constant offsets and strides");
  if (failed(use(op, slice.getSource())))
    return failure();
  RankedTensorType source = slice.getSourceType();
  ArrayRef<int64_t> offsets = slice.getStaticOffsets(), sizes = slice.getStaticSizes(),
                    steps = slice.getStaticStrides();
  SmallVector<int64_t> strides = stridesOf(source);
  int64_t offset = 0;
  for (auto [o, s] : llvm::zip(offsets, strides))
    offset += o * s;
  // Contiguous: after leading extents of one, at most one partial extent, then full ones.
  bool contiguous = llvm::all_of(steps, [](int64_t s) { return s == 1; });
  bool started = false;
  for (auto [size, extent] : llvm::zip(sizes, source.getShape())) {
    contiguous &= !started || size == extent;
    started |= size != 1;
  }
  if (contiguous) {
    Location location = locations.lookup(slice.getSource());
    location.offset += offset * elementBytes(source);
    locations[slice.getResult()] = location;
    return success();
  }
  newRoot(slice.getResult(), Place::Arena, 0);
  StridedCopy copy;
  copy.source = slice.getSource();
  copy.sizes.assign(sizes.begin(), sizes.end());
  for (auto [stride, step] : llvm::zip(strides, steps))
    copy.sourceStrides.push_back(stride * step);
  copy.destinationStrides = stridesOf(RankedTensorType::get(sizes, source.getElementType()));
  copy.sourceOffset = offset;
  copyMap[&op].push_back(std::move(copy));
  return success();
}

LogicalResult MemoryPlan::visitInsert(Operation &op) {
  auto insert = cast<tensor::InsertSliceOp>(op);
  if (ShapedType::isDynamicShape(insert.getStaticOffsets()) ||
      ShapedType::isDynamicShape(insert.getStaticStrides()))
    return op.emitError("expected constant offsets and strides");
  if (failed(use(op, insert.getSource())))
    return failure();
  Value dest = insert.getDest();
  RankedTensorType type = insert.getDestType();
  SmallVector<int64_t> strides = stridesOf(type);
  auto &list = copyMap[&op];
  if (dest.getDefiningOp<tensor::EmptyOp>()) {
    newRoot(insert.getResult(), Place::Arena, 0);
  } else if (dest.hasOneUse() && dest.getDefiningOp<tensor::InsertSliceOp>()) {
    locations[insert.getResult()] = locations.lookup(dest); // a chain fills one buffer
  } else {
    if (failed(use(op, dest)))
      return failure();
    newRoot(insert.getResult(), Place::Arena, 0);
    StridedCopy whole;
    whole.source = dest;
    whole.sizes.assign(type.getShape().begin(), type.getShape().end());
    whole.sourceStrides = whole.destinationStrides = strides;
    list.push_back(std::move(whole));
  }
  StridedCopy copy;
  copy.source = insert.getSource();
  copy.sizes.assign(insert.getStaticSizes().begin(), insert.getStaticSizes().end());
  copy.sourceStrides = stridesOf(RankedTensorType::get(copy.sizes, type.getElementType()));
  for (auto [offset, step, stride] :
       llvm::zip(insert.getStaticOffsets(), insert.getStaticStrides(), strides)) {
    copy.destinationOffset += offset * stride;
    copy.destinationStrides.push_back(stride * step);
  }
  list.push_back(std::move(copy));
  roots[locations.lookup(insert.getResult()).root].lastUse = position;
  return success();
}

/// A returned value that owns a whole arena buffer lives in its output from the start.
void MemoryPlan::assignOutputs(func::FuncOp function) {
  auto returned = function.getBody().front().getTerminator()->getOperands();
  for (auto [i, value] : llvm::enumerate(returned)) {
    Location location = locations.lookup(value);
    Root &root = roots[location.root];
    if (root.place.kind == Place::Arena && location.offset == 0 &&
        root.bytes == std::max<int64_t>(1, tensorBytes(cast<RankedTensorType>(value.getType()))))
      root.place = Place{Place::Output, static_cast<int64_t>(i), 0};
    else
      finalCopies.emplace_back(static_cast<unsigned>(i), value);
  }
}

/// Greedy best fit, largest buffers first: each takes the lowest offset at which no buffer that is
/// alive at the same time lies.
void MemoryPlan::allocate() {
  SmallVector<Root *> order;
  for (Root &root : roots)
    if (root.place.kind == Place::Arena)
      order.push_back(&root);
  llvm::stable_sort(order, [](Root *a, Root *b) { return a->bytes > b->bytes; });
  SmallVector<Root *> placed; // by offset
  for (Root *root : order) {
    int64_t size = static_cast<int64_t>(llvm::alignTo(root->bytes, kAlignment)), offset = 0;
    for (Root *other : placed) {
      if (other->def > root->lastUse || root->def > other->lastUse)
        continue;
      if (offset + size <= other->place.offset)
        break;
      offset = std::max(offset, static_cast<int64_t>(
                                    llvm::alignTo(other->place.offset + other->bytes, kAlignment)));
    }
    root->place.offset = offset;
    total += size;
    arena = std::max(arena, offset + size);
    placed.insert(
        llvm::upper_bound(placed, root,
                          [](Root *a, Root *b) { return a->place.offset < b->place.offset; }),
        root);
  }
}
