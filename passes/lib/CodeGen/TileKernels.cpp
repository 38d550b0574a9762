//===- TileKernels.cpp - parallel tiles and register tiles ----------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Two levels. Outer: the tiles that the runtime hands to threads, one scf.forall, with the kernel's
// row-wise producers fused in. Inner, for contractions only: register tiles (accumulators of
// 8 x 32 f32 for 512-bit vectors, 4 x 16 for 256-bit ones), one step along the contracted
// dimension, with ragged ends peeled into loops of their own so that every vector has a static
// shape. Row-wise kernels are left to LLVM's loop vectoriser, which does them as well.
//
//===----------------------------------------------------------------------===//

#include "Cluster.h"
#include "aimc/CodeGen/Passes.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/Patterns.h"
#include "mlir/Dialect/SCF/Transforms/TileUsingInterface.h"
#include "mlir/Dialect/SCF/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/Vector/Transforms/LoweringPatterns.h"
#include "mlir/Dialect/Vector/Transforms/VectorRewritePatterns.h"
#include "mlir/IR/Dominance.h"
#include "mlir/Transforms/CSE.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::aimc {
#define GEN_PASS_DEF_TILEKERNELS
#include "aimc/CodeGen/Passes.h.inc"
} // namespace mlir::aimc

using namespace mlir;
using namespace mlir::aimc;

namespace {

class TileKernelsPass : public ::mlir::aimc::impl::TileKernelsBase<TileKernelsPass> {
public:
  using TileKernelsBase::TileKernelsBase;

  void runOnOperation() override {
    func::FuncOp kernel = getOperation();
    if (!kernel->hasAttr(kKernelAttr) || kernel.isDeclaration())
      return;
    if (failed(makeParallelTiles(kernel)) || failed(makeRegisterTiles(kernel)))
      return signalPassFailure();
  }

private:
  LogicalResult makeParallelTiles(func::FuncOp kernel) {
    auto sizes = kernel->getAttrOfType<DenseI64ArrayAttr>(kTileSizesAttr);
    if (!sizes || llvm::all_of(sizes.asArrayRef(), [](int64_t s) { return s == 0; }))
      return success();
    auto terminator = cast<func::ReturnOp>(kernel.getBody().front().getTerminator());
    auto anchor = terminator.getOperand(0).getDefiningOp<linalg::LinalgOp>();
    if (!anchor || static_cast<int64_t>(sizes.size()) != anchor.getNumLoops())
      return kernel.emitError("expected one tile size for each loop of the returned operation");

    IRRewriter rewriter(kernel.getContext());
    scf::SCFTileAndFuseOptions options;
    scf::SCFTilingOptions tiling;
    tiling.setLoopType(scf::SCFTilingOptions::LoopType::ForallOp);
    tiling.setTileSizes(getAsIndexOpFoldResult(kernel.getContext(), sizes.asArrayRef()));
    options.setTilingOptions(tiling);
    rewriter.setInsertionPoint(anchor);
    FailureOr<scf::SCFTileAndFuseResult> tiled = scf::tileConsumerAndFuseProducersUsingSCF(
        rewriter, cast<TilingInterface>(anchor.getOperation()), options);
    if (failed(tiled))
      return kernel.emitError("a digital operation could not be split into tiles");
    for (Value result : anchor->getResults())
      if (Value replacement = tiled->replacements.lookup(result))
        rewriter.replaceAllUsesWith(result, replacement);
    return cleanUp(kernel);
  }

  LogicalResult makeRegisterTiles(func::FuncOp kernel) {
    SmallVector<linalg::LinalgOp> contractions;
    kernel.walk([&](linalg::LinalgOp op) {
      if (isContraction(op))
        contractions.push_back(op);
    });
    if (contractions.empty())
      return success();

    // One batch element is a plain product.
    RewritePatternSet rank(kernel.getContext());
    linalg::populateContractionOpRankReducingPatterns(rank);
    if (failed(applyPatternsGreedily(kernel, std::move(rank))) || failed(cleanUp(kernel)))
      return failure();

    IRRewriter rewriter(kernel.getContext());
    contractions.clear();
    kernel.walk([&](linalg::LinalgOp op) {
      if (isContraction(op))
        contractions.push_back(op);
    });
    for (linalg::LinalgOp op : contractions)
      if (failed(splitIntoRegisters(rewriter, op)))
        return failure();
    if (failed(cleanUp(kernel)))
      return failure();

    contractions.clear();
    kernel.walk([&](linalg::LinalgOp op) {
      if (isContraction(op))
        contractions.push_back(op);
    });
    for (linalg::LinalgOp op : contractions)
      if (!op.hasDynamicShape())
        vectorize(rewriter, op);

    RewritePatternSet patterns(kernel.getContext());
    vector::populateVectorReductionToContractPatterns(patterns);
    vector::populateVectorTransferPermutationMapLoweringPatterns(patterns);
    vector::populateCastAwayVectorLeadingOneDimPatterns(patterns);
    if (failed(applyPatternsGreedily(kernel, std::move(patterns))))
      return failure();
    return cleanUp(kernel);
  }

  /// An operation that is not vectorised stays correct: it becomes plain loops.
  static void vectorize(IRRewriter &rewriter, linalg::LinalgOp op) {
    rewriter.setInsertionPoint(op);
    FailureOr<linalg::VectorizationResult> result = linalg::vectorize(rewriter, op);
    if (succeeded(result))
      rewriter.replaceOp(op, result->replacements);
  }

  LogicalResult splitIntoRegisters(IRRewriter &rewriter, linalg::LinalgOp op) {
    auto dims = linalg::inferContractionDims(op);
    if (failed(dims))
      return success();
    int64_t lanes = std::max<int64_t>(4, vectorBits / 32);
    int64_t rows = vectorBits >= 512 ? 8 : 4;
    SmallVector<int64_t> extents = op.getStaticLoopRanges();
    SmallVector<int64_t> sizes(extents.size(), 1);
    // The innermost n and m carry the register tile; further ones go one by one.
    if (!dims->n.empty())
      sizes[dims->n.back()] = std::min(extents[dims->n.back()], 2 * lanes);
    if (!dims->m.empty())
      sizes[dims->m.back()] = std::min(extents[dims->m.back()], rows);
    scf::SCFTilingOptions tiling;
    tiling.setTileSizes(getAsIndexOpFoldResult(op.getContext(), sizes));
    rewriter.setInsertionPoint(op);
    FailureOr<scf::SCFTilingResult> tiled =
        scf::tileUsingSCF(rewriter, cast<TilingInterface>(op.getOperation()), tiling);
    if (failed(tiled))
      return op->emitError("a contraction could not be split into register tiles");
    rewriter.replaceOp(op, tiled->replacements);

    // Peel from the inside out, so that an outer loop's copy holds peeled inner loops.
    for (LoopLikeOpInterface loop : llvm::reverse(tiled->loops)) {
      auto forOp = cast<scf::ForOp>(loop.getOperation());
      scf::ForOp rest;
      (void)scf::peelForLoopAndSimplifyBounds(rewriter, forOp, rest);
    }
    return success();
  }

  static LogicalResult cleanUp(func::FuncOp kernel) {
    MLIRContext *context = kernel.getContext();
    RewritePatternSet patterns(context);
    linalg::populateLinalgTilingCanonicalizationPatterns(patterns);
    scf::populateSCFForLoopCanonicalizationPatterns(patterns);
    tensor::populateFoldTensorEmptyPatterns(patterns);
    for (Dialect *dialect : context->getLoadedDialects())
      if (isa<affine::AffineDialect, arith::ArithDialect, linalg::LinalgDialect, scf::SCFDialect,
              tensor::TensorDialect, vector::VectorDialect>(dialect))
        dialect->getCanonicalizationPatterns(patterns);
    for (RegisteredOperationName name : context->getRegisteredOperations())
      if (isa<affine::AffineDialect, arith::ArithDialect, linalg::LinalgDialect, scf::SCFDialect,
              tensor::TensorDialect, vector::VectorDialect>(name.getDialect()))
        name.getCanonicalizationPatterns(patterns, context);
    if (failed(applyPatternsGreedily(kernel, std::move(patterns))))
      return kernel.emitError("simplification of a kernel did not converge");
    IRRewriter rewriter(context);
    DominanceInfo dominance(kernel);
    eliminateCommonSubExpressions(rewriter, dominance, kernel);
    return success();
  }
};

} // namespace
