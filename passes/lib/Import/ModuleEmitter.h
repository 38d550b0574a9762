//===- ModuleEmitter.h - one graph to one module ----------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Owns the module under construction: its main function, the SSA value of each graph value, and
// the constants, each of which is created once at its first use.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Emitter.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/MapVector.h"

namespace mlir::aimc::emit {

class ModuleEmitter {
public:
  ModuleEmitter(MLIRContext *context, const onnx::Graph &graph);

  /// The module, or null after one diagnostic.
  OwningOpRef<ModuleOp> run();

  const onnx::Graph &graph;

  /// SSA value of a graph value; null where nothing computed it. Constants appear on demand.
  Value value(onnx::ValueId id);
  LogicalResult setValue(onnx::ValueId id, Value v);
  /// A constant graph value with its elements in another shape.
  Value constantAs(onnx::ValueId id, ArrayRef<int64_t> shape);
  RankedTensorType type(onnx::ValueId id) const;
  /// Has numbers that are known at run time only checked before `node` reads with them: `indices`
  /// are single numbers into an axis of size sizes[0], or with `tuples` rows of sizes.size()
  /// numbers.
  void checkIndices(const onnx::Node &node, onnx::ValueId indices, ArrayRef<int64_t> sizes,
                    bool tuples);
  /// The node that computes a value, or null.
  const onnx::Node *producer(onnx::ValueId id) const { return producers.lookup(id); }

private:
  LogicalResult createMain();
  LogicalResult emitNode(const onnx::Node &node);
  LogicalResult createReturn();
  Location locationOf(const onnx::Node &node) const;
  Value constant(const onnx::Constant &data, const onnx::Value &value);
  TypedAttr attributeOf(const onnx::Constant &constant, StringRef name);
  Type elementType(onnx::DType dtype) const;
  RankedTensorType type(const onnx::TensorType &type) const;

  MLIRContext *context;
  OpBuilder builder;
  OwningOpRef<ModuleOp> module;
  func::FuncOp main;
  SmallVector<Value> values;
  llvm::DenseMap<onnx::ValueId, const onnx::Node *> producers;
  llvm::MapVector<Attribute, func::FuncOp> checks; ///< by what they check
  llvm::DenseMap<std::pair<const void *, Type>, Value> constants;
  Operation *lastConstant = nullptr;
};

} // namespace mlir::aimc::emit
