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

#include "EntryEmitter.h"
#include "aimc/CodeGen/Passes.h"
#include "aimc/Description/Mapping.h"
#include "aimc/IR/AIMC.h"
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

std::string dtypeName(Type type) {
  if (type.isInteger(1))
    return "bool";
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

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
    OpBuilder builder(main);
    std::string symbol = ("aimc_entry_" + Twine(entry)).str();
    unsigned maxArguments = 1;
    int64_t maxRank = 1;
    main.walk([&](Operation *op) {
      maxArguments = std::max(maxArguments, op->getNumOperands() + op->getNumResults());
      for (Type type : op->getOperandTypes())
        if (auto tensor = dyn_cast<RankedTensorType>(type))
          maxRank = std::max(maxRank, tensor.getRank());
    });
    SmallVector<func::FuncOp> checks;
    if (failed(verifyChecks(module)))
      return failure();
    for (auto function : module.getOps<func::FuncOp>())
      if (auto check = function->getAttrOfType<DictionaryAttr>(kIndexCheckAttr)) {
        checks.push_back(function);
        maxRank = std::max(maxRank, check.getAs<DenseI64ArrayAttr>("sizes").size());
      }
    EntryEmitter emitter(main, symbol, plan, maxArguments, maxRank);
    emitter.constantIds = registerConstants(module, main, plan);
    SymbolTable symbols(module);
    SmallVector<Attribute> grids;
    if (auto old = module->getAttrOfType<ArrayAttr>(kGridsAttr))
      llvm::append_range(grids, old);
    for (Operation &op : main.getBody().front()) {
      emitter.endStatement();
      if (auto call = dyn_cast<func::CallOp>(op)) {
        auto kernel = symbols.lookup<func::FuncOp>(call.getCallee());
        if (auto check =
                kernel ? kernel->getAttrOfType<DictionaryAttr>(kIndexCheckAttr) : nullptr) {
          emitter.callCheck(call.getOperand(0), check, textOf(builder, symbols, kernel, check));
          continue;
        }
        if (!kernel || !kernel->hasAttr(kKernelAttr))
          return call.emitError("expected a call to a kernel, but got '")
                 << call.getCallee() << "'";
        declareRun(builder, symbols, kernel);
        emitter.callKernel(call, kernel->getAttrOfType<IntegerAttr>(kTilesAttr).getInt());
      } else if (auto grid = dyn_cast<GridOp>(op)) {
        emitter.callGrid(grid, static_cast<int64_t>(grids.size()));
        grids.push_back(describe(grid));
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
    if (!grids.empty())
      module->setAttr(kGridsAttr, builder.getArrayAttr(grids));
    registerEntry(module, main, symbol, plan);
    for (func::CallOp call : llvm::make_early_inc_range(main.getOps<func::CallOp>()))
      if (call.getNumResults() == 0)
        call.erase();
    for (func::FuncOp check : checks)
      check.erase();
    return success();
  }

  static LogicalResult verifyChecks(ModuleOp module) {
    for (auto function : module.getOps<func::FuncOp>()) {
      Attribute given = function->getAttr(kIndexCheckAttr);
      if (!given)
        continue;
      auto check = dyn_cast<DictionaryAttr>(given);
      auto sizes = check ? check.getAs<DenseI64ArrayAttr>("sizes") : nullptr;
      auto tuples = check ? check.getAs<BoolAttr>("tuples") : nullptr;
      bool whole = sizes && !sizes.empty() && tuples && check.getAs<StringAttr>("what") &&
                   function.getNumArguments() == 1 && function.getNumResults() == 0;
      auto type = whole ? dyn_cast<RankedTensorType>(function.getArgumentTypes()[0]) : nullptr;
      if (!type || !type.hasStaticShape() ||
          (!type.getElementType().isInteger(64) && !type.getElementType().isInteger(32)) ||
          sizes.size() != (tuples.getValue() && type.getRank() ? type.getShape().back() : 1))
        return function.emitError("expected ")
               << kIndexCheckAttr
               << " with sizes, tuples and what on a function of one static tensor of i64 or i32";
    }
    return success();
  }

  /// What a check says of the indices, as a string in the shared object.
  static LLVM::GlobalOp textOf(OpBuilder &builder, SymbolTable &symbols, func::FuncOp function,
                               DictionaryAttr check) {
    std::string name = (function.getName() + "_text").str();
    if (auto known = symbols.lookup<LLVM::GlobalOp>(name))
      return known;
    std::string text = check.getAs<StringAttr>("what").getValue().str();
    text.push_back('\0');
    OpBuilder::InsertionGuard guard(builder);
    auto type = LLVM::LLVMArrayType::get(builder.getI8Type(), text.size());
    auto global =
        LLVM::GlobalOp::create(builder, function.getLoc(), type, /*isConstant=*/true,
                               LLVM::Linkage::Internal, name, builder.getStringAttr(text));
    symbols.insert(global);
    return global;
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

  static Attribute describe(GridOp grid) {
    Builder builder(grid.getContext());
    SmallVector<NamedAttribute> fields{
        builder.getNamedAttr("weights", grid.getWeightsAttr()),
        builder.getNamedAttr("layer", builder.getStringAttr(layerOf(grid.getLoc())))};
    if (auto range = grid.getInputRangeAttr())
      fields.push_back(builder.getNamedAttr("input_range", range));
    return builder.getDictionaryAttr(fields);
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
