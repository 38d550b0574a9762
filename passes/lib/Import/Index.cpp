//===- Index.cpp - data-dependent reads and writes ------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Gather reads through tensor.extract in a linalg.generic body. Indices count from the end where
// negative. Those that are known at run time only are checked before; they are clamped as well, so
// that no program that leaves the check out can read beyond a tensor. A constant scalar index is a
// slice.
//
//===----------------------------------------------------------------------===//
#include "Emitter.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mlir::aimc::emit {

static LogicalResult gather(NodeEmitter &e) {
  if (failed(e.expectTypes(kInts, 1)))
    return failure();
  Value data = e.in(0), indices = e.in(1);
  RankedTensorType dataType = typeOf(data), type = e.outType();
  FailureOr<int64_t> axis = e.axis(e.node.intAttr("axis", 0), dataType.getRank());
  if (failed(axis))
    return failure();
  int64_t size = dataType.getDimSize(*axis);
  if (std::optional<double> constant = e.number(1)) {
    int64_t index = static_cast<int64_t>(*constant);
    if (index < -size || index >= size)
      return e.fail("expected an index in [" + Twine(-size) + ", " + Twine(size) + "), but got " +
                    Twine(index));
    SmallVector<int64_t> offsets(dataType.getRank(), 0), sizes(dataType.getShape());
    offsets[*axis] = index < 0 ? index + size : index;
    sizes[*axis] = 1;
    return e.out(slice(e.b, data, offsets, sizes));
  }
  int64_t indexRank = typeOf(indices).getRank();
  if (type.getRank() != dataType.getRank() - 1 + indexRank)
    return e.fail("expected a result of rank " + Twine(dataType.getRank() - 1 + indexRank) +
                  ", but got " + text(type));
  if (size == 0)
    return e.fail("expected a non-empty axis to read from, but got " + text(dataType));
  e.checkIndices(1, size, /*tuples=*/false);
  SmallVector<AffineExpr> read;
  for (int64_t d = 0; d < indexRank; ++d)
    read.push_back(e.b.getAffineDimExpr(*axis + d));
  AffineMap map = AffineMap::get(type.getRank(), 0, read, e.b.getContext());
  return e.out(pointwiseMapped(e.b, type, indices, map, [&](ArrayRef<Scalar> v) {
    ImplicitLocOpBuilder &b = v[0].builder();
    SmallVector<Value> source;
    for (int64_t d = 0; d < dataType.getRank(); ++d)
      source.push_back(
          d == *axis ? wrapIndex(b, v[0], size)
                     : linalg::IndexOp::create(b, d < *axis ? d : d + indexRank - 1).getResult());
    return Scalar(b, tensor::ExtractOp::create(b, data, source));
  }));
}

static LogicalResult gatherND(NodeEmitter &e) {
  if (failed(e.expectTypes(kInts, 1)))
    return failure();
  Value data = e.in(0), indices = e.in(1);
  RankedTensorType dataType = typeOf(data), indexType = typeOf(indices), type = e.outType();
  int64_t batch = e.node.intAttr("batch_dims", 0);
  if (indexType.getRank() < 1 || batch < 0 || batch >= indexType.getRank() ||
      batch + indexType.getShape().back() > dataType.getRank())
    return e.fail("expected indices of tuples into " + text(dataType) + ", but got " +
                  text(indexType) + " with batch_dims " + Twine(batch));
  int64_t tuple = indexType.getShape().back(), outer = indexType.getRank() - 1;
  if (type.getRank() != outer + dataType.getRank() - batch - tuple)
    return e.fail("expected a result of rank " + Twine(outer + dataType.getRank() - batch - tuple) +
                  ", but got " + text(type));
  e.checkIndices(1, dataType.getShape().slice(batch, tuple), /*tuples=*/true);
  return e.out(generate(e.b, type, [&](ImplicitLocOpBuilder &b, ValueRange at) {
    SmallVector<Value> source(at.take_front(batch));
    SmallVector<Value> position(at.take_front(outer));
    position.push_back({});
    for (int64_t i = 0; i < tuple; ++i) {
      position.back() = indexConstant(b, i);
      Value index = tensor::ExtractOp::create(b, indices, position);
      source.push_back(wrapIndex(b, index, dataType.getDimSize(batch + i)));
    }
    llvm::append_range(source, at.drop_front(outer));
    return Scalar(b, tensor::ExtractOp::create(b, data, source));
  }));
}

/// ScatterND as a reduction over the updates: each element of the result takes the last update
/// whose index names it (or combines all of them). No write depends on run-time data.
static LogicalResult scatterND(NodeEmitter &e) {
  if (failed(e.expectTypes(kInts, 1, 2)))
    return failure();
  std::string mode = e.node.stringAttr("reduction", "none");
  if (mode != "none" && mode != "add" && mode != "mul" && mode != "max" && mode != "min")
    return e.fail("expected reduction none, add, mul, max or min, but got '" + mode + "'");
  RankedTensorType type = e.outType(), indexType = e.inType(1);
  if (indexType.getRank() < 1 || indexType.getShape().back() > type.getRank())
    return e.fail("expected indices of tuples into " + text(type) + ", but got " + text(indexType));
  int64_t tuple = indexType.getShape().back();
  int64_t count = tuple == 0 ? 1 : indexType.getNumElements() / tuple;
  if (count == 0)
    return e.out(e.in(0));
  e.checkIndices(1, type.getShape().take_front(tuple), /*tuples=*/true);
  SmallVector<int64_t> inner(type.getShape().drop_front(tuple));
  Value indices = reshape(e.b, e.in(1), {count, tuple});
  SmallVector<int64_t> updateShape{count};
  llvm::append_range(updateShape, inner);
  Value updates = reshape(e.b, e.in(2), updateShape);
  int64_t rank = type.getRank();
  // Loops: the result's dimensions, then the updates.
  SmallVector<AffineExpr> updateRead{e.b.getAffineDimExpr(rank)};
  for (int64_t d = tuple; d < rank; ++d)
    updateRead.push_back(e.b.getAffineDimExpr(d));
  SmallVector<AffineMap> maps{AffineMap::get(rank + 1, 0, updateRead, e.b.getContext()),
                              keptDims(e.b.getContext(), rank + 1, rank)};
  SmallVector<utils::IteratorType> iterators(rank, utils::IteratorType::parallel);
  iterators.push_back(utils::IteratorType::reduction);
  auto op = linalg::GenericOp::create(
      e.b, TypeRange{type}, ValueRange{updates}, ValueRange{e.in(0)}, maps, iterators,
      [&](OpBuilder &nested, Location loc, ValueRange args) {
        ImplicitLocOpBuilder b(loc, nested);
        Scalar update(b, args[0]), current(b, args[1]);
        Scalar hit = Scalar::constant(b, b.getI1Type(), 1);
        Value n = linalg::IndexOp::create(b, rank);
        for (int64_t i = 0; i < tuple; ++i) {
          Value index = tensor::ExtractOp::create(b, indices, ValueRange{n, indexConstant(b, i)});
          Scalar named(b, wrapIndex(b, index, type.getDimSize(i)));
          hit = logicalAnd(hit, equal(named, Scalar(b, linalg::IndexOp::create(b, i))));
        }
        Scalar combined = mode == "add"   ? current + update
                          : mode == "mul" ? current * update
                          : mode == "max" ? maximum(current, update)
                          : mode == "min" ? minimum(current, update)
                                          : update;
        linalg::YieldOp::create(b, ValueRange{select(hit, combined, current)});
      });
  return e.out(op.getResult(0));
}

ArrayRef<EmitterRow> indexEmitters() {
  static const EmitterRow rows[] = {
      {"", "Gather", 2, 2, gather},
      {"", "GatherND", 2, 2, gatherND},
      {"", "ScatterND", 3, 3, scatterND},
  };
  return rows;
}

} // namespace mlir::aimc::emit
