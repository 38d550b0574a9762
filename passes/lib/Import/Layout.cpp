//===- Layout.cpp - Concat, Slice, Split, Pad, Tile -----------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Operators that copy blocks. Blocks with positive strides are tensor.extract_slice and
// tensor.insert_slice, which bufferize to views; others compute their source index.
//
//===----------------------------------------------------------------------===//
#include "Emitter.h"

namespace mlir::aimc::emit {

static LogicalResult concat(NodeEmitter &e) {
  RankedTensorType type = e.outType();
  FailureOr<int64_t> axis = e.axis(e.node.intAttr("axis", 0), type.getRank());
  if (failed(axis))
    return failure();
  SmallVector<int64_t> offsets(type.getRank(), 0);
  Value whole;
  for (unsigned i = 0; i < e.inputs(); ++i) {
    RankedTensorType part = e.inType(i);
    if (part.getRank() != type.getRank())
      return e.fail("expected operands of rank " + Twine(type.getRank()) + ", but got " +
                    text(part));
    if (part == type)
      whole = e.in(i); // the others are empty
    if (part.getNumElements() == 0 || part == type)
      continue;
    whole = insert(e.b, e.in(i), whole ? whole : empty(e.b, type), offsets);
    offsets[*axis] += part.getDimSize(*axis);
  }
  return e.out(whole);
}

static LogicalResult sliceNode(NodeEmitter &e) {
  RankedTensorType type = e.outType();
  SmallVector<int64_t> offsets = e.ints("starts"), strides = e.ints("steps");
  size_t rank = e.inType(0).getRank();
  if (offsets.size() != rank || strides.size() != rank || type.getRank() != e.inType(0).getRank())
    return e.fail("expected starts and steps of " + Twine(rank) + " axes, but got " +
                  Twine(offsets.size()) + " and " + Twine(strides.size()));
  for (size_t d = 0; d < rank; ++d)
    if (type.getDimSize(d) == 1)
      strides[d] = 1; // a single element has no direction
  Value x = e.in(0);
  if (llvm::all_of(strides, [](int64_t step) { return step > 0; }))
    return e.out(slice(e.b, x, offsets, type.getShape(), strides));
  return e.out(generate(e.b, type, [&](ImplicitLocOpBuilder &b, ValueRange at) {
    SmallVector<Value> source;
    for (auto [i, offset, stride] : llvm::zip_equal(at, offsets, strides)) {
      Value scaled = arith::MulIOp::create(b, i, indexConstant(b, stride));
      source.push_back(arith::AddIOp::create(b, scaled, indexConstant(b, offset)));
    }
    return Scalar(b, tensor::ExtractOp::create(b, x, source));
  }));
}

static LogicalResult split(NodeEmitter &e) {
  int64_t rank = e.inType(0).getRank();
  FailureOr<int64_t> axis = e.axis(e.node.intAttr("axis", 0), rank);
  if (failed(axis))
    return failure();
  SmallVector<int64_t> parts = e.ints("split"), offsets(rank, 0), shape(e.inType(0).getShape());
  if (parts.size() != e.node.outputs.size())
    return e.fail("expected split to name " + Twine(e.node.outputs.size()) + " parts, but got " +
                  Twine(parts.size()));
  for (auto [i, size] : llvm::enumerate(parts)) {
    shape[*axis] = size;
    if (e.wants(i)) {
      RankedTensorType type = e.outType(i);
      Value part =
          type.getNumElements() == 0 ? empty(e.b, type) : slice(e.b, e.in(0), offsets, shape);
      if (failed(e.out(part, i)))
        return failure();
    }
    offsets[*axis] += size;
  }
  return success();
}

/// Pads with one value: the part of the operand that stays is written into a filled result.
static LogicalResult padConstant(NodeEmitter &e, ArrayRef<int64_t> before) {
  RankedTensorType type = e.outType();
  Value x = e.in(0), background;
  if (e.has(2)) {
    if (e.inType(2).getNumElements() != 1)
      return e.fail("expected constant_value to be a scalar, but got " + text(e.inType(2)));
    Value scalar = tensor::ExtractOp::create(e.b, reshape(e.b, e.in(2), {}), ValueRange{});
    background = filledWith(e.b, type, scalar);
  } else {
    background = filled(e.b, type, 0.0);
  }
  SmallVector<int64_t> from, to, sizes;
  for (auto [d, pad] : llvm::enumerate(before)) {
    int64_t source = std::max<int64_t>(0, -pad), target = std::max<int64_t>(0, pad);
    int64_t size = std::min(shapeOf(x)[d] - source, type.getDimSize(d) - target);
    if (size <= 0)
      return e.out(background);
    from.push_back(source);
    to.push_back(target);
    sizes.push_back(size);
  }
  return e.out(insert(e.b, slice(e.b, x, from, sizes), background, to));
}

static LogicalResult pad(NodeEmitter &e) {
  size_t rank = e.inType(0).getRank();
  SmallVector<int64_t> pads = e.ints("pads");
  if (pads.size() != 2 * rank)
    return e.fail("expected " + Twine(2 * rank) + " pads, but got " + Twine(pads.size()));
  ArrayRef<int64_t> before = ArrayRef(pads).take_front(rank);
  std::string mode = e.node.stringAttr("mode", "constant");
  if (mode == "constant")
    return padConstant(e, before);
  if (mode != "edge" && mode != "reflect" && mode != "wrap")
    return e.fail("expected mode constant, edge, reflect or wrap, but got '" + mode + "'");
  Value x = e.in(0);
  if (e.inType(0).getNumElements() == 0)
    return e.fail("expected a non-empty operand to repeat, but got " + text(e.inType(0)));
  return e.out(generate(e.b, e.outType(), [&](ImplicitLocOpBuilder &b, ValueRange at) {
    SmallVector<Value> source;
    for (auto [i, padding, size] : llvm::zip_equal(at, before, shapeOf(x))) {
      Scalar shifted(b, arith::SubIOp::create(b, i, indexConstant(b, padding)));
      Scalar last = shifted.like(static_cast<double>(size - 1));
      Scalar zero = shifted.like(0), index = shifted;
      if (mode == "edge") {
        index = minimum(maximum(shifted, zero), last);
      } else if (mode == "wrap") {
        index = remainderPython(shifted, shifted.like(static_cast<double>(size)));
      } else if (size == 1) {
        index = zero;
      } else { // reflect: a triangle wave of period 2 (size - 1)
        Scalar phase = remainderPython(shifted, shifted.like(2.0 * static_cast<double>(size - 1)));
        index = minimum(phase, last + last - phase);
      }
      source.push_back(index);
    }
    return Scalar(b, tensor::ExtractOp::create(b, x, source));
  }));
}

/// Every dimension is split into (repeats, size), of which the operand fills the second.
static LogicalResult tile(NodeEmitter &e) {
  RankedTensorType type = e.outType();
  ArrayRef<int64_t> from = e.inType(0).getShape();
  SmallVector<int64_t> shape, source;
  for (auto [d, size] : llvm::enumerate(from)) {
    if (size == 0 || type.getDimSize(d) % size != 0)
      return e.fail("expected a result whose dimensions are multiples of the operand's, but got " +
                    text(e.inType(0)) + " and " + text(type));
    shape.append({type.getDimSize(d) / size, size});
    source.append({1, size});
  }
  return e.out(broadcast(e.b, reshape(e.b, e.in(0), source), shape));
}

ArrayRef<EmitterRow> layoutEmitters() {
  static const EmitterRow rows[] = {
      {"", "Concat", 1, kVariadic, concat},
      {"", "Pad", 1, 4, pad},
      {"", "Slice", 1, 5, sliceNode},
      {"", "Split", 1, 2, split},
      {"", "Tile", 2, 2, tile},
  };
  return rows;
}

} // namespace mlir::aimc::emit
