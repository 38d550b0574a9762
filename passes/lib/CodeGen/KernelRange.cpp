//===- KernelRange.cpp - kernels over a range of tiles --------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The runtime splits a kernel's tiles among threads, so a kernel is a loop from `begin` to `end`
// over tile numbers. Temporaries are allocated once per call, not once per tile.
//
//===----------------------------------------------------------------------===//

#include "aimc/CodeGen/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir::aimc {
#define GEN_PASS_DEF_KERNELRANGE
#include "aimc/CodeGen/Passes.h.inc"
} // namespace mlir::aimc

using namespace mlir;
using namespace mlir::aimc;

namespace {

class KernelRangePass : public ::mlir::aimc::impl::KernelRangeBase<KernelRangePass> {
public:
  using KernelRangeBase::KernelRangeBase;

  void runOnOperation() override {
    func::FuncOp kernel = getOperation();
    if (!kernel->hasAttr(kKernelAttr) || kernel.isDeclaration())
      return;
    if (kernel.getNumResults() != 0) {
      kernel.emitError("expected a kernel that writes its destinations, but it returns a buffer");
      return signalPassFailure();
    }
    OpBuilder builder(kernel.getContext());
    Type index = builder.getIndexType();
    unsigned arguments = kernel.getNumArguments();
    if (failed(kernel.insertArguments({arguments, arguments}, {index, index}, {{}, {}},
                                      {kernel.getLoc(), kernel.getLoc()})))
      return signalPassFailure();
    for (unsigned i = 0; i < arguments; ++i) {
      kernel.removeArgAttr(i, "bufferization.writable");
      // The memory plan never lets an operand and a destination of a call share memory.
      kernel.setArgAttr(i, "llvm.noalias", builder.getUnitAttr());
    }

    SmallVector<scf::ForallOp> loops(kernel.getBody().front().getOps<scf::ForallOp>());
    int64_t announced = kernel->getAttrOfType<IntegerAttr>(kTilesAttr).getInt();
    if (loops.size() > 1 || (loops.empty() && announced != 1)) {
      kernel.emitError("expected ")
          << (announced == 1 ? "at most " : "") << "one parallel loop over " << announced
          << " tiles, but got " << loops.size() << " loops";
      return signalPassFailure();
    }
    if (!loops.empty() && failed(flatten(kernel, loops.front(), announced)))
      return signalPassFailure();
    hoistAllocations(kernel);
    expandCopies(kernel);
  }

private:
  /// Replaces the loop nest by one loop over tile numbers [begin, end).
  static LogicalResult flatten(func::FuncOp kernel, scf::ForallOp forall, int64_t announced) {
    auto lower = forall.getStaticLowerBound(), upper = forall.getStaticUpperBound(),
         step = forall.getStaticStep();
    if (ShapedType::isDynamicShape(lower) || ShapedType::isDynamicShape(upper) ||
        ShapedType::isDynamicShape(step) || forall.getNumResults() != 0)
      return forall.emitError("expected a bufferised parallel loop with constant bounds");
    SmallVector<int64_t> trips;
    int64_t tiles = 1;
    for (auto [l, u, s] : llvm::zip(lower, upper, step)) {
      trips.push_back((u - l + s - 1) / s);
      tiles *= trips.back();
    }
    if (tiles != announced)
      return forall.emitError("expected ") << announced << " tiles, but the loop has " << tiles;

    IRRewriter rewriter(kernel.getContext());
    rewriter.setInsertionPoint(forall);
    Location loc = forall.getLoc();
    Value one = arith::ConstantIndexOp::create(rewriter, loc, 1);
    unsigned last = kernel.getNumArguments() - 1;
    auto loop = scf::ForOp::create(rewriter, loc, kernel.getArgument(last - 1),
                                   kernel.getArgument(last), one);
    rewriter.setInsertionPointToStart(loop.getBody());
    SmallVector<Value> ivs(trips.size());
    Value rest = loop.getInductionVar();
    for (size_t d = trips.size(); d-- > 0;) {
      Value at = rest;
      if (d > 0) {
        Value trip = arith::ConstantIndexOp::create(rewriter, loc, trips[d]);
        at = arith::RemUIOp::create(rewriter, loc, rest, trip);
        rest = arith::DivUIOp::create(rewriter, loc, rest, trip);
      }
      Value scaled = arith::MulIOp::create(rewriter, loc, at,
                                           arith::ConstantIndexOp::create(rewriter, loc, step[d]));
      ivs[d] = arith::AddIOp::create(rewriter, loc, scaled,
                                     arith::ConstantIndexOp::create(rewriter, loc, lower[d]));
    }
    rewriter.eraseOp(forall.getTerminator());
    rewriter.inlineBlockBefore(forall.getBody(), loop.getBody()->getTerminator(), ivs);
    rewriter.eraseOp(forall);
    return success();
  }

  /// Copies between strided buffers become loops: a call of a library function would be an import.
  static void expandCopies(func::FuncOp kernel) {
    SmallVector<memref::CopyOp> copies;
    kernel.walk([&](memref::CopyOp op) { copies.push_back(op); });
    for (memref::CopyOp op : copies) {
      OpBuilder builder(op);
      if (op.getSource() != op.getTarget())
        linalg::makeMemRefCopyOp(builder, op.getLoc(), op.getSource(), op.getTarget());
      op.erase();
    }
  }

  /// Every temporary has a static size and one writer per tile: one buffer per call is enough.
  void hoistAllocations(func::FuncOp kernel) {
    SmallVector<memref::AllocOp> allocations;
    int64_t bytes = 0;
    kernel.walk([&](memref::AllocOp op) {
      if (op.getType().hasStaticShape()) {
        allocations.push_back(op);
        bytes += op.getType().getNumElements() *
                 static_cast<int64_t>((op.getType().getElementTypeBitWidth() + 7) / 8);
      }
    });
    OpBuilder builder(kernel.getContext());
    Block &entry = kernel.getBody().front();
    for (memref::AllocOp op : allocations) {
      builder.setInsertionPointToStart(&entry);
      auto alignment = builder.getI64IntegerAttr(64);
      if (bytes <= maxStackBytes) {
        auto stack =
            memref::AllocaOp::create(builder, op.getLoc(), op.getType(), ValueRange{}, alignment);
        op.replaceAllUsesWith(stack.getResult());
      } else {
        auto heap =
            memref::AllocOp::create(builder, op.getLoc(), op.getType(), ValueRange{}, alignment);
        op.replaceAllUsesWith(heap.getResult());
        builder.setInsertionPoint(entry.getTerminator());
        memref::DeallocOp::create(builder, op.getLoc(), heap);
      }
      op.erase();
    }
  }
};

} // namespace
