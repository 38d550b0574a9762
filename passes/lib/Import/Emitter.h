//===- Emitter.h - what the emitter of one operator sees --------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// An emitter turns one node of the typed graph into linalg on tensors. It reads operands and
// attributes through NodeEmitter, which checks presence and element types and reports the node by
// name. Operators are found in tables, one per family; a family is one file.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Build.h"
#include "aimc/onnx/Graph.h"

namespace mlir::aimc::emit {

namespace onnx = ::aimc::onnx;

class ModuleEmitter;

/// Sets of element types an operator accepts.
enum DTypes : unsigned { kF32 = 1, kI64 = 2, kI32 = 4, kBool = 8 };
inline constexpr unsigned kInts = kI64 | kI32;
inline constexpr unsigned kNumbers = kF32 | kInts;
inline constexpr unsigned kAny = kNumbers | kBool;

class NodeEmitter {
public:
  NodeEmitter(ModuleEmitter &module, const onnx::Node &node, Location loc, OpBuilder &builder)
      : b(loc, builder), node(node), module(module) {}

  ImplicitLocOpBuilder b;
  const onnx::Node &node;

  bool has(unsigned i) const { return i < node.inputs.size() && node.inputs[i] != onnx::kAbsent; }
  bool wants(unsigned i) const {
    return i < node.outputs.size() && node.outputs[i] != onnx::kAbsent;
  }
  unsigned inputs() const { return node.inputs.size(); }
  /// Operand `i`, which must be present.
  Value in(unsigned i) const;
  RankedTensorType inType(unsigned i) const { return typeOf(in(i)); }
  RankedTensorType outType(unsigned i = 0) const;
  /// Sets result `i`; a value of equally many elements is reshaped to the result's type.
  LogicalResult out(Value v, unsigned i = 0);

  /// Data of operand `i` where it is known at compile time, else null.
  const onnx::Constant *constant(unsigned i) const;
  /// Constant operand `i` in another shape; the bytes are shared.
  Value constantAs(unsigned i, ArrayRef<int64_t> shape) const;
  /// Integer list of attribute `key`, which the front end has filled in.
  SmallVector<int64_t> ints(std::string_view key) const;
  /// The value of a constant one-element operand, where it is one.
  std::optional<double> number(unsigned i) const;
  /// `axis` counted from the front; reports where it is outside [-rank, rank).
  FailureOr<int64_t> axis(int64_t axis, int64_t rank) const;
  FailureOr<SmallVector<int64_t>> axes(ArrayRef<int64_t> axes, int64_t rank) const;
  /// For an operand that is a constant matrix or the transpose of one: that constant. Never a copy.
  struct Weight {
    Value stored;
    bool transposed;
  };
  std::optional<Weight> weight(unsigned i) const;

  /// Has operand `i` checked as indices, see ModuleEmitter::checkIndices.
  void checkIndices(unsigned i, ArrayRef<int64_t> sizes, bool tuples) const;
  /// Reports unless operands [first, end) have one of the element types.
  LogicalResult expectTypes(unsigned types, unsigned first = 0, unsigned end = ~0u) const;
  /// Result 0 as one pointwise computation over the operands, which must broadcast to its type.
  LogicalResult pointwiseResult(ScalarBody body);
  LogicalResult pointwiseResult(ValueRange operands, ScalarBody body);
  /// One error line that names file, node and operator.
  LogicalResult fail(const Twine &message) const;

private:
  ModuleEmitter &module;
};

using EmitFn = LogicalResult (*)(NodeEmitter &);

/// Inputs beyond `minInputs` are optional; maxInputs ~0u means variadic.
struct EmitterRow {
  StringRef domain;
  StringRef op;
  unsigned minInputs;
  unsigned maxInputs;
  EmitFn emit;
};
inline constexpr unsigned kVariadic = ~0u;

ArrayRef<EmitterRow> attentionEmitters();
ArrayRef<EmitterRow> convEmitters();
ArrayRef<EmitterRow> elementwiseEmitters();
ArrayRef<EmitterRow> indexEmitters();
ArrayRef<EmitterRow> layoutEmitters();
ArrayRef<EmitterRow> logicEmitters();
ArrayRef<EmitterRow> matmulEmitters();
ArrayRef<EmitterRow> normEmitters();
ArrayRef<EmitterRow> reduceEmitters();
ArrayRef<EmitterRow> shapeEmitters();

/// The row for a node's operator, or null.
const EmitterRow *findEmitter(StringRef domain, StringRef op);

} // namespace mlir::aimc::emit
