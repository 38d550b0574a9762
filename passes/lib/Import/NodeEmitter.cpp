//===- NodeEmitter.cpp - checked access to a node -------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Operands, attributes and results of one node, with the checks and messages all emitters share.
//
//===----------------------------------------------------------------------===//
#include "ModuleEmitter.h"

#include "mlir/IR/Diagnostics.h"

namespace mlir::aimc::emit {

Value NodeEmitter::in(unsigned i) const { return module.value(node.inputs[i]); }

RankedTensorType NodeEmitter::outType(unsigned i) const { return module.type(node.outputs[i]); }

LogicalResult NodeEmitter::out(Value v, unsigned i) {
  RankedTensorType expected = outType(i), got = typeOf(v);
  if (expected.getElementType() != got.getElementType() ||
      expected.getNumElements() != got.getNumElements())
    return fail("expected output " + Twine(i) + " of type " + text(expected) + ", but got " +
                text(got));
  return module.setValue(node.outputs[i], reshape(b, v, expected.getShape()));
}

const onnx::Constant *NodeEmitter::constant(unsigned i) const {
  return has(i) ? module.graph.value(node.inputs[i]).constant.get() : nullptr;
}

Value NodeEmitter::constantAs(unsigned i, ArrayRef<int64_t> shape) const {
  return module.constantAs(node.inputs[i], shape);
}

SmallVector<int64_t> NodeEmitter::ints(std::string_view key) const {
  std::vector<int64_t> list = node.intsAttr(key);
  return SmallVector<int64_t>(list.begin(), list.end());
}

template <class T> static double firstElement(const onnx::Constant &data) {
  T element;
  std::memcpy(&element, data.data, sizeof(T));
  return static_cast<double>(element);
}

std::optional<double> NodeEmitter::number(unsigned i) const {
  const onnx::Constant *data = constant(i);
  if (!data || data->type.elements() != 1)
    return std::nullopt;
  switch (data->type.dtype) {
  case onnx::DType::F32:
    return firstElement<float>(*data);
  case onnx::DType::I64:
    return firstElement<int64_t>(*data);
  case onnx::DType::I32:
    return firstElement<int32_t>(*data);
  case onnx::DType::Bool:
    break;
  }
  return firstElement<uint8_t>(*data);
}

FailureOr<int64_t> NodeEmitter::axis(int64_t axis, int64_t rank) const {
  if (axis < -rank || axis >= rank)
    return fail("expected an axis in [" + Twine(-rank) + ", " + Twine(rank) + "), but got " +
                Twine(axis));
  return axis < 0 ? axis + rank : axis;
}

FailureOr<SmallVector<int64_t>> NodeEmitter::axes(ArrayRef<int64_t> axes, int64_t rank) const {
  SmallVector<int64_t> result;
  for (int64_t a : axes) {
    FailureOr<int64_t> positive = axis(a, rank);
    if (failed(positive))
      return failure();
    if (llvm::is_contained(result, *positive))
      return fail("expected distinct axes, but got " + Twine(*positive) + " twice");
    result.push_back(*positive);
  }
  return result;
}

std::optional<NodeEmitter::Weight> NodeEmitter::weight(unsigned i) const {
  onnx::ValueId id = node.inputs[i];
  if (module.graph.value(id).constant && inType(i).getRank() == 2)
    return Weight{in(i), false};
  const onnx::Node *source = module.producer(id);
  if (!source || source->op != "Transpose" || !source->domain.empty())
    return std::nullopt;
  std::vector<int64_t> perm = source->intsAttr("perm");
  onnx::ValueId stored = source->inputs[0];
  const onnx::Value &value = module.graph.value(stored);
  bool swaps = perm.empty() || perm == std::vector<int64_t>{1, 0};
  if (!value.constant || value.type.shape.size() != 2 || !swaps)
    return std::nullopt;
  return Weight{module.value(stored), true};
}

void NodeEmitter::checkIndices(unsigned i, ArrayRef<int64_t> sizes, bool tuples) const {
  module.checkIndices(node, node.inputs[i], sizes, tuples);
}

LogicalResult NodeEmitter::expectTypes(unsigned types, unsigned first, unsigned end) const {
  for (unsigned i = first; i < std::min<unsigned>(end, inputs()); ++i) {
    if (!has(i))
      continue;
    onnx::DType dtype = module.graph.value(node.inputs[i]).type.dtype;
    unsigned bit = dtype == onnx::DType::F32   ? kF32
                   : dtype == onnx::DType::I64 ? kI64
                   : dtype == onnx::DType::I32 ? kI32
                                               : kBool;
    if (types & bit)
      continue;
    std::string expected;
    for (auto [candidate, text] : {std::pair(kF32, "f32"), std::pair(kI64, "i64"),
                                   std::pair(kI32, "i32"), std::pair(kBool, "bool")})
      if (types & candidate)
        expected += (expected.empty() ? "" : " or ") + std::string(text);
    return fail("expected input " + Twine(i) + " of " + expected + ", but got " +
                std::string(onnx::name(dtype)));
  }
  return success();
}

LogicalResult NodeEmitter::pointwiseResult(ScalarBody body) {
  SmallVector<Value> operands;
  for (unsigned i = 0; i < inputs(); ++i)
    if (has(i))
      operands.push_back(in(i));
  return pointwiseResult(operands, body);
}

LogicalResult NodeEmitter::pointwiseResult(ValueRange operands, ScalarBody body) {
  RankedTensorType type = outType();
  for (Value operand : operands) {
    auto together = broadcastShapes(shapeOf(operand), type.getShape());
    if (!together || ArrayRef(*together) != type.getShape())
      return fail("expected operands that broadcast to " + text(type) + ", but got " +
                  text(operand.getType()));
  }
  return out(pointwise(b, type, operands, body));
}

LogicalResult NodeEmitter::fail(const Twine &message) const {
  std::string name = node.name.empty() ? "of layer '" + node.layer + "'" : "'" + node.name + "'";
  return emitError(b.getLoc()) << module.graph.file << ": node " << name << " (" << node.op
                               << "): " << message;
}

} // namespace mlir::aimc::emit
