//===- MemoryPlan.h - a fixed place for every tensor ------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The program is straight-line code over static tensors, so each tensor's lifetime is an interval
// of statement numbers and all memory is planned at compile time: one arena, views that cost
// nothing, results written straight into the caller's outputs.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SmallVector.h"

namespace mlir::aimc {

/// Bytes of a static tensor in memory, row-major; i1 takes one byte.
int64_t tensorBytes(RankedTensorType type);
int64_t elementBytes(RankedTensorType type);

/// Where a tensor lives: a byte offset into an input, an output, a constant or the arena.
struct Place {
  enum Kind { Input, Output, Constant, Arena } kind = Arena;
  int64_t index = 0;
  int64_t offset = 0;
};

/// A strided copy that the program must perform: offsets and strides in elements.
struct StridedCopy {
  Value source; ///< null: `destination` is only reserved
  SmallVector<int64_t> sizes, sourceStrides, destinationStrides;
  int64_t sourceOffset = 0, destinationOffset = 0;
};

class MemoryPlan {
public:
  /// Plans `function`; emits a diagnostic and fails on an operation that has no place.
  static FailureOr<MemoryPlan> compute(func::FuncOp function);

  Place place(Value value) const;
  /// Copies that realise `op` (a slice, an insertion); empty for views.
  ArrayRef<StridedCopy> copies(Operation *op) const;
  /// Returned values that must still be copied into their output, as (result number, value).
  ArrayRef<std::pair<unsigned, Value>> outputCopies() const { return finalCopies; }

  int64_t arenaBytes() const { return arena; }
  int64_t sumOfBuffers() const { return total; }
  /// Constants in the order of Place::index.
  ArrayRef<ElementsAttr> constants() const { return constantList; }

private:
  struct Root {
    Place place;
    int64_t bytes = 0;
    int64_t def = 0, lastUse = 0;
  };
  struct Location {
    unsigned root;
    int64_t offset;
  };

  LogicalResult run(func::FuncOp function);
  LogicalResult visit(Operation &op);
  LogicalResult visitSlice(Operation &op);
  LogicalResult visitInsert(Operation &op);
  unsigned newRoot(Value value, Place::Kind kind, int64_t index);
  LogicalResult use(Operation &op, Value value);
  void assignOutputs(func::FuncOp function);
  void allocate();

  SmallVector<Root> roots;
  llvm::DenseMap<Value, Location> locations;
  llvm::DenseMap<Operation *, SmallVector<StridedCopy, 2>> copyMap;
  SmallVector<std::pair<unsigned, Value>> finalCopies;
  SmallVector<ElementsAttr> constantList;
  llvm::DenseMap<Attribute, int64_t> constantIndex;
  int64_t position = 0, arena = 0, total = 0;
};

} // namespace mlir::aimc
