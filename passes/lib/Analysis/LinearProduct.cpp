//===- LinearProduct.cpp - products with a constant matrix ----------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A loop that both operands and the result read is a batch loop; when the constant is the same all
// along it (a broadcast weight) it is one more row of the input. The order of the k loops is the
// input's and that of the m and n loops is the result's, so that run-time data is permuted only
// where no order avoids it; the constant, which is arranged once, follows.
//
//===----------------------------------------------------------------------===//
#include "aimc/Analysis/LinearProduct.h"
#include "aimc/Analysis/Selection.h"
#include "aimc/IR/AIMC.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace mlir::aimc;

bool mlir::aimc::isProduct(linalg::LinalgOp op) {
  if (op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1)
    return false;
  Block *body = op.getBlock();
  if (body->getNumArguments() != 3 || !llvm::hasNItems(*body, 3))
    return false;
  auto add = body->getTerminator()->getOperand(0).getDefiningOp<arith::AddFOp>();
  if (!add)
    return false;
  auto isProductOfInputs = [&](Value value) {
    auto mul = value.getDefiningOp<arith::MulFOp>();
    Value a = body->getArgument(0), b = body->getArgument(1);
    return mul &&
           ((mul.getLhs() == a && mul.getRhs() == b) || (mul.getLhs() == b && mul.getRhs() == a));
  };
  Value out = body->getArgument(2);
  return (add.getLhs() == out && isProductOfInputs(add.getRhs())) ||
         (add.getRhs() == out && isProductOfInputs(add.getLhs()));
}

int64_t mlir::aimc::countMacs(linalg::LinalgOp op) {
  int64_t macs = 1;
  for (int64_t range : op.getStaticLoopRanges()) {
    if (ShapedType::isDynamic(range))
      return 0;
    macs *= range;
  }
  return macs;
}

/// Position of each loop in the operand of `map`, -1 where it does not read it. Zeros (a dimension
/// of one element) are allowed; anything else fails.
static FailureOr<SmallVector<int64_t>> loopPositions(AffineMap map) {
  SmallVector<int64_t> positions(map.getNumDims(), -1);
  for (auto [position, expr] : llvm::enumerate(map.getResults())) {
    if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
      if (positions[dim.getPosition()] != -1)
        return failure();
      positions[dim.getPosition()] = position;
      continue;
    }
    auto zero = dyn_cast<AffineConstantExpr>(expr);
    if (!zero || zero.getValue() != 0)
      return failure();
  }
  return positions;
}

/// Finds out whether the weight can be read in place.
static void arrange(LinearProduct &product) {
  product.rows = simplify(product.rows);
  product.cols = simplify(product.cols);
  ElementsAttr constant = product.constant.constant;
  if (product.rows.size() > 1 || product.cols.size() > 1 || product.constant.offset != 0 ||
      product.k * product.n != constant.getShapedType().getNumElements())
    return;
  int64_t k = product.k, n = product.n;
  auto strideIs = [](ArrayRef<StridedDim> nest, int64_t stride) {
    return nest.empty() || nest.front().stride == stride;
  };
  if (strideIs(product.rows, n) && strideIs(product.cols, 1)) {
    product.inPlace = true;
  } else if (strideIs(product.rows, 1) && strideIs(product.cols, k)) {
    product.inPlace = product.transposed = true;
  }
}

static FailureOr<LinearProduct> match(linalg::LinalgOp op, OpOperand *input, OpOperand *weight,
                                      ConstantView view, std::string &reason) {
  OpOperand *init = op.getDpsInitOperand(0);
  auto x = loopPositions(op.getMatchingIndexingMap(input));
  auto w = loopPositions(op.getMatchingIndexingMap(weight));
  auto y = loopPositions(op.getMatchingIndexingMap(init));
  auto rankOf = [](OpOperand *operand) {
    return cast<ShapedType>(operand->get().getType()).getRank();
  };
  auto count = [](ArrayRef<int64_t> positions) {
    return llvm::count_if(positions, [](int64_t p) { return p != -1; });
  };
  if (failed(x) || failed(w) || failed(y) || count(*x) != rankOf(input) ||
      count(*y) != rankOf(init)) {
    reason = "expected indexing maps that are permutations of loops";
    return failure();
  }

  LinearProduct product{.constant = std::move(view),
                        .rows = {},
                        .cols = {},
                        .inputPermutation = {},
                        .outputPermutation = {}};
  product.input = input;
  product.weight = weight;
  SmallVector<int64_t, 4> ranges = op.getStaticLoopRanges();
  SmallVector<int64_t> mLoops, kLoops, nLoops;
  for (int64_t loop = 0, e = ranges.size(); loop < e; ++loop) {
    bool inX = (*x)[loop] != -1, inW = (*w)[loop] != -1, inY = (*y)[loop] != -1;
    if (inX && inY) {
      if (inW && ranges[loop] != 1 && !repeatsAlong(product.constant, (*w)[loop])) {
        reason = "the constant matrix differs along a batch dimension";
        return failure();
      }
      mLoops.push_back(loop);
    } else if (inX && inW) {
      kLoops.push_back(loop);
    } else if (inW && inY) {
      nLoops.push_back(loop);
    } else {
      reason = "expected every loop in at least two of the operands";
      return failure();
    }
  }
  if (kLoops.empty()) {
    reason = "expected a sum of products, but no loop is reduced";
    return failure();
  }
  auto orderBy = [](SmallVectorImpl<int64_t> &loops, ArrayRef<int64_t> positions) {
    llvm::sort(loops, [&](int64_t a, int64_t b) { return positions[a] < positions[b]; });
  };
  orderBy(mLoops, *y);
  orderBy(nLoops, *y);
  orderBy(kLoops, *x);

  product.mRank = mLoops.size();
  for (int64_t loop : mLoops) {
    product.m *= ranges[loop];
    product.inputPermutation.push_back((*x)[loop]);
    product.outputPermutation.push_back((*y)[loop]);
  }
  for (int64_t loop : kLoops) {
    product.k *= ranges[loop];
    product.inputPermutation.push_back((*x)[loop]);
    llvm::append_range(product.rows, product.constant.dims[(*w)[loop]]);
  }
  for (int64_t loop : nLoops) {
    product.n *= ranges[loop];
    product.outputPermutation.push_back((*y)[loop]);
    llvm::append_range(product.cols, product.constant.dims[(*w)[loop]]);
  }
  arrange(product);
  return product;
}

/// Whether `value` follows from constants alone, by whatever operations, reads of tiles among them.
static bool followsFromConstants(Value value) {
  llvm::SetVector<Value> all;
  all.insert(value);
  for (size_t i = 0; i < all.size(); ++i) {
    Operation *op = all[i].getDefiningOp();
    if (!op || (!isPure(op) && !isa<LinearOp, MvmOp, GridOp>(op)))
      return false;
    all.insert(op->operand_begin(), op->operand_end());
    getUsedValuesDefinedAbove(op->getRegions(), all);
  }
  return true;
}

/// Whether `input` is, for each row of the result, a vector of zeros with a single one at most, so
/// that the product copies a row of the constant.
static bool isLookUp(linalg::LinalgOp op, OpOperand *input) {
  AffineMap result = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  AffineMap map = op.getMatchingIndexingMap(input);
  if (!map.isProjectedPermutation(/*allowZeroInResults=*/true))
    return false;
  llvm::SmallBitVector along(map.getNumResults());
  for (auto [position, expr] : llvm::enumerate(map.getResults()))
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      along[position] = !result.isFunctionOfDim(dim.getPosition());
  return along.any() && isOneHot(input->get(), along);
}

FailureOr<LinearProduct> mlir::aimc::matchLinearProduct(linalg::LinalgOp op, Decline &decline) {
  if (!op.hasPureTensorSemantics()) {
    decline.reason = "expected tensors, but got buffers";
    return failure();
  }
  decline.hasConstant = llvm::any_of(op.getDpsInputs(), [](Value operand) {
    std::string ignored;
    return succeeded(traceConstant(operand, ignored));
  });
  if (op.hasDynamicShape()) {
    decline.reason = "expected static shapes, but got dynamic dimensions";
    return failure();
  }
  for (Value operand : op->getOperands()) {
    Type type = getElementTypeOrSelf(operand.getType());
    if (type.isF32())
      continue;
    llvm::raw_string_ostream(decline.reason) << "expected f32 operands, but got " << type;
    return failure();
  }
  if (countMacs(op) == 0) {
    decline.reason = "expected a product with elements, but got an empty one";
    return failure();
  }
  // The right-hand side first: that is where every front end keeps weights.
  std::string traced;
  for (int side : {1, 0}) {
    OpOperand *weight = op.getDpsInputOperand(side);
    std::string reason;
    FailureOr<ConstantView> view = traceConstant(weight->get(), reason);
    if (failed(view)) {
      if (side == 1)
        traced = reason;
      if (followsFromConstants(weight->get()))
        decline = {std::string(side == 1 ? "the right" : "the left") +
                       "-hand side follows from constants alone, but the model computes it in "
                       "every run",
                   true};
      continue;
    }
    bool isSplat = false;
    if (failed(elementsOf(view->constant, isSplat))) {
      decline = {"the constant's data is not loaded", true};
      return failure();
    }
    OpOperand *input = op.getDpsInputOperand(1 - side);
    if (isLookUp(op, input)) {
      decline = {"its input selects rows of the constant: a look-up, which is exact in digital "
                 "code",
                 false};
      return failure();
    }
    FailureOr<LinearProduct> product = match(op, input, weight, *view, reason);
    if (succeeded(product))
      return product;
    decline = {reason, true};
  }
  if (decline.reason.empty())
    decline.reason = traced == "is computed at run time" ? "both operands are computed at run time"
                                                         : "the right-hand side " + traced;
  return failure();
}
