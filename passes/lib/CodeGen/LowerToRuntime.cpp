//===- LowerToRuntime.cpp - the main program as a native entry ------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The main program becomes one C function of a frame (aimc/exec/abi.h): a sequence of calls through
// the runtime's function table. It imports no symbol, so a package loads into any process, however
// that process loaded the runtime.
//
//===----------------------------------------------------------------------===//

#include "MemoryPlan.h"
#include "aimc/CodeGen/Passes.h"
#include "aimc/Description/Mapping.h"
#include "aimc/IR/AIMC.h"
#include "aimc/exec/abi.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Remarks.h"
#include "llvm/ADT/StringSet.h"

namespace mlir::aimc {
#define GEN_PASS_DEF_LOWERTORUNTIME
#include "aimc/CodeGen/Passes.h.inc"
} // namespace mlir::aimc

using namespace mlir;
using namespace mlir::aimc;

namespace {

/// Rows of aimc_rt_table, in its order.
enum RuntimeFunction {
#define AIMC_RT_SYMBOL(name, result, parameters) rt_##name,
#include "aimc/exec/abi_symbols.def"
#undef AIMC_RT_SYMBOL
};

/// Pointer fields of aimc_frame, by their index in the struct.
enum FrameField { kTable = 2, kContext, kInputs, kOutputs, kConstants, kArena };

std::string dtypeName(Type type) {
  if (type.isInteger(1))
    return "bool";
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

/// Emits the calls of one entry.
class EntryEmitter {
public:
  EntryEmitter(LLVM::LLVMFuncOp entry, const MemoryPlan &plan, unsigned maxArguments,
               int64_t maxRank)
      : plan(plan), builder(entry.getBody()), loc(entry.getLoc()) {
    MLIRContext *context = builder.getContext();
    ptr = LLVM::LLVMPointerType::get(context);
    i64 = builder.getI64Type();
    i32 = builder.getI32Type();
    exit = builder.createBlock(&entry.getBody(), entry.getBody().end(), {i32}, {loc});
    LLVM::ReturnOp::create(builder, loc, exit->getArgument(0));
    builder.setInsertionPointToStart(&entry.getBody().front());
    frame = entry.getArgument(0);
    auto frameType =
        LLVM::LLVMStructType::getLiteral(context, {i32, i32, ptr, ptr, ptr, ptr, ptr, ptr});
    for (int field : {kTable, kContext, kInputs, kOutputs, kConstants, kArena}) {
      Value at = LLVM::GEPOp::create(builder, loc, ptr, frameType, frame,
                                     ArrayRef<LLVM::GEPArg>{0, field});
      fields[field] = LLVM::LoadOp::create(builder, loc, ptr, at);
    }
    arguments = LLVM::AllocaOp::create(builder, loc, ptr, ptr, constant(i32, maxArguments));
    numbers = LLVM::AllocaOp::create(builder, loc, ptr, i64, constant(i32, 3 * maxRank));
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

  void finish() { LLVM::BrOp::create(builder, loc, ValueRange{constant(i32, 0)}, exit); }

  SmallVector<int64_t> constantIds; ///< Place::index of a constant -> index in the package

private:
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
    Value status = LLVM::CallOp::create(builder, loc, type, all).getResult();
    Value failed =
        LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::ne, status, constant(i32, 0));
    Block *current = builder.getInsertionBlock();
    Block *next = builder.createBlock(exit);
    builder.setInsertionPointToEnd(current);
    LLVM::CondBrOp::create(builder, loc, failed, exit, ValueRange{status}, next, ValueRange{});
    builder.setInsertionPointToStart(next);
  }

  const MemoryPlan &plan;
  OpBuilder builder;
  Location loc;
  LLVM::LLVMPointerType ptr;
  Type i64, i32;
  Block *exit = nullptr;
  Value frame, arguments, numbers;
  llvm::DenseMap<int, Value> fields;
};

class LowerToRuntimePass : public ::mlir::aimc::impl::LowerToRuntimeBase<LowerToRuntimePass> {
public:
  using LowerToRuntimeBase::LowerToRuntimeBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto main = module.lookupSymbol<func::FuncOp>("main");
    if (!main || main.isDeclaration()) {
      module.emitError("expected a function 'main' with a body");
      return signalPassFailure();
    }
    llvm::StringSet<> names;
    for (unsigned i = 0; i < main.getNumResults(); ++i)
      if (auto name = main.getResultAttrOfType<StringAttr>(i, kNameAttr);
          name && !names.insert(name.getValue()).second) {
        main.emitError("expected outputs of different names, but got '")
            << name.getValue() << "' twice";
        return signalPassFailure();
      }
    FailureOr<MemoryPlan> plan = MemoryPlan::compute(main);
    if (failed(plan) || failed(lower(module, main, *plan)))
      return signalPassFailure();
    remark::analysis(module.getLoc(),
                     remark::RemarkOpts::name("aimc-lower-to-runtime").category("aimc"))
        << remark::metric("arena_bytes", plan->arenaBytes())
        << remark::metric("sum_of_buffers", plan->sumOfBuffers());
    main.erase();
  }

private:
  LogicalResult lower(ModuleOp module, func::FuncOp main, const MemoryPlan &plan) {
    MLIRContext *context = &getContext();
    OpBuilder builder(context);
    builder.setInsertionPoint(main);
    auto ptr = LLVM::LLVMPointerType::get(context);
    Location loc = UnknownLoc::get(context);
    std::string symbol = ("aimc_entry_" + Twine(entry)).str();
    auto entryFunc = LLVM::LLVMFuncOp::create(
        builder, loc, symbol, LLVM::LLVMFunctionType::get(builder.getI32Type(), {ptr}));
    entryFunc.addEntryBlock(builder);

    unsigned maxArguments = 1;
    int64_t maxRank = 1;
    main.walk([&](Operation *op) {
      maxArguments = std::max(maxArguments, op->getNumOperands() + op->getNumResults());
      for (Type type : op->getOperandTypes())
        if (auto tensor = dyn_cast<RankedTensorType>(type))
          maxRank = std::max(maxRank, tensor.getRank());
    });
    EntryEmitter emitter(entryFunc, plan, maxArguments, maxRank);
    emitter.constantIds = registerConstants(module, main, plan);
    SymbolTable symbols(module);
    for (Operation &op : main.getBody().front()) {
      if (auto call = dyn_cast<func::CallOp>(op)) {
        auto kernel = symbols.lookup<func::FuncOp>(call.getCallee());
        if (!kernel || !kernel->hasAttr(kKernelAttr))
          return call.emitError("expected a call to a kernel, but got '")
                 << call.getCallee() << "'";
        declareRun(builder, symbols, kernel);
        emitter.callKernel(call, kernel->getAttrOfType<IntegerAttr>(kTilesAttr).getInt());
      } else if (auto grid = dyn_cast<GridOp>(op)) {
        emitter.callGrid(grid, registerGrid(module, grid));
      } else {
        for (const StridedCopy &copy : plan.copies(&op))
          emitter.callCopy(copy, plan.place(op.getResult(0)));
      }
    }
    for (auto [i, value] : plan.outputCopies()) {
      auto type = cast<RankedTensorType>(value.getType());
      StridedCopy copy;
      copy.source = value;
      copy.sizes = {type.getNumElements()};
      copy.sourceStrides = copy.destinationStrides = {1};
      emitter.callCopy(copy, Place{Place::Output, i, 0});
    }
    emitter.finish();
    registerEntry(module, main, symbol, plan);
    return success();
  }

  static void declareRun(OpBuilder &builder, SymbolTable &symbols, func::FuncOp kernel) {
    std::string name = (kernel.getName() + "_run").str();
    if (symbols.lookup(name))
      return;
    auto ptr = LLVM::LLVMPointerType::get(builder.getContext());
    Type i64 = builder.getI64Type();
    OpBuilder::InsertionGuard guard(builder);
    auto type =
        LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(builder.getContext()), {ptr, i64, i64});
    symbols.insert(LLVM::LLVMFuncOp::create(builder, kernel.getLoc(), name, type));
  }

  static void append(ModuleOp module, StringRef name, ArrayRef<Attribute> more) {
    SmallVector<Attribute> all;
    if (auto old = module->getAttrOfType<ArrayAttr>(name))
      llvm::append_range(all, old);
    llvm::append_range(all, more);
    module->setAttr(name, ArrayAttr::get(module.getContext(), all));
  }

  /// Adds the plan's constants to the module's list; returns their indices there.
  static SmallVector<int64_t> registerConstants(ModuleOp module, func::FuncOp main,
                                                const MemoryPlan &plan) {
    Builder builder(module.getContext());
    SmallVector<Attribute> all;
    if (auto old = module->getAttrOfType<ArrayAttr>(kConstantsAttr))
      llvm::append_range(all, old);
    llvm::DenseMap<Attribute, int64_t> known;
    for (auto [i, entry] : llvm::enumerate(all))
      known[cast<DictionaryAttr>(entry).get("value")] = static_cast<int64_t>(i);
    SmallVector<int64_t> ids;
    for (ElementsAttr value : plan.constants()) {
      auto [it, isNew] = known.try_emplace(value, static_cast<int64_t>(all.size()));
      ids.push_back(it->second);
      if (!isNew)
        continue;
      std::string name = ("constant." + Twine(all.size())).str();
      if (auto resource = dyn_cast<DenseResourceElementsAttr>(value))
        name = resource.getRawHandle().getKey().str();
      all.push_back(
          builder.getDictionaryAttr({builder.getNamedAttr("name", builder.getStringAttr(name)),
                                     builder.getNamedAttr("value", value)}));
    }
    module->setAttr(kConstantsAttr, builder.getArrayAttr(all));
    return ids;
  }

  static int64_t registerGrid(ModuleOp module, GridOp grid) {
    Builder builder(module.getContext());
    auto old = module->getAttrOfType<ArrayAttr>(kGridsAttr);
    int64_t id = old ? static_cast<int64_t>(old.size()) : 0;
    SmallVector<NamedAttribute> fields{
        builder.getNamedAttr("weights", grid.getWeightsAttr()),
        builder.getNamedAttr("layer", builder.getStringAttr(layerOf(grid.getLoc())))};
    if (auto range = grid.getInputRangeAttr())
      fields.push_back(builder.getNamedAttr("input_range", range));
    append(module, kGridsAttr, builder.getDictionaryAttr(fields));
    return id;
  }

  static void registerEntry(ModuleOp module, func::FuncOp main, StringRef symbol,
                            const MemoryPlan &plan) {
    Builder builder(module.getContext());
    auto describe = [&](Type type, StringAttr name, const Twine &fallback) -> Attribute {
      auto tensor = cast<RankedTensorType>(type);
      return builder.getDictionaryAttr(
          {builder.getNamedAttr("dtype", builder.getStringAttr(dtypeName(tensor.getElementType()))),
           builder.getNamedAttr("name", name ? name : builder.getStringAttr(fallback)),
           builder.getNamedAttr("shape", builder.getI64ArrayAttr(tensor.getShape()))});
    };
    SmallVector<Attribute> inputs, outputs;
    for (auto [i, type] : llvm::enumerate(main.getArgumentTypes()))
      inputs.push_back(
          describe(type, main.getArgAttrOfType<StringAttr>(i, kNameAttr), "input" + Twine(i)));
    for (auto [i, type] : llvm::enumerate(main.getResultTypes()))
      outputs.push_back(
          describe(type, main.getResultAttrOfType<StringAttr>(i, kNameAttr), "output" + Twine(i)));
    SmallVector<NamedAttribute> fields{
        builder.getNamedAttr("symbol", builder.getStringAttr(symbol)),
        builder.getNamedAttr("arena_bytes", builder.getI64IntegerAttr(plan.arenaBytes())),
        builder.getNamedAttr("inputs", builder.getArrayAttr(inputs)),
        builder.getNamedAttr("outputs", builder.getArrayAttr(outputs))};
    append(module, kEntriesAttr, builder.getDictionaryAttr(fields));
  }
};

} // namespace
