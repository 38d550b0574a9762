//===- OutlineKernels.cpp - digital operations become shared kernels ------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Each linalg operation of the program, with the row-wise producers that only it uses (Cluster.h),
// becomes a function of its operands and destinations. Functions with the same text are one
// function: a transformer with twelve equal layers has the kernels of one.
//
//===----------------------------------------------------------------------===//

#include "Cluster.h"
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
      Cluster cluster = Cluster::around(op, tileElements);
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
