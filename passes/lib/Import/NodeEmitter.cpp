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

static FailureOr<SmallVector<int64_t>> integersOf(const onnx::Constant &constant) {
  SmallVector<int64_t> numbers(constant.type.elements());
  for (size_t i = 0; i < numbers.size(); ++i)
    switch (constant.type.dtype) {
    case onnx::DType::I64:
      std::memcpy(&numbers[i], constant.data + i * sizeof(int64_t), sizeof(int64_t));
      break;
    case onnx::DType::I32: {
      int32_t number;
      std::memcpy(&number, constant.data + i * sizeof(int32_t), sizeof(int32_t));
      numbers[i] = number;
      break;
    }
    default:
      return failure();
    }
  return numbers;
}

FailureOr<SmallVector<int64_t>> NodeEmitter::ints(unsigned i, StringRef what) const {
  const onnx::Constant *data = constant(i);
  if (!data)
    return fail("expected " + what + " (input " + Twine(i) +
                ") to be known at compile time, but it is computed at run time");
  FailureOr<SmallVector<int64_t>> numbers = integersOf(*data);
  if (failed(numbers))
    return fail("expected " + what + " (input " + Twine(i) + ") of integers, but got " +
                std::string(onnx::name(data->type.dtype)));
  return numbers;
}

std::optional<double> NodeEmitter::number(unsigned i) const {
  const onnx::Constant *data = constant(i);
  if (!data || data->type.elements() != 1)
    return std::nullopt;
  if (data->type.dtype == onnx::DType::F32) {
    float number;
    std::memcpy(&number, data->data, sizeof(float));
    return number;
  }
  FailureOr<SmallVector<int64_t>> numbers = integersOf(*data);
  if (failed(numbers))
    return std::nullopt;
  return static_cast<double>(numbers->front());
}

FailureOr<SmallVector<int64_t>> NodeEmitter::intsFrom(unsigned i, StringRef key) const {
  if (has(i))
    return ints(i, key);
  std::vector<int64_t> list = node.intsAttr(std::string_view(key.data(), key.size()));
  return SmallVector<int64_t>(list.begin(), list.end());
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
