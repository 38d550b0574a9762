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

namespace {
struct Range {
  int64_t start = 0, step = 1;
};
} // namespace

/// Start and step of each dimension, as numpy resolves them; sizes are the result's.
static FailureOr<SmallVector<Range>> rangesOf(NodeEmitter &e) {
  ArrayRef<int64_t> shape = e.inType(0).getShape();
  FailureOr<SmallVector<int64_t>> starts = e.intsFrom(1, "starts"), axes = e.intsFrom(3, "axes"),
                                  steps = e.intsFrom(4, "steps");
  if (failed(starts) || failed(axes) || failed(steps))
    return failure();
  if (axes->empty())
    axes = llvm::to_vector(llvm::seq<int64_t>(0, starts->size()));
  if (steps->empty())
    steps->assign(starts->size(), 1);
  FailureOr<SmallVector<int64_t>> positive = e.axes(*axes, shape.size());
  if (failed(positive))
    return failure();
  if (positive->size() != starts->size() || steps->size() != starts->size())
    return e.fail("expected as many axes and steps as starts, but got " + Twine(positive->size()) +
                  " and " + Twine(steps->size()) + " for " + Twine(starts->size()));
  SmallVector<Range> ranges(shape.size());
  for (auto [axis, start, step] : llvm::zip_equal(*positive, *starts, *steps)) {
    int64_t size = shape[axis];
    if (step == 0)
      return e.fail("expected steps other than 0, but got 0");
    int64_t first = start < 0 ? std::max(start, -size - 1) + size : start;
    ranges[axis] = {std::clamp<int64_t>(first, step < 0 ? -1 : 0, step < 0 ? size - 1 : size),
                    step};
  }
  return ranges;
}

static LogicalResult sliceNode(NodeEmitter &e) {
  FailureOr<SmallVector<Range>> ranges = rangesOf(e);
  if (failed(ranges))
    return failure();
  RankedTensorType type = e.outType();
  if (type.getRank() != e.inType(0).getRank())
    return e.fail("expected a result of rank " + Twine(e.inType(0).getRank()) + ", but got " +
                  text(type));
  SmallVector<int64_t> offsets, strides;
  for (auto [d, range] : llvm::enumerate(*ranges)) {
    bool single = type.getDimSize(d) == 1;
    offsets.push_back(range.start);
    strides.push_back(single ? 1 : range.step);
  }
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
  FailureOr<int64_t> axis = e.axis(e.node.intAttr("axis", 0), e.inType(0).getRank());
  if (failed(axis))
    return failure();
  SmallVector<int64_t> offsets(e.inType(0).getRank(), 0);
  int64_t end = e.inType(0).getDimSize(*axis);
  for (unsigned i = 0; i < e.node.outputs.size(); ++i) {
    // An unused part still takes its place; its size is not known, so parts must be contiguous.
    if (!e.wants(i)) {
      FailureOr<SmallVector<int64_t>> sizes = e.intsFrom(1, "split");
      if (failed(sizes))
        return failure();
      int64_t equalPart = llvm::divideCeil(static_cast<uint64_t>(end), e.node.outputs.size());
      offsets[*axis] += i < sizes->size() ? (*sizes)[i] : equalPart;
      continue;
    }
    RankedTensorType part = e.outType(i);
    if (part.getRank() != e.inType(0).getRank() || offsets[*axis] + part.getDimSize(*axis) > end)
      return e.fail("expected parts within " + text(e.inType(0)) + ", but output " + Twine(i) +
                    " is " + text(part));
    Value piece = part.getNumElements() == 0 ? empty(e.b, part)
                                             : slice(e.b, e.in(0), offsets, part.getShape());
    if (failed(e.out(piece, i)))
      return failure();
    offsets[*axis] += part.getDimSize(*axis);
  }
  return success();
}

/// Amounts before each dimension; negative ones crop.
static FailureOr<SmallVector<int64_t>> padsBefore(NodeEmitter &e) {
  int64_t rank = e.inType(0).getRank();
  FailureOr<SmallVector<int64_t>> pads = e.intsFrom(1, "pads");
  if (failed(pads))
    return failure();
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  if (e.has(3)) {
    FailureOr<SmallVector<int64_t>> listed = e.ints(3, "axes");
    FailureOr<SmallVector<int64_t>> positive = failed(listed) ? listed : e.axes(*listed, rank);
    if (failed(positive))
      return failure();
    axes = *positive;
  }
  if (pads->size() != 2 * axes.size())
    return e.fail("expected " + Twine(2 * axes.size()) + " pads, but got " + Twine(pads->size()));
  SmallVector<int64_t> before(rank, 0);
  for (auto [i, axis] : llvm::enumerate(axes))
    before[axis] = (*pads)[i];
  return before;
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
    background = filled(e.b, type, e.node.floatAttr("value", 0.0f));
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
  FailureOr<SmallVector<int64_t>> before = padsBefore(e);
  if (failed(before))
    return failure();
  std::string mode = e.node.stringAttr("mode", "constant");
  if (mode == "constant")
    return padConstant(e, *before);
  if (mode != "edge" && mode != "reflect" && mode != "wrap")
    return e.fail("expected mode constant, edge, reflect or wrap, but got '" + mode + "'");
  Value x = e.in(0);
  if (e.inType(0).getNumElements() == 0)
    return e.fail("expected a non-empty operand to repeat, but got " + text(e.inType(0)));
  return e.out(generate(e.b, e.outType(), [&](ImplicitLocOpBuilder &b, ValueRange at) {
    SmallVector<Value> source;
    for (auto [i, padding, size] : llvm::zip_equal(at, *before, shapeOf(x))) {
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
