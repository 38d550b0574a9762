//===- BuildShape.cpp - reshapes, slices and products ---------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The building blocks that move data or reinterpret its shape, and the products on top of them:
// a product's leading dimensions are collapsed to one, so that code generation and tile mapping
// see rank-2 and rank-3 operations only.
//
//===----------------------------------------------------------------------===//
#include "Build.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mlir::aimc::emit {

Value indexConstant(ImplicitLocOpBuilder &b, int64_t number) {
  return arith::ConstantIndexOp::create(b, number);
}

/// Splits two shapes of equally many elements into the finest groups of equal product. A trailing
/// run of ones joins the last group.
static void groupDims(ArrayRef<int64_t> from, ArrayRef<int64_t> to,
                      SmallVectorImpl<ReassociationIndices> &fromGroups,
                      SmallVectorImpl<ReassociationIndices> &toGroups,
                      SmallVectorImpl<int64_t> &sizes) {
  size_t i = 0, j = 0;
  while (i < from.size() && j < to.size()) {
    ReassociationIndices fromGroup, toGroup;
    int64_t fromSize = from[i], toSize = to[j];
    fromGroup.push_back(i++);
    toGroup.push_back(j++);
    while (fromSize != toSize) {
      if (fromSize < toSize) {
        fromSize *= from[i];
        fromGroup.push_back(i++);
      } else {
        toSize *= to[j];
        toGroup.push_back(j++);
      }
    }
    fromGroups.push_back(fromGroup);
    toGroups.push_back(toGroup);
    sizes.push_back(fromSize);
  }
  for (; i < from.size(); ++i)
    fromGroups.back().push_back(i);
  for (; j < to.size(); ++j)
    toGroups.back().push_back(j);
}

Value reshape(ImplicitLocOpBuilder &b, Value v, ArrayRef<int64_t> shape) {
  ArrayRef<int64_t> from = shapeOf(v);
  Type element = typeOf(v).getElementType();
  if (from == shape)
    return v;
  auto resultType = RankedTensorType::get(shape, element);
  if (resultType.getNumElements() == 0)
    return empty(b, resultType);
  SmallVector<ReassociationIndices> fromGroups, toGroups;
  if (shape.empty())
    return tensor::CollapseShapeOp::create(b, resultType, v, fromGroups);
  if (from.empty())
    return tensor::ExpandShapeOp::create(b, resultType, v, toGroups);
  SmallVector<int64_t> sizes;
  groupDims(from, shape, fromGroups, toGroups, sizes);
  if (sizes.size() != from.size())
    v = tensor::CollapseShapeOp::create(b, RankedTensorType::get(sizes, element), v, fromGroups);
  if (sizes.size() != shape.size())
    v = tensor::ExpandShapeOp::create(b, resultType, v, toGroups);
  return v;
}

Value transpose(ImplicitLocOpBuilder &b, Value v, ArrayRef<int64_t> permutation) {
  if (llvm::equal(permutation, llvm::seq<int64_t>(0, permutation.size())))
    return v;
  ArrayRef<int64_t> from = shapeOf(v);
  SmallVector<int64_t> shape, source(permutation.size());
  for (auto [d, p] : llvm::enumerate(permutation)) {
    shape.push_back(from[p]);
    source[p] = d;
  }
  SmallVector<AffineExpr> results;
  for (int64_t d : source)
    results.push_back(b.getAffineDimExpr(d));
  auto map = AffineMap::get(permutation.size(), 0, results, b.getContext());
  return pointwiseMapped(b, RankedTensorType::get(shape, typeOf(v).getElementType()), v, map,
                         [](ArrayRef<Scalar> e) { return e[0]; });
}

Value broadcast(ImplicitLocOpBuilder &b, Value v, ArrayRef<int64_t> shape) {
  if (shapeOf(v) == shape)
    return v;
  return pointwise(b, RankedTensorType::get(shape, typeOf(v).getElementType()), v,
                   [](ArrayRef<Scalar> e) { return e[0]; });
}

Value castElements(ImplicitLocOpBuilder &b, Value v, Type type) {
  if (typeOf(v).getElementType() == type)
    return v;
  return pointwise(b, RankedTensorType::get(shapeOf(v), type), v,
                   [&](ArrayRef<Scalar> e) { return convert(e[0], type); });
}

static SmallVector<OpFoldResult> asFold(OpBuilder &b, ArrayRef<int64_t> numbers) {
  return llvm::map_to_vector(numbers, [&](int64_t n) { return OpFoldResult(b.getIndexAttr(n)); });
}

Value slice(ImplicitLocOpBuilder &b, Value v, ArrayRef<int64_t> offsets, ArrayRef<int64_t> sizes,
            ArrayRef<int64_t> strides) {
  SmallVector<int64_t> ones(sizes.size(), 1);
  if (strides.empty())
    strides = ones;
  if (shapeOf(v) == sizes)
    return v;
  return tensor::ExtractSliceOp::create(b, v, asFold(b, offsets), asFold(b, sizes),
                                        asFold(b, strides));
}

Value insert(ImplicitLocOpBuilder &b, Value part, Value whole, ArrayRef<int64_t> offsets) {
  SmallVector<int64_t> ones(offsets.size(), 1);
  return tensor::InsertSliceOp::create(b, part, whole, asFold(b, offsets), asFold(b, shapeOf(part)),
                                       asFold(b, ones));
}

Value matmul(ImplicitLocOpBuilder &b, Value lhs, Value rhs, bool transposeLhs, bool transposeRhs) {
  int64_t rows = shapeOf(lhs)[transposeLhs ? 1 : 0];
  int64_t columns = shapeOf(rhs)[transposeRhs ? 0 : 1];
  auto type = RankedTensorType::get({rows, columns}, typeOf(lhs).getElementType());
  auto op = linalg::MatmulOp::create(b, TypeRange{type}, ValueRange{lhs, rhs},
                                     ValueRange{filled(b, type, 0.0)});
  if (transposeLhs || transposeRhs) {
    AffineExpr m = b.getAffineDimExpr(0), n = b.getAffineDimExpr(1), k = b.getAffineDimExpr(2);
    auto map = [&](AffineExpr x, AffineExpr y, bool swap) {
      return swap ? AffineMap::get(3, 0, {y, x}, b.getContext())
                  : AffineMap::get(3, 0, {x, y}, b.getContext());
    };
    op.setIndexingMapsAttr(b.getAffineMapArrayAttr(
        {map(m, k, transposeLhs), map(k, n, transposeRhs), map(m, n, false)}));
  }
  return op.getResult(0);
}

static int64_t product(ArrayRef<int64_t> sizes) {
  return std::accumulate(sizes.begin(), sizes.end(), int64_t(1), std::multiplies<>());
}

Value batchMatmul(ImplicitLocOpBuilder &b, Value lhs, Value rhs) {
  SmallVector<int64_t> left(shapeOf(lhs)), right(shapeOf(rhs));
  auto batch = *broadcastShapes(ArrayRef(left).drop_back(2), ArrayRef(right).drop_back(2));
  int64_t rows = left[left.size() - 2], inner = left.back(), columns = right.back();
  SmallVector<int64_t> shape(batch);
  shape.append({rows, columns});
  int64_t rightBatch = product(ArrayRef(right).drop_back(2));
  if (rightBatch == 1 && right.size() <= shape.size() && left.size() == shape.size()) {
    Value flat = reshape(b, lhs, {product(ArrayRef(left).drop_back()), inner});
    return reshape(b, matmul(b, flat, reshape(b, rhs, {inner, columns})), shape);
  }
  auto flatten = [&](Value v, int64_t m, int64_t n) {
    SmallVector<int64_t> full(batch);
    full.append({m, n});
    // Leading ones may differ in number; only a true repetition is materialised.
    if (typeOf(v).getNumElements() != product(full))
      v = broadcast(b, v, full);
    return reshape(b, v, {product(batch), m, n});
  };
  Value flatLeft = flatten(lhs, rows, inner), flatRight = flatten(rhs, inner, columns);
  auto type = RankedTensorType::get({product(batch), rows, columns}, typeOf(lhs).getElementType());
  Value result = linalg::BatchMatmulOp::create(b, TypeRange{type}, ValueRange{flatLeft, flatRight},
                                               ValueRange{filled(b, type, 0.0)})
                     .getResult(0);
  return reshape(b, result, shape);
}

Value wrapIndex(ImplicitLocOpBuilder &b, Value index, int64_t size) {
  Value i = index.getType().isIndex()
                ? index
                : arith::IndexCastOp::create(b, b.getIndexType(), index).getResult();
  Value zero = indexConstant(b, 0);
  Value negative = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, i, zero);
  Value fromEnd = arith::AddIOp::create(b, i, indexConstant(b, size));
  Value wrapped = arith::SelectOp::create(b, negative, fromEnd, i);
  Value lower = arith::MaxSIOp::create(b, wrapped, zero);
  return arith::MinSIOp::create(b, lower, indexConstant(b, size - 1));
}

std::optional<SmallVector<int64_t>> broadcastShapes(ArrayRef<int64_t> a, ArrayRef<int64_t> b) {
  if (a.size() < b.size())
    std::swap(a, b);
  SmallVector<int64_t> shape(a);
  size_t lead = a.size() - b.size();
  for (auto [i, size] : llvm::enumerate(b)) {
    int64_t &target = shape[lead + i];
    if (target == 1)
      target = size;
    else if (size != 1 && size != target)
      return std::nullopt;
  }
  return shape;
}

} // namespace mlir::aimc::emit
