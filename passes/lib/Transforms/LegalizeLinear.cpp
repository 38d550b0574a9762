//===- LegalizeLinear.cpp - constant-matrix products to aimc.linear -------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Rewrites every LinearProduct (Analysis/LinearProduct.h) to an aimc.linear on rank-2 tensors and
// its constant to an aimc.weight. The value is unchanged up to the order of additions: the input is
// permuted and collapsed to [m, k], the destination to [m, n], and the result is brought back. One
// constant that is read in one way is one weight, however many products read it.
//
//===----------------------------------------------------------------------===//
#include "Remarks.h"
#include "aimc/Analysis/LinearProduct.h"
#include "aimc/IR/AIMC.h"
#include "aimc/Transforms/Names.h"
#include "aimc/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace mlir::aimc {
#define GEN_PASS_DEF_LEGALIZELINEAR
#include "aimc/Transforms/Passes.h.inc"
} // namespace mlir::aimc

using namespace mlir;
using namespace mlir::aimc;

/// Constants of fewer elements are printed in the module's text instead of as a resource.
static constexpr int64_t kMinResourceElements = 64;

/// Brings the dimensions into the order `permutation` (result dim i is dim permutation[i]).
static Value permute(OpBuilder &builder, Location loc, Value value, ArrayRef<int64_t> permutation) {
  if (isIdentityPermutation(permutation))
    return value;
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> shape = applyPermutation(type.getShape(), permutation);
  Value empty = tensor::EmptyOp::create(builder, loc, shape, type.getElementType());
  return linalg::TransposeOp::create(builder, loc, value, empty, permutation)->getResult(0);
}

/// Reassociation of `rank` dims to a matrix whose rows are the first `split` dims.
static SmallVector<ReassociationIndices> matrixGroups(int64_t rank, int64_t split) {
  SmallVector<ReassociationIndices> groups(2);
  for (int64_t d = 0; d < rank; ++d)
    groups[d < split ? 0 : 1].push_back(d);
  return groups;
}

static SmallVector<ReassociationIndices> oneGroup(int64_t rank) {
  SmallVector<ReassociationIndices> groups;
  if (rank > 0)
    groups.emplace_back(llvm::to_vector(llvm::seq<int64_t>(0, rank)));
  return groups;
}

/// Collapses `value` to rows x cols; `split` dims make up the rows, and either side may have none.
static Value toMatrix(OpBuilder &builder, Location loc, Value value, int64_t split, int64_t rows,
                      int64_t cols) {
  auto type = cast<RankedTensorType>(value.getType());
  auto matrix = RankedTensorType::get({rows, cols}, type.getElementType());
  int64_t rank = type.getRank();
  if (split > 0 && split < rank)
    return rank == 2 ? value
                     : tensor::CollapseShapeOp::create(builder, loc, matrix, value,
                                                       matrixGroups(rank, split));
  if (rank > 1) {
    auto flat = RankedTensorType::get({rows * cols}, type.getElementType());
    value = tensor::CollapseShapeOp::create(builder, loc, flat, value, oneGroup(rank));
    rank = 1;
  }
  return tensor::ExpandShapeOp::create(
      builder, loc, matrix, value, rank == 0 ? SmallVector<ReassociationIndices>{} : oneGroup(2));
}

/// The opposite of toMatrix.
static Value fromMatrix(OpBuilder &builder, Location loc, Value value, int64_t split,
                        RankedTensorType type) {
  int64_t rank = type.getRank();
  if (split > 0 && split < rank)
    return rank == 2 ? value
                     : tensor::ExpandShapeOp::create(builder, loc, type, value,
                                                     matrixGroups(rank, split));
  auto flat = RankedTensorType::get({type.getNumElements()}, type.getElementType());
  if (rank == 0)
    return tensor::CollapseShapeOp::create(builder, loc, type, value,
                                           SmallVector<ReassociationIndices>{});
  value = tensor::CollapseShapeOp::create(builder, loc, flat, value, oneGroup(2));
  return rank == 1 ? value
                   : tensor::ExpandShapeOp::create(builder, loc, type, value, oneGroup(rank));
}

/// Erases `candidates` and what only they used; products are left to their own rewrite.
static void eraseDead(SmallVector<Operation *> candidates) {
  llvm::SetVector<Operation *> worklist(candidates.begin(), candidates.end());
  while (!worklist.empty()) {
    Operation *op = worklist.pop_back_val();
    auto structured = dyn_cast<linalg::LinalgOp>(op);
    if (!isOpTriviallyDead(op) || (structured && isProduct(structured)))
      continue;
    for (Value operand : op->getOperands())
      if (Operation *producer = operand.getDefiningOp())
        worklist.insert(producer);
    op->erase();
  }
}

namespace {
/// The weights of one module, and the rewrite of its products.
class Legalizer {
public:
  explicit Legalizer(ModuleOp module);
  void rewrite(linalg::LinalgOp product, const LinearProduct &match);
  int64_t numWeights() const;

private:
  struct KnownWeight {
    int64_t offset;
    DimNest rows, cols;
    WeightOp op;
  };
  WeightOp getOrCreateWeight(linalg::LinalgOp product, const LinearProduct &match);

  ModuleOp module;
  SymbolTable symbols;
  Block::iterator nextWeight; ///< weights keep the order in which they were met
  llvm::DenseMap<Attribute, SmallVector<KnownWeight, 1>> weightsOf;
  int64_t unnamed = 0;
};

struct LegalizeLinearPass : aimc::impl::LegalizeLinearBase<LegalizeLinearPass> {
  using Base::Base;
  void runOnOperation() override;
};
} // namespace

Legalizer::Legalizer(ModuleOp module) : module(module), symbols(module) {
  nextWeight = llvm::find_if(*module.getBody(),
                             [](Operation &op) { return !isa<TargetOp, WeightOp, TileOp>(op); });
}

int64_t Legalizer::numWeights() const {
  int64_t count = 0;
  for (auto &[constant, known] : weightsOf)
    count += known.size();
  return count;
}

WeightOp Legalizer::getOrCreateWeight(linalg::LinalgOp product, const LinearProduct &match) {
  ElementsAttr constant = match.constant.constant;
  SmallVector<KnownWeight, 1> &known = weightsOf[constant];
  for (KnownWeight &weight : known)
    if (weight.offset == match.constant.offset && weight.rows == match.rows &&
        weight.cols == match.cols && weight.op.numRows() == match.k &&
        weight.op.numCols() == match.n)
      return weight.op;

  std::string name = symbolNameOf(product.getLoc());
  if (name.empty())
    name = symbolNameOf(match.constant.loc);
  if (name.empty())
    name = "weight_" + std::to_string(unnamed++);

  auto type = RankedTensorType::get({match.k, match.n}, Float32Type::get(module.getContext()));
  Attribute value = constant;
  if (match.inPlace) {
    auto stored = match.transposed ? type.clone({match.n, match.k}) : type;
    if (constant.getShapedType() != stored) {
      if (auto resource = dyn_cast<DenseResourceElementsAttr>(constant))
        value = DenseResourceElementsAttr::get(stored, resource.getRawHandle());
      else
        value = cast<DenseElementsAttr>(constant).reshape(stored);
    }
  } else {
    // matchLinearProduct has checked that the data can be read.
    FailureOr<SmallVector<float, 0>> data =
        readMatrix(constant, match.constant.offset, match.rows, match.cols);
    assert(succeeded(data) && "checked by the match");
    if (type.getNumElements() < kMinResourceElements)
      value = DenseElementsAttr::get(type, ArrayRef<float>(*data));
    else
      value = DenseResourceElementsAttr::get(
          type, name, HeapAsmResourceBlob::allocateAndCopyInferAlign(ArrayRef<float>(*data)));
  }

  OpBuilder builder(module.getBody(), nextWeight);
  auto weight = WeightOp::create(builder, product.getLoc(), name, type, value, match.transposed);
  if (match.inPlace && match.constant.initializer)
    weight->setAttr(kInitializerAttr, match.constant.initializer);
  symbols.insert(weight, nextWeight);
  known.push_back({match.constant.offset, match.rows, match.cols, weight});
  return weight;
}

void Legalizer::rewrite(linalg::LinalgOp product, const LinearProduct &match) {
  WeightOp weight = getOrCreateWeight(product, match);
  OpBuilder builder(product);
  Location loc = product.getLoc();
  Value init = product.getDpsInitOperand(0)->get();
  auto type = cast<RankedTensorType>(init.getType());
  auto matrix = RankedTensorType::get({match.m, match.n}, type.getElementType());

  Value x = permute(builder, loc, match.input->get(), match.inputPermutation);
  x = toMatrix(builder, loc, x, match.mRank, match.m, match.k);

  Value y;
  auto fill = init.getDefiningOp<linalg::FillOp>();
  if (fill && type != matrix) {
    // A fill has no layout: fill the matrix itself instead of reshaping a filled tensor.
    Value empty = tensor::EmptyOp::create(builder, loc, matrix.getShape(), type.getElementType());
    y = linalg::FillOp::create(builder, loc, fill.getInputs(), empty).getResult(0);
  } else {
    y = permute(builder, loc, init, match.outputPermutation);
    y = toMatrix(builder, loc, y, match.mRank, match.m, match.n);
  }
  y = LinearOp::create(builder, loc, weight.getSymName(), x, y)->getResult(0);

  auto canonical = RankedTensorType::get(applyPermutation(type.getShape(), match.outputPermutation),
                                         type.getElementType());
  y = fromMatrix(builder, loc, y, match.mRank, canonical);
  y = permute(builder, loc, y, invertPermutationVector(match.outputPermutation));

  SmallVector<Operation *> producers;
  for (Value operand : product->getOperands())
    if (Operation *producer = operand.getDefiningOp())
      producers.push_back(producer);
  product->getResult(0).replaceAllUsesWith(y);
  product->erase();
  eraseDead(producers);
}

void LegalizeLinearPass::runOnOperation() {
  ModuleOp module = getOperation();
  SmallVector<linalg::LinalgOp> products;
  module.walk([&](linalg::LinalgOp op) {
    // Weights are symbols of this module; a nested one is another pass run.
    if (isProduct(op) && SymbolTable::getNearestSymbolTable(op) == module)
      products.push_back(op);
  });
  Legalizer legalizer(module);
  int64_t analog = 0;
  for (linalg::LinalgOp product : products) {
    Decline decline;
    FailureOr<LinearProduct> match = matchLinearProduct(product, decline);
    if (failed(match)) {
      remark::missed(product.getLoc(), remarkOf(getArgument(), product))
          << remark::add("stays digital: {0}", decline.reason);
      continue;
    }
    legalizer.rewrite(product, *match);
    ++analog;
  }
  remark::analysis(module.getLoc(), remarkOf(getArgument()))
      << remark::metric("products", static_cast<int64_t>(products.size()))
      << remark::metric("linear", analog) << remark::metric("weights", legalizer.numWeights());
}
