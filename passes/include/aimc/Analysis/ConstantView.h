//===- ConstantView.h - a constant seen through views -----------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Front ends put transpositions, broadcasts, reshapes and slices between a constant and the
// product that reads it. A ConstantView follows them back and says where each element lies in the
// constant's row-major storage, so that a weight can be read in place instead of being copied.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Location.h"
#include "mlir/IR/Value.h"

#include <optional>
#include <string>

namespace mlir::aimc {

/// On a constant or a weight: the name of the tensor in the model's file whose elements, all of
/// them and in their order, are its own.
inline constexpr llvm::StringLiteral kInitializerAttr = "aimc.initializer";

/// One step of an odometer: `size` positions that lie `stride` elements apart.
struct StridedDim {
  int64_t size = 1;
  int64_t stride = 0;
  bool operator==(const StridedDim &) const = default;
};

/// A dimension is a row-major nest of strided dims; usually one, several after a collapse of
/// dimensions that do not lie next to each other in storage. Stride 0 is a broadcast.
using DimNest = llvm::SmallVector<StridedDim, 2>;

struct ConstantView {
  ElementsAttr constant;
  Location loc;
  int64_t offset = 0;
  llvm::SmallVector<DimNest> dims;
  StringAttr initializer = {}; ///< the constant's name in the model's file, where it has one

  /// True when no element depends on the position along `dim`.
  bool isBroadcast(unsigned dim) const;
};

/// Joins neighbours that one stride describes and drops dims of size 1.
DimNest simplify(llvm::ArrayRef<StridedDim> nest);

/// Number of elements of a nest.
int64_t sizeOf(llvm::ArrayRef<StridedDim> nest);
/// Storage position of a nest's element `i` in row-major order.
int64_t positionAt(llvm::ArrayRef<StridedDim> nest, int64_t i);

/// True when the matrix is the same, bit for bit, at every position along `dim`: a broadcast, or
/// one that a front end has carried out.
bool repeatsAlong(const ConstantView &view, unsigned dim);

/// Follows `value` back to a constant. Fails with a reason where it depends on run-time data or
/// goes through something that is not a view.
FailureOr<ConstantView> traceConstant(Value value, std::string &reason);

/// Reads the f32 matrix whose rows and columns are the nests `rows` and `cols` of a constant.
/// Fails when the constant's data is not loaded (an elided resource).
FailureOr<llvm::SmallVector<float, 0>> readMatrix(ElementsAttr constant, int64_t offset,
                                                  llvm::ArrayRef<StridedDim> rows,
                                                  llvm::ArrayRef<StridedDim> cols);

/// The elements of an f32 constant in row-major order, without a copy; one element for a splat.
/// Fails for other element types and where the data is not loaded.
FailureOr<llvm::ArrayRef<float>> elementsOf(ElementsAttr constant, bool &isSplat);

/// The element at a position of a constant's row-major storage. Nothing where the data is not
/// loaded or the type is no number that a double approximates.
std::optional<double> numberAt(ElementsAttr constant, int64_t position);

} // namespace mlir::aimc
