//===- Shape.cpp - reinterpretation, transposition, filling ---------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Operators whose result has the operand's elements in another shape or order, or new constant
// elements. The front end has computed every shape, so the result type alone decides.
//
//===----------------------------------------------------------------------===//
#include "Emitter.h"

namespace mlir::aimc::emit {

/// Reshape, Flatten, Squeeze, Unsqueeze: NodeEmitter::out() reshapes to the result's type.
static LogicalResult sameElements(NodeEmitter &e) { return e.out(e.in(0)); }

static LogicalResult transposeNode(NodeEmitter &e) {
  int64_t rank = e.inType(0).getRank();
  std::vector<int64_t> perm = e.node.intsAttr("perm");
  SmallVector<int64_t> order(perm.begin(), perm.end());
  if (order.empty())
    order = llvm::to_vector(llvm::reverse(llvm::seq<int64_t>(0, rank)));
  SmallVector<int64_t> sorted(order);
  llvm::sort(sorted);
  if (!llvm::equal(sorted, llvm::seq<int64_t>(0, rank)))
    return e.fail("expected perm to be a permutation of the " + Twine(rank) +
                  " dimensions, but it is not");
  // Moving dimensions of size one moves no element.
  SmallVector<int64_t> moved;
  for (int64_t d : order)
    if (shapeOf(e.in(0))[d] != 1)
      moved.push_back(d);
  if (llvm::is_sorted(moved))
    return e.out(e.in(0));
  return e.out(transpose(e.b, e.in(0), order));
}

static LogicalResult expand(NodeEmitter &e) {
  return e.pointwiseResult(e.in(0), [](ArrayRef<Scalar> x) { return x[0]; });
}

static LogicalResult constantOfShape(NodeEmitter &e) {
  RankedTensorType type = e.outType();
  double number = 0.0;
  if (auto it = e.node.attributes.find("value"); it != e.node.attributes.end()) {
    const auto *value = std::get_if<onnx::Constant>(&it->second);
    if (!value || value->type.elements() != 1)
      return e.fail("expected value to be a tensor of one element, but it is not");
    switch (value->type.dtype) {
    case onnx::DType::F32:
      number = *value->as<float>();
      break;
    case onnx::DType::I64:
      number = static_cast<double>(*value->as<int64_t>());
      break;
    case onnx::DType::I32:
      number = *value->as<int32_t>();
      break;
    case onnx::DType::Bool:
      number = *value->as<uint8_t>() != 0;
      break;
    }
  }
  return e.out(filled(e.b, type, number));
}

/// start + i * delta; the number of elements is known, start and delta need not be.
static LogicalResult range(NodeEmitter &e) {
  if (failed(e.expectTypes(kNumbers)))
    return failure();
  for (unsigned i : {0u, 2u})
    if (e.inType(i).getRank() != 0)
      return e.fail("expected scalar inputs, but got " + text(e.inType(i)));
  RankedTensorType type = e.outType();
  Value start = e.in(0), delta = e.in(2);
  return e.out(generate(e.b, type, [&](ImplicitLocOpBuilder &b, ValueRange at) {
    Value i = arith::IndexCastOp::create(b, b.getI64Type(), at[0]);
    Scalar step = convert(Scalar(b, i), type.getElementType());
    Scalar first(b, tensor::ExtractOp::create(b, start, ValueRange{}));
    Scalar stride(b, tensor::ExtractOp::create(b, delta, ValueRange{}));
    return first + step * stride;
  }));
}

static LogicalResult trilu(NodeEmitter &e) {
  bool upper = e.node.intAttr("upper", 1) != 0;
  RankedTensorType type = e.outType();
  if (type.getRank() < 2)
    return e.fail("expected an operand of rank 2 or more, but got " + text(type));
  Value x = e.in(0);
  int64_t k = e.node.intAttr("k", 0);
  return e.out(generate(e.b, type, [&](ImplicitLocOpBuilder &b, ValueRange at) {
    size_t rank = at.size();
    Value row = at[rank - 2], column = at[rank - 1];
    if (k != 0)
      row = arith::AddIOp::create(b, row, indexConstant(b, k));
    Scalar kept(
        b, arith::CmpIOp::create(b, upper ? arith::CmpIPredicate::sge : arith::CmpIPredicate::sle,
                                 column, row));
    Scalar value(b, tensor::ExtractOp::create(b, x, at));
    return select(kept, value, value.like(0));
  }));
}

ArrayRef<EmitterRow> shapeEmitters() {
  static const EmitterRow rows[] = {
      {"", "ConstantOfShape", 1, 1, constantOfShape},
      {"", "Expand", 2, 2, expand},
      {"", "Flatten", 1, 1, sameElements},
      {"", "Range", 3, 3, range},
      {"", "Reshape", 1, 2, sameElements},
      {"", "Squeeze", 1, 2, sameElements},
      {"", "Transpose", 1, 1, transposeNode},
      {"", "Trilu", 1, 2, trilu},
      {"", "Unsqueeze", 1, 2, sameElements},
  };
  return rows;
}

} // namespace mlir::aimc::emit
