//===- Build.cpp - tensor building blocks of the emitters -----------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Pointwise computations, reductions and softmax. Broadcast dimensions read element 0 through a
// constant in the indexing map, so that no broadcast operand is ever materialised.
//
//===----------------------------------------------------------------------===//
#include "Build.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/Matchers.h"
#include <limits>

namespace mlir::aimc::emit {

using utils::IteratorType;

std::string text(Type type) {
  std::string result;
  llvm::raw_string_ostream(result) << type;
  return result;
}

Value empty(ImplicitLocOpBuilder &b, RankedTensorType type) {
  return tensor::EmptyOp::create(b, type.getShape(), type.getElementType());
}

Value filledWith(ImplicitLocOpBuilder &b, RankedTensorType type, Value scalar) {
  return linalg::FillOp::create(b, ValueRange{scalar}, ValueRange{empty(b, type)}).getResult(0);
}

Value filled(ImplicitLocOpBuilder &b, RankedTensorType type, double number) {
  return filledWith(b, type, Scalar::constant(b, type.getElementType(), number));
}

/// The single value of a splat constant as a scalar constant, or null.
static Value splatScalar(ImplicitLocOpBuilder &b, Value v) {
  DenseElementsAttr dense;
  if (!matchPattern(v, m_Constant(&dense)) || !dense.isSplat())
    return {};
  return arith::ConstantOp::create(b, cast<TypedAttr>(dense.getSplatValue<Attribute>()));
}

static AffineMap broadcastMap(MLIRContext *context, ArrayRef<int64_t> from, ArrayRef<int64_t> to) {
  SmallVector<AffineExpr> results;
  size_t lead = to.size() - from.size();
  for (auto [i, size] : llvm::enumerate(from)) {
    bool repeated = size == 1 && to[lead + i] != 1;
    results.push_back(repeated ? getAffineConstantExpr(0, context)
                               : getAffineDimExpr(lead + i, context));
  }
  return AffineMap::get(to.size(), 0, results, context);
}

Value pointwise(ImplicitLocOpBuilder &b, RankedTensorType type, ValueRange operands,
                ScalarBody body) {
  SmallVector<AffineMap> maps;
  for (Value operand : operands)
    maps.push_back(broadcastMap(b.getContext(), shapeOf(operand), type.getShape()));
  return pointwiseMapped(b, type, operands, maps, body);
}

Value pointwiseMapped(ImplicitLocOpBuilder &b, RankedTensorType type, ValueRange operands,
                      ArrayRef<AffineMap> operandMaps, ScalarBody body) {
  SmallVector<Value> inputs, scalars;
  SmallVector<AffineMap> maps;
  for (auto [operand, map] : llvm::zip_equal(operands, operandMaps)) {
    scalars.push_back(splatScalar(b, operand));
    if (scalars.back())
      continue;
    inputs.push_back(operand);
    maps.push_back(map);
  }
  maps.push_back(b.getMultiDimIdentityMap(type.getRank()));
  SmallVector<IteratorType> iterators(type.getRank(), IteratorType::parallel);
  return linalg::GenericOp::create(b, TypeRange{type}, inputs, ValueRange{empty(b, type)}, maps,
                                   iterators,
                                   [&](OpBuilder &nested, Location loc, ValueRange args) {
                                     ImplicitLocOpBuilder inner(loc, nested);
                                     SmallVector<Scalar> elements;
                                     for (Value scalar : scalars)
                                       if (scalar) {
                                         elements.emplace_back(inner, scalar);
                                       } else {
                                         elements.emplace_back(inner, args.front());
                                         args = args.drop_front();
                                       }
                                     linalg::YieldOp::create(inner, ValueRange{body(elements)});
                                   })
      .getResult(0);
}

Value generate(ImplicitLocOpBuilder &b, RankedTensorType type, IndexedBody body) {
  SmallVector<AffineMap> maps{b.getMultiDimIdentityMap(type.getRank())};
  SmallVector<IteratorType> iterators(type.getRank(), IteratorType::parallel);
  return linalg::GenericOp::create(
             b, TypeRange{type}, ValueRange{}, ValueRange{empty(b, type)}, maps, iterators,
             [&](OpBuilder &nested, Location loc, ValueRange) {
               ImplicitLocOpBuilder inner(loc, nested);
               SmallVector<Value> indices;
               for (int64_t d = 0; d < type.getRank(); ++d)
                 indices.push_back(linalg::IndexOp::create(inner, d));
               linalg::YieldOp::create(inner, ValueRange{body(inner, indices)});
             })
      .getResult(0);
}

AffineMap keptDims(MLIRContext *context, int64_t rank, ArrayRef<int64_t> reduced) {
  SmallVector<AffineExpr> results;
  for (int64_t d = 0; d < rank; ++d)
    if (!llvm::is_contained(reduced, d))
      results.push_back(getAffineDimExpr(d, context));
  return AffineMap::get(rank, 0, results, context);
}

Value reduce(ImplicitLocOpBuilder &b, ValueRange operands, ArrayRef<int64_t> axes, Type type,
             double init, ScalarBody body) {
  ArrayRef<int64_t> shape = shapeOf(operands.front());
  int64_t rank = static_cast<int64_t>(shape.size());
  AffineMap kept = keptDims(b.getContext(), rank, axes);
  SmallVector<int64_t> resultShape;
  SmallVector<IteratorType> iterators;
  for (int64_t d = 0; d < rank; ++d) {
    bool reduced = llvm::is_contained(axes, d);
    iterators.push_back(reduced ? IteratorType::reduction : IteratorType::parallel);
    if (!reduced)
      resultShape.push_back(shape[d]);
  }
  SmallVector<AffineMap> maps;
  for (Value operand : operands)
    maps.push_back(typeOf(operand).getRank() == rank ? b.getMultiDimIdentityMap(rank) : kept);
  maps.push_back(kept);
  auto resultType = RankedTensorType::get(resultShape, type);
  return linalg::GenericOp::create(b, TypeRange{resultType}, operands,
                                   ValueRange{filled(b, resultType, init)}, maps, iterators,
                                   [&](OpBuilder &nested, Location loc, ValueRange args) {
                                     ImplicitLocOpBuilder inner(loc, nested);
                                     SmallVector<Scalar> elements;
                                     for (Value arg : args)
                                       elements.emplace_back(inner, arg);
                                     linalg::YieldOp::create(inner, ValueRange{body(elements)});
                                   })
      .getResult(0);
}

Value reduceSum(ImplicitLocOpBuilder &b, ValueRange operands, ArrayRef<int64_t> axes,
                ScalarBody body) {
  constexpr auto flags = arith::FastMathFlags::reassoc | arith::FastMathFlags::contract;
  Type type = typeOf(operands.front()).getElementType();
  return reduce(b, operands, axes, type, 0.0, [&](ArrayRef<Scalar> elements) {
    Scalar term = body(elements.drop_back()), sum = elements.back();
    if (!sum.isFloat())
      return sum + term;
    return sum.with(arith::AddFOp::create(sum.builder(), Value(sum), Value(term), flags));
  });
}

Value reduceMaxIgnoringNaN(ImplicitLocOpBuilder &b, Value operand, ArrayRef<int64_t> axes) {
  constexpr auto flags = arith::FastMathFlags::nnan | arith::FastMathFlags::nsz;
  return reduce(b, operand, axes, typeOf(operand).getElementType(),
                -std::numeric_limits<double>::infinity(), [&](ArrayRef<Scalar> elements) {
                  Scalar x = elements[0], largest = elements[1];
                  return x.with(
                      arith::MaximumFOp::create(x.builder(), Value(largest), Value(x), flags));
                });
}

Value softmax(ImplicitLocOpBuilder &b, Value x, int64_t axis, bool logarithm) {
  RankedTensorType type = typeOf(x);
  AffineMap all = b.getMultiDimIdentityMap(type.getRank());
  AffineMap rows = keptDims(b.getContext(), type.getRank(), axis);
  Value largest = reduceMaxIgnoringNaN(b, x, axis);
  if (logarithm) {
    Value sum = reduceSum(b, {x, largest}, axis,
                          [](ArrayRef<Scalar> e) { return call<math::ExpOp>(e[0] - e[1]); });
    Value offset = pointwise(b, typeOf(sum), {sum},
                             [](ArrayRef<Scalar> e) { return call<math::LogOp>(e[0]); });
    return pointwiseMapped(b, type, {x, largest, offset}, {all, rows, rows},
                           [](ArrayRef<Scalar> e) { return e[0] - e[1] - e[2]; });
  }
  Value exponentials = pointwiseMapped(b, type, {x, largest}, {all, rows}, [](ArrayRef<Scalar> e) {
    return call<math::ExpOp>(e[0] - e[1]);
  });
  Value sum = reduceSum(b, exponentials, axis, [](ArrayRef<Scalar> e) { return e[0]; });
  // One division a row instead of one an element.
  Value scale = pointwise(b, typeOf(sum), {sum}, [](ArrayRef<Scalar> e) { return 1.0 / e[0]; });
  return pointwiseMapped(b, type, {exponentials, scale}, {all, rows},
                         [](ArrayRef<Scalar> e) { return e[0] * e[1]; });
}

} // namespace mlir::aimc::emit
