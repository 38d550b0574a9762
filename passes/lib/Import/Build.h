//===- Build.h - tensor building blocks of the emitters ---------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// What every operator is made of: pointwise computations with broadcasting folded into indexing
// maps, reductions, reshapes as collapse and expand, transposes, slices and products. All of them
// work on static ranked tensors and cannot fail for operands that fit their description.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Scalar.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::aimc::emit {

using ScalarBody = function_ref<Scalar(ArrayRef<Scalar>)>;
/// A body that also sees where it is: `indices` are linalg.index values of the result's dimensions.
using IndexedBody = function_ref<Scalar(ImplicitLocOpBuilder &, ValueRange indices)>;

inline RankedTensorType typeOf(Value v) { return cast<RankedTensorType>(v.getType()); }
inline ArrayRef<int64_t> shapeOf(Value v) { return typeOf(v).getShape(); }
/// A type as the user reads it in messages.
std::string text(Type type);

Value empty(ImplicitLocOpBuilder &b, RankedTensorType type);
Value filled(ImplicitLocOpBuilder &b, RankedTensorType type, double number);
Value filledWith(ImplicitLocOpBuilder &b, RankedTensorType type, Value scalar);

/// One linalg.generic over `type`; operands broadcast to it from the right as in numpy. Splat
/// constants become scalars of the body.
Value pointwise(ImplicitLocOpBuilder &b, RankedTensorType type, ValueRange operands,
                ScalarBody body);
/// The same with the indexing map of each operand given.
Value pointwiseMapped(ImplicitLocOpBuilder &b, RankedTensorType type, ValueRange operands,
                      ArrayRef<AffineMap> maps, ScalarBody body);
/// One linalg.generic over `type` without operands; the body reads by tensor.extract.
Value generate(ImplicitLocOpBuilder &b, RankedTensorType type, IndexedBody body);

/// Map from the dimensions of a reduction's operand to those that stay.
AffineMap keptDims(MLIRContext *context, int64_t rank, ArrayRef<int64_t> reduced);
/// Folds `operands[0]` over the sorted `axes` starting from `init`; the result lacks these
/// dimensions. Further operands have either the rank of the first or of the result. The body gets
/// the elements, then the accumulator.
Value reduce(ImplicitLocOpBuilder &b, ValueRange operands, ArrayRef<int64_t> axes, Type type,
             double init, ScalarBody body);

/// Sum of body(elements), reassociated so that it can be vectorised.
Value reduceSum(ImplicitLocOpBuilder &b, ValueRange operands, ArrayRef<int64_t> axes,
                function_ref<Scalar(ArrayRef<Scalar>)> body);
/// Largest element over `axes`, where a NaN makes the whole row NaN by later use anyway.
Value reduceMaxIgnoringNaN(ImplicitLocOpBuilder &b, Value operand, ArrayRef<int64_t> axes);

/// Same elements in another shape: at most one collapse and one expand.
Value reshape(ImplicitLocOpBuilder &b, Value v, ArrayRef<int64_t> shape);
Value transpose(ImplicitLocOpBuilder &b, Value v, ArrayRef<int64_t> permutation);
Value broadcast(ImplicitLocOpBuilder &b, Value v, ArrayRef<int64_t> shape);
Value slice(ImplicitLocOpBuilder &b, Value v, ArrayRef<int64_t> offsets, ArrayRef<int64_t> sizes,
            ArrayRef<int64_t> strides = {});
/// `part` written into `whole` at `offsets`.
Value insert(ImplicitLocOpBuilder &b, Value part, Value whole, ArrayRef<int64_t> offsets);
Value castElements(ImplicitLocOpBuilder &b, Value v, Type type);

/// Rank-2 product on a zero-filled destination; a transposed side is read through its map.
Value matmul(ImplicitLocOpBuilder &b, Value lhs, Value rhs, bool transposeLhs = false,
             bool transposeRhs = false);
/// numpy.matmul of operands of rank >= 2.
Value batchMatmul(ImplicitLocOpBuilder &b, Value lhs, Value rhs);

/// Softmax (or its logarithm) over one axis; a row of -inf gives NaN as in onnxruntime.
Value softmax(ImplicitLocOpBuilder &b, Value x, int64_t axis, bool logarithm = false);

/// An index value from a scalar tensor index: negatives count from the end, then clamped.
Value wrapIndex(ImplicitLocOpBuilder &b, Value index, int64_t size);
Value indexConstant(ImplicitLocOpBuilder &b, int64_t number);

/// Shape of two shapes broadcast together, or nothing where they do not fit.
std::optional<SmallVector<int64_t>> broadcastShapes(ArrayRef<int64_t> a, ArrayRef<int64_t> b);

} // namespace mlir::aimc::emit
