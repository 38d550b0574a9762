//===- ConstantView.cpp - a constant seen through views -------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Every view maps dims to dims: a permutation reorders them, a broadcast adds stride 0, a slice
// moves the offset, an expansion splits a nest and a collapse appends nests. Nothing is evaluated,
// so the cost does not depend on the size of the constant.
//
//===----------------------------------------------------------------------===//
#include "aimc/Analysis/ConstantView.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/SymbolTable.h"

#include <cstring>

using namespace mlir;
using namespace mlir::aimc;

bool ConstantView::isBroadcast(unsigned dim) const {
  return llvm::all_of(dims[dim], [](StridedDim d) { return d.size == 1 || d.stride == 0; });
}

DimNest mlir::aimc::simplify(ArrayRef<StridedDim> nest) {
  DimNest result;
  for (StridedDim dim : nest) {
    if (dim.size == 1)
      continue;
    if (!result.empty() && result.back().stride == dim.stride * dim.size)
      result.back() = {result.back().size * dim.size, dim.stride};
    else
      result.push_back(dim);
  }
  return result;
}

int64_t mlir::aimc::sizeOf(ArrayRef<StridedDim> nest) {
  int64_t size = 1;
  for (StridedDim dim : nest)
    size *= dim.size;
  return size;
}

int64_t mlir::aimc::positionAt(ArrayRef<StridedDim> nest, int64_t i) {
  int64_t position = 0;
  for (StridedDim dim : llvm::reverse(nest)) {
    position += i % dim.size * dim.stride;
    i /= dim.size;
  }
  return position;
}

/// The whole of a constant, dimension by dimension in row-major order.
static ConstantView wholeConstant(ElementsAttr constant, Location loc) {
  ConstantView view{constant, loc, 0, {}};
  ArrayRef<int64_t> shape = constant.getShapedType().getShape();
  view.dims.resize(shape.size());
  int64_t stride = 1;
  for (size_t d = shape.size(); d-- > 0; stride *= shape[d])
    view.dims[d] = simplify(StridedDim{shape[d], stride});
  return view;
}

/// The constant that `value` is itself, or a null attribute.
static ElementsAttr rootConstant(Value value) {
  ElementsAttr constant;
  if (matchPattern(value, m_Constant(&constant)))
    return constant;
  Operation *op = value.getDefiningOp();
  SymbolRefAttr symbol;
  if (auto load = dyn_cast_or_null<ml_program::GlobalLoadConstOp>(op))
    symbol = load.getGlobalAttr();
  else if (auto load = dyn_cast_or_null<ml_program::GlobalLoadOp>(op))
    symbol = load.getGlobalAttr();
  if (!symbol)
    return {};
  auto global = SymbolTable::lookupNearestSymbolFrom<ml_program::GlobalOp>(op, symbol);
  if (!global || global.getIsMutable() || !global.getValue())
    return {};
  return dyn_cast<ElementsAttr>(*global.getValue());
}

/// Splits the nest of one dimension into dimensions of the given sizes.
static LogicalResult expand(ArrayRef<StridedDim> nest, ArrayRef<int64_t> sizes,
                            SmallVectorImpl<DimNest> &result) {
  SmallVector<StridedDim> rest(nest);
  SmallVector<DimNest> parts(sizes.size());
  for (size_t d = sizes.size(); d-- > 0;) {
    int64_t want = sizes[d];
    SmallVector<StridedDim> part;
    while (want > 1) {
      if (rest.empty())
        return failure();
      StridedDim &last = rest.back();
      int64_t take = std::min(want, last.size);
      if (take < 1 || want % take || last.size % take)
        return failure();
      part.insert(part.begin(), {take, last.stride});
      want /= take;
      if (take == last.size)
        rest.pop_back();
      else
        last = {last.size / take, last.stride * take};
    }
    parts[d] = simplify(part);
  }
  if (sizeOf(rest) != 1)
    return failure();
  llvm::append_range(result, parts);
  return success();
}

/// Applies a static slice to `view`.
static LogicalResult slice(ConstantView &view, tensor::ExtractSliceOp op) {
  if (!op.getSourceType().hasStaticShape() || !op.getType().hasStaticShape())
    return failure();
  llvm::SmallBitVector dropped = op.getDroppedDims();
  SmallVector<DimNest> dims;
  for (unsigned d = 0, e = view.dims.size(); d < e; ++d) {
    if (op.isDynamicOffset(d) || op.isDynamicSize(d) || op.isDynamicStride(d))
      return failure();
    int64_t offset = op.getStaticOffset(d), size = op.getStaticSize(d);
    int64_t step = op.getStaticStride(d);
    DimNest &nest = view.dims[d];
    if (offset != 0 || step != 1 || size != op.getSourceType().getDimSize(d)) {
      if (nest.size() > 1)
        return failure(); // the slice would start inside a nest
      StridedDim dim = nest.empty() ? StridedDim{1, 0} : nest.front();
      view.offset += offset * dim.stride;
      nest = simplify(StridedDim{size, dim.stride * step});
    }
    if (!dropped.test(d))
      dims.push_back(nest);
  }
  view.dims = std::move(dims);
  return success();
}

/// True for a structured op that only moves its one input: transpose, broadcast, copy, or a
/// generic that yields the element it read.
static bool isMove(linalg::LinalgOp op) {
  if (op.getNumDpsInputs() != 1 || op.getNumDpsInits() != 1 || !op.hasPureTensorSemantics() ||
      op.getNumParallelLoops() != op.getNumLoops() || op.hasDynamicShape())
    return false;
  Operation *yield = op.getBlock()->getTerminator();
  return &op.getBlock()->front() == yield && yield->getNumOperands() == 1 &&
         yield->getOperand(0) == op.getBlock()->getArgument(0) &&
         op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isPermutation();
}

/// Applies a move to `view`; fails for maps that are not dims or zeros.
static LogicalResult move(ConstantView &view, linalg::LinalgOp op) {
  AffineMap in = op.getMatchingIndexingMap(op.getDpsInputOperand(0));
  AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  SmallVector<int64_t, 4> ranges = op.getStaticLoopRanges();
  SmallVector<DimNest> ofLoop;
  for (int64_t range : ranges)
    ofLoop.push_back(simplify(StridedDim{range, 0}));
  llvm::SmallBitVector seen(ranges.size());
  for (auto [position, expr] : llvm::enumerate(in.getResults())) {
    if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
      if (seen.test(dim.getPosition()))
        return failure(); // a diagonal
      seen.set(dim.getPosition());
      ofLoop[dim.getPosition()] = view.dims[position];
      continue;
    }
    auto zero = dyn_cast<AffineConstantExpr>(expr);
    if (!zero || zero.getValue() != 0)
      return failure();
  }
  SmallVector<DimNest> dims;
  for (AffineExpr expr : out.getResults())
    dims.push_back(ofLoop[cast<AffineDimExpr>(expr).getPosition()]);
  view.dims = std::move(dims);
  return success();
}

FailureOr<ConstantView> mlir::aimc::traceConstant(Value value, std::string &reason) {
  // The views from the product back to the constant; applied in the opposite order below.
  SmallVector<Operation *> views;
  ElementsAttr constant;
  while (!(constant = rootConstant(value))) {
    Operation *op = value.getDefiningOp();
    auto linalgOp = dyn_cast_or_null<linalg::LinalgOp>(op);
    bool isView = isa_and_nonnull<tensor::CollapseShapeOp, tensor::ExpandShapeOp, tensor::CastOp,
                                  tensor::ExtractSliceOp>(op) ||
                  (linalgOp && isMove(linalgOp));
    if (!isView) {
      reason = "is computed at run time";
      return failure();
    }
    views.push_back(op);
    value = linalgOp ? linalgOp.getDpsInputOperand(0)->get() : op->getOperand(0);
  }
  if (!isa<DenseResourceElementsAttr, DenseElementsAttr>(constant)) {
    reason = "is a constant that is not stored densely";
    return failure();
  }

  ConstantView view = wholeConstant(constant, value.getLoc());
  if (Operation *root = value.getDefiningOp())
    view.initializer = root->getAttrOfType<StringAttr>(kInitializerAttr);
  for (Operation *op : llvm::reverse(views)) {
    LogicalResult applied = success();
    if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op)) {
      SmallVector<DimNest> dims;
      for (ArrayRef<int64_t> group : collapse.getReassociationIndices()) {
        SmallVector<StridedDim> nest;
        for (int64_t d : group)
          llvm::append_range(nest, view.dims[d]);
        dims.push_back(simplify(nest));
      }
      view.dims = std::move(dims);
    } else if (auto expansion = dyn_cast<tensor::ExpandShapeOp>(op)) {
      SmallVector<DimNest> dims;
      ArrayRef<int64_t> shape = expansion.getResultType().getShape();
      SmallVector<ReassociationIndices> groups = expansion.getReassociationIndices();
      if (!expansion.getResultType().hasStaticShape())
        applied = failure();
      for (auto [d, group] : llvm::enumerate(groups))
        if (succeeded(applied))
          applied = expand(view.dims[d], shape.slice(group.front(), group.size()), dims);
      if (groups.empty()) // rank 0: every new dimension has one element
        dims.resize(shape.size());
      view.dims = std::move(dims);
    } else if (auto extract = dyn_cast<tensor::ExtractSliceOp>(op)) {
      applied = slice(view, extract);
    } else if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op)) {
      applied = move(view, linalgOp);
    } // a tensor.cast keeps the elements
    if (failed(applied)) {
      reason = "is a constant behind a view that cannot be followed (" +
               op->getName().getStringRef().str() + ")";
      return failure();
    }
  }
  return view;
}

FailureOr<ArrayRef<float>> mlir::aimc::elementsOf(ElementsAttr constant, bool &isSplat) {
  ShapedType type = constant.getShapedType();
  if (!type.getElementType().isF32() || !type.hasStaticShape())
    return failure();
  ArrayRef<char> bytes;
  isSplat = false;
  if (auto dense = dyn_cast<DenseElementsAttr>(constant)) {
    bytes = dense.getRawData();
    isSplat = dense.isSplat();
  } else if (auto resource = dyn_cast<DenseResourceElementsAttr>(constant)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    if (!blob)
      return failure();
    bytes = blob->getData();
  }
  size_t count = isSplat ? 1 : type.getNumElements();
  if (bytes.size() != count * sizeof(float) ||
      reinterpret_cast<uintptr_t>(bytes.data()) % alignof(float))
    return failure();
  return ArrayRef<float>(reinterpret_cast<const float *>(bytes.data()), count);
}

std::optional<double> mlir::aimc::numberAt(ElementsAttr constant, int64_t position) {
  Type type = constant.getElementType();
  if (auto dense = dyn_cast<DenseElementsAttr>(constant)) {
    if (isa<FloatType>(type)) {
      APFloat number = dense.getValues<APFloat>()[position];
      bool loses = false;
      number.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &loses);
      return number.convertToDouble();
    }
    if (type.isInteger())
      return dense.getValues<APInt>()[position].roundToDouble(!type.isInteger(1));
    return std::nullopt;
  }
  auto resource = dyn_cast<DenseResourceElementsAttr>(constant);
  AsmResourceBlob *blob = resource ? resource.getRawHandle().getBlob() : nullptr;
  if (!blob)
    return std::nullopt;
  auto read = [&](auto element) -> std::optional<double> {
    ArrayRef<char> bytes = blob->getData();
    if (bytes.size() < (position + 1) * sizeof(element))
      return std::nullopt;
    std::memcpy(&element, bytes.data() + position * sizeof(element), sizeof(element));
    return static_cast<double>(element);
  };
  if (type.isF32())
    return read(float());
  if (type.isInteger(64))
    return read(int64_t());
  if (type.isInteger(32))
    return read(int32_t());
  return std::nullopt;
}

bool mlir::aimc::repeatsAlong(const ConstantView &view, unsigned dim) {
  if (view.isBroadcast(dim))
    return true;
  bool isSplat = false;
  FailureOr<ArrayRef<float>> data = elementsOf(view.constant, isSplat);
  if (failed(data) || isSplat)
    return isSplat;
  DimNest others;
  for (unsigned d = 0; d < view.dims.size(); ++d)
    if (d != dim)
      llvm::append_range(others, view.dims[d]);
  const float *first = data->data() + view.offset;
  for (int64_t slice = 1, slices = sizeOf(view.dims[dim]); slice < slices; ++slice) {
    int64_t distance = positionAt(view.dims[dim], slice);
    for (int64_t i = 0, e = sizeOf(others); i < e; ++i) {
      const float *element = first + positionAt(others, i);
      if (std::memcmp(element, element + distance, sizeof(float)) != 0)
        return false;
    }
  }
  return true;
}

/// Storage positions of a nest's elements, in row-major order.
static SmallVector<int64_t> positions(ArrayRef<StridedDim> nest) {
  return llvm::map_to_vector(llvm::seq(sizeOf(nest)),
                             [&](int64_t i) { return positionAt(nest, i); });
}

FailureOr<SmallVector<float, 0>> mlir::aimc::readMatrix(ElementsAttr constant, int64_t offset,
                                                        ArrayRef<StridedDim> rows,
                                                        ArrayRef<StridedDim> cols) {
  bool isSplat = false;
  FailureOr<ArrayRef<float>> data = elementsOf(constant, isSplat);
  if (failed(data))
    return failure();
  SmallVector<int64_t> rowAt = positions(rows), colAt = positions(cols);
  SmallVector<float, 0> matrix;
  matrix.reserve(rowAt.size() * colAt.size());
  for (int64_t row : rowAt)
    for (int64_t col : colAt)
      matrix.push_back((*data)[isSplat ? 0 : offset + row + col]);
  return matrix;
}
