//===- EntryEmitter.h - the calls of an entry -------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// An entry is straight-line code: one call through the runtime's table for each kernel, tile read,
// copy and check of the program, each of which can end it.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "MemoryPlan.h"
#include "aimc/IR/AIMC.h"
#include "aimc/exec/abi.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::aimc {

/// Rows of aimc_rt_table, in its order.
enum RuntimeFunction {
#define AIMC_RT_SYMBOL(name, result, parameters) rt_##name,
#include "aimc/exec/abi_symbols.def"
#undef AIMC_RT_SYMBOL
};

/// Pointer fields of aimc_frame, by their index in the struct.
enum FrameField { kTable = 2, kContext, kInputs, kOutputs, kConstants, kArena };

/// Emits the calls of one entry.
class EntryEmitter {
public:
  /// The entry is `symbol`, before `main` in its module. No call takes more than `maxArguments`
  /// tensors or lists longer than `maxRank`.
  EntryEmitter(func::FuncOp main, StringRef symbol, const MemoryPlan &plan, unsigned maxArguments,
               int64_t maxRank)
      : plan(plan), outer(main), builder(main.getContext()), loc(builder.getUnknownLoc()),
        symbol(symbol), maxArguments(maxArguments), maxRank(maxRank) {
    ptr = LLVM::LLVMPointerType::get(main.getContext());
    i64 = builder.getI64Type();
    i32 = builder.getI32Type();
    beginPart();
  }

  /// After each statement of the program: a part that has become long ends.
  void endStatement() {
    if (calls < kPartCalls)
      return;
    endPart();
    beginPart();
  }

  Value constant(Type type, int64_t value) {
    return LLVM::ConstantOp::create(builder, loc, type, builder.getIntegerAttr(type, value));
  }

  Value pointer(Value tensor) { return pointer(plan.place(tensor)); }

  Value pointer(Place place) {
    Value base;
    switch (place.kind) {
    case Place::Arena:
      base = fields[kArena];
      break;
    case Place::Input:
      base = element(fields[kInputs], place.index);
      break;
    case Place::Output:
      base = element(fields[kOutputs], place.index);
      break;
    case Place::Constant:
      base = element(fields[kConstants], constantIds[place.index]);
      break;
    }
    return place.offset == 0 ? base : advance(base, place.offset);
  }

  void callKernel(func::CallOp call, int64_t tiles) {
    storePointers(call.getOperands().drop_back(call.getNumResults()), 0);
    storePointers(call.getResults(), call.getNumOperands() - call.getNumResults());
    Value kernel = LLVM::AddressOfOp::create(builder, loc, ptr, (call.getCallee() + "_run").str());
    invoke(rt_dispatch, {ptr, ptr, ptr, i64},
           {fields[kContext], kernel, arguments, constant(i64, tiles)});
  }

  void callGrid(GridOp grid, int64_t id) {
    storePointers(grid->getResults(), 0);
    int64_t rows = cast<RankedTensorType>(grid.getInput().getType()).getDimSize(0);
    invoke(rt_grid, {ptr, i32, i64, ptr, ptr},
           {fields[kContext], constant(i32, id), constant(i64, rows), pointer(grid.getInput()),
            arguments});
  }

  /// `check`: see ModuleEmitter::checkIndices.
  void callCheck(Value indices, DictionaryAttr check, LLVM::GlobalOp what) {
    auto type = cast<RankedTensorType>(indices.getType());
    ArrayRef<int64_t> shape = type.getShape(),
                      sizes = check.getAs<DenseI64ArrayAttr>("sizes").asArrayRef();
    if (check.getAs<BoolAttr>("tuples").getValue())
      shape = shape.drop_back();
    int64_t rank = static_cast<int64_t>(shape.size());
    Value text = LLVM::AddressOfOp::create(builder, loc, what),
          shapePointer = storeNumbers(shape, 0), sizePointer = storeNumbers(sizes, rank);
    invoke(rt_check_indices, {ptr, ptr, ptr, ptr, i32, i32, ptr, i32},
           {fields[kContext], text, pointer(indices), shapePointer, constant(i32, rank),
            constant(i32, elementBytes(type)), sizePointer,
            constant(i32, static_cast<int64_t>(sizes.size()))});
  }

  /// Adjacent dimensions that are contiguous on both sides are merged, so that the runtime sees the
  /// fewest and longest runs.
  void callCopy(StridedCopy copy, Place destination) {
    auto type = cast<RankedTensorType>(copy.source.getType());
    int64_t width = elementBytes(type);
    SmallVector<int64_t> sizes, from, to;
    for (auto [n, s, d] : llvm::zip(copy.sizes, copy.sourceStrides, copy.destinationStrides)) {
      if (n == 0)
        return;
      if (n == 1)
        continue;
      if (!sizes.empty() && from.back() == s * n && to.back() == d * n) {
        sizes.back() *= n, from.back() = s, to.back() = d;
        continue;
      }
      sizes.push_back(n), from.push_back(s), to.push_back(d);
    }
    if (sizes.empty())
      sizes.push_back(1), from.push_back(1), to.push_back(1);
    Place source = plan.place(copy.source);
    source.offset += copy.sourceOffset * width;
    destination.offset += copy.destinationOffset * width;
    int64_t rank = static_cast<int64_t>(sizes.size());
    Value toStrides = storeNumbers(to, 0), fromStrides = storeNumbers(from, rank),
          sizePointer = storeNumbers(sizes, 2 * rank);
    invoke(rt_copy, {ptr, ptr, ptr, ptr, ptr, ptr, i32, i32},
           {fields[kContext], pointer(destination), toStrides, pointer(source), fromStrides,
            sizePointer, constant(i32, rank), constant(i32, width)});
  }

  void finish() {
    endPart();
    if (parts.size() == 1)
      return;
    for (auto [i, part] : llvm::enumerate(parts)) {
      part.setName((symbol + "_part_" + Twine(i)).str());
      part.setLinkage(LLVM::Linkage::Internal);
      part.setNoInline(true);
    }
    beginFunction();
    frame = function.getArgument(0);
    for (LLVM::LLVMFuncOp part : parts)
      leaveOnFailure(LLVM::CallOp::create(builder, loc, part, ValueRange{frame}).getResult());
    endPart();
  }

  SmallVector<int64_t> constantIds; ///< Place::index of a constant -> index in the package

private:
  /// An entry of many thousand calls in one function costs LLVM time that grows with their square.
  static constexpr int64_t kPartCalls = 128;

  void beginFunction() {
    function =
        LLVM::LLVMFuncOp::create(outer, loc, symbol, LLVM::LLVMFunctionType::get(i32, {ptr}));
    function.addEntryBlock(outer);
    exit = builder.createBlock(&function.getBody(), function.getBody().end(), {i32}, {loc});
    LLVM::ReturnOp::create(builder, loc, exit->getArgument(0));
    builder.setInsertionPointToStart(&function.getBody().front());
  }

  void beginPart() {
    beginFunction();
    calls = 0;
    frame = function.getArgument(0);
    auto frameType = LLVM::LLVMStructType::getLiteral(builder.getContext(),
                                                      {i32, i32, ptr, ptr, ptr, ptr, ptr, ptr});
    for (int field : {kTable, kContext, kInputs, kOutputs, kConstants, kArena}) {
      Value at = LLVM::GEPOp::create(builder, loc, ptr, frameType, frame,
                                     ArrayRef<LLVM::GEPArg>{0, field});
      fields[field] = LLVM::LoadOp::create(builder, loc, ptr, at);
    }
    arguments = LLVM::AllocaOp::create(builder, loc, ptr, ptr, constant(i32, maxArguments));
    numbers = LLVM::AllocaOp::create(builder, loc, ptr, i64, constant(i32, 3 * maxRank));
  }

  void endPart() {
    LLVM::BrOp::create(builder, loc, ValueRange{constant(i32, 0)}, exit);
    parts.push_back(function);
  }

  Value advance(Value base, int64_t bytes) { return gep(builder.getI8Type(), base, bytes); }

  Value gep(Type type, Value base, int64_t index) {
    return LLVM::GEPOp::create(builder, loc, ptr, type, base, ValueRange{constant(i64, index)});
  }

  Value element(Value array, int64_t index) {
    return LLVM::LoadOp::create(builder, loc, ptr, gep(ptr, array, index));
  }

  void storePointers(ValueRange tensors, int64_t first) {
    for (auto [i, tensor] : llvm::enumerate(tensors))
      LLVM::StoreOp::create(builder, loc, pointer(tensor),
                            gep(ptr, arguments, first + static_cast<int64_t>(i)));
  }

  Value storeNumbers(ArrayRef<int64_t> values, int64_t first) {
    for (auto [i, value] : llvm::enumerate(values))
      LLVM::StoreOp::create(builder, loc, constant(i64, value),
                            gep(i64, numbers, first + static_cast<int64_t>(i)));
    return gep(i64, numbers, first);
  }

  /// Calls row `row` of the table and leaves the entry when the status is not zero.
  void invoke(RuntimeFunction row, ArrayRef<Type> parameters, ValueRange operands) {
    Value function = element(fields[kTable], row);
    auto type = LLVM::LLVMFunctionType::get(i32, parameters);
    SmallVector<Value> all{function};
    llvm::append_range(all, operands);
    ++calls;
    leaveOnFailure(LLVM::CallOp::create(builder, loc, type, all).getResult());
  }

  void leaveOnFailure(Value status) {
    Value failed =
        LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::ne, status, constant(i32, 0));
    Block *current = builder.getInsertionBlock();
    Block *next = builder.createBlock(exit);
    builder.setInsertionPointToEnd(current);
    LLVM::CondBrOp::create(builder, loc, failed, exit, ValueRange{status}, next, ValueRange{});
    builder.setInsertionPointToStart(next);
  }

  const MemoryPlan &plan;
  OpBuilder outer, builder;
  Location loc;
  std::string symbol;
  unsigned maxArguments;
  int64_t maxRank, calls = 0;
  LLVM::LLVMFuncOp function;
  SmallVector<LLVM::LLVMFuncOp> parts;
  LLVM::LLVMPointerType ptr;
  Type i64, i32;
  Block *exit = nullptr;
  Value frame, arguments, numbers;
  llvm::DenseMap<int, Value> fields;
};

} // namespace mlir::aimc
