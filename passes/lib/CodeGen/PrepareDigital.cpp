//===- PrepareDigital.cpp - few, fused digital operations -----------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Named operations of any front end become linalg.generic (contractions stay, their structure is
// what the vectoriser looks for), concatenations become slice copies, and element-wise chains are
// fused. Fusion never repeats work: a producer that a consumer would evaluate several times per
// element is fused only when it is cheap.
//
//===----------------------------------------------------------------------===//

#include "aimc/CodeGen/Passes.h"
#include "aimc/IR/AIMC.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/CSE.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::aimc {
#define GEN_PASS_DEF_PREPAREDIGITAL
#include "aimc/CodeGen/Passes.h.inc"
} // namespace mlir::aimc

using namespace mlir;
using namespace mlir::aimc;

namespace {

constexpr int64_t kMaxFusedInputs = 32;
constexpr size_t kMaxFusedOperations = 64;

bool isExpensive(Operation *op) {
  return isa<math::MathDialect>(op->getDialect()) || isa<arith::DivFOp, tensor::ExtractOp>(op);
}

int64_t iterations(linalg::LinalgOp op) {
  int64_t n = 1;
  for (int64_t extent : op.getStaticLoopRanges())
    n *= ShapedType::isDynamic(extent) ? 1 : extent;
  return n;
}

/// Fuse a producer into its only consumer, unless the consumer has more iterations than the
/// producer and the producer's body is expensive.
bool worthFusing(OpOperand *operand) {
  auto producer = operand->get().getDefiningOp<linalg::LinalgOp>();
  auto consumer = dyn_cast<linalg::LinalgOp>(operand->getOwner());
  if (!producer || !consumer || !producer->hasOneUse())
    return false;
  // Each fusion lists all operands anew, so a sum of thousands would take the square of that.
  if (producer.getNumDpsInputs() + consumer.getNumDpsInputs() > kMaxFusedInputs)
    return false;
  // Likewise each fusion copies both bodies.
  if (producer.getBlock()->getOperations().size() + consumer.getBlock()->getOperations().size() >
      kMaxFusedOperations)
    return false;
  if (iterations(consumer) <= iterations(producer))
    return true;
  return llvm::none_of(producer.getBlock()->without_terminator(),
                       [](Operation &op) { return isExpensive(&op); });
}

bool isZeroFill(Value value) {
  if (value.getDefiningOp<tensor::EmptyOp>())
    return false;
  auto fill = value.getDefiningOp<linalg::FillOp>();
  return fill && (matchPattern(fill.value(), m_AnyZeroFloat()) ||
                  matchPattern(fill.value(), m_PosZeroFloat()));
}

Value zeroTensor(OpBuilder &builder, Location loc, RankedTensorType type) {
  Value zero = arith::ConstantOp::create(builder, loc, builder.getZeroAttr(type.getElementType()));
  Value empty = tensor::EmptyOp::create(builder, loc, type.getShape(), type.getElementType());
  return linalg::FillOp::create(builder, loc, zero, empty).getResult(0);
}

/// The runtime's grid call overwrites its outputs: carried values are added afterwards.
void separateAccumulation(GridOp grid) {
  OpBuilder builder(grid);
  Location loc = grid.getLoc();
  for (auto [i, init] : llvm::enumerate(grid.getInitsMutable())) {
    Value carried = init.get();
    if (isZeroFill(carried))
      continue;
    auto type = cast<RankedTensorType>(carried.getType());
    builder.setInsertionPoint(grid);
    init.set(zeroTensor(builder, loc, type));
    builder.setInsertionPointAfter(grid);
    AffineMap identity = builder.getMultiDimIdentityMap(type.getRank());
    SmallVector<utils::IteratorType> parallel(type.getRank(), utils::IteratorType::parallel);
    Value result = grid->getResult(i);
    Value out = tensor::EmptyOp::create(builder, loc, type.getShape(), type.getElementType());
    auto sum = linalg::GenericOp::create(
        builder, loc, type, ValueRange{result, carried}, out,
        ArrayRef<AffineMap>{identity, identity, identity}, parallel,
        [](OpBuilder &b, Location l, ValueRange args) {
          linalg::YieldOp::create(b, l, arith::AddFOp::create(b, l, args[0], args[1]).getResult());
        });
    result.replaceAllUsesExcept(sum.getResult(0), sum);
  }
}

/// An operation over no iterations leaves its destinations as they are.
void dropEmpty(linalg::LinalgOp op) {
  if (op->getNumResults() == op.getNumDpsInits() &&
      llvm::is_contained(op.getStaticLoopRanges(), 0)) {
    for (auto [result, init] : llvm::zip(op->getResults(), op.getDpsInits()))
      result.replaceAllUsesWith(init);
    op->erase();
  }
}

class PrepareDigitalPass : public ::mlir::aimc::impl::PrepareDigitalBase<PrepareDigitalPass> {
  void runOnOperation() override {
    MLIRContext *context = &getContext();
    ModuleOp module = getOperation();
    module.walk(separateAccumulation);

    RewritePatternSet decompose(context);
    linalg::populateElementwiseToLinalgConversionPatterns(decompose);
    linalg::populateDecomposePadPatterns(decompose);
    tensor::populateDecomposeTensorConcatPatterns(decompose);
    if (failed(applyPatternsGreedily(module, std::move(decompose))))
      return signalPassFailure();

    module.walk(dropEmpty);
    IRRewriter rewriter(context);
    SmallVector<linalg::LinalgOp> named;
    module.walk([&](linalg::LinalgOp op) {
      if (!isa<linalg::GenericOp, linalg::FillOp>(op) &&
          !(linalg::isaContractionOpInterface(op) && op.getNumReductionLoops() > 0))
        named.push_back(op);
    });
    for (linalg::LinalgOp op : named) {
      rewriter.setInsertionPoint(op);
      if (failed(linalg::generalizeNamedOp(rewriter, op))) {
        op->emitError("expected an operation that has a linalg.generic form");
        return signalPassFailure();
      }
    }

    RewritePatternSet fuse(context);
    linalg::populateElementwiseOpsFusionPatterns(fuse, worthFusing);
    linalg::populateEraseUnusedOperandsAndResultsPatterns(fuse);
    linalg::populateInlineConstantOperandsPatterns(fuse);
    linalg::GenericOp::getCanonicalizationPatterns(fuse, context);
    tensor::ExpandShapeOp::getCanonicalizationPatterns(fuse, context);
    tensor::CollapseShapeOp::getCanonicalizationPatterns(fuse, context);
    tensor::EmptyOp::getCanonicalizationPatterns(fuse, context);
    tensor::ExtractSliceOp::getCanonicalizationPatterns(fuse, context);
    GreedyRewriteConfig config;
    config.setUseTopDownTraversal();
    if (failed(applyPatternsGreedily(module, std::move(fuse), config)))
      return signalPassFailure();
    DominanceInfo dominance(module);
    eliminateCommonSubExpressions(rewriter, dominance, module);
  }
};

} // namespace
