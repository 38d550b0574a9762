//===- KernelTrampolines.cpp - one signature for all kernels --------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "aimc/CodeGen/Passes.h"
#include "aimc/IR/AIMC.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace mlir::aimc {
#define GEN_PASS_DEF_KERNELTRAMPOLINES
#include "aimc/CodeGen/Passes.h.inc"
} // namespace mlir::aimc

using namespace mlir;
using namespace mlir::aimc;

namespace {

class KernelTrampolinesPass
    : public ::mlir::aimc::impl::KernelTrampolinesBase<KernelTrampolinesPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    for (Operation &op : llvm::make_early_inc_range(*module.getBody()))
      if (isa<TargetOp, WeightOp, TileOp>(op))
        op.erase();
    SymbolTable symbols(module);
    SmallVector<LLVM::LLVMFuncOp> kernels;
    for (auto kernel : module.getOps<LLVM::LLVMFuncOp>())
      if (kernel->hasAttr(kKernelAttr) && !kernel.isExternal())
        kernels.push_back(kernel);
    for (LLVM::LLVMFuncOp kernel : kernels)
      define(symbols, kernel);
  }

  static void define(SymbolTable &symbols, LLVM::LLVMFuncOp kernel) {
    MLIRContext *context = kernel.getContext();
    OpBuilder builder(kernel);
    Location loc = kernel.getLoc();
    auto ptr = LLVM::LLVMPointerType::get(context);
    Type i64 = builder.getI64Type();
    std::string name = (kernel.getName() + "_run").str();
    auto run = symbols.lookup<LLVM::LLVMFuncOp>(name);
    if (!run) {
      run = LLVM::LLVMFuncOp::create(
          builder, loc, name,
          LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(context), {ptr, i64, i64}));
      symbols.insert(run);
    }
    kernel.setLinkage(LLVM::Linkage::Internal);
    // Inlining would trade the arguments' noalias for scopes that the vectoriser may lose.
    kernel.setNoInline(true);
    run.setLinkage(LLVM::Linkage::Internal);
    builder.setInsertionPointToStart(run.addEntryBlock(builder));
    SmallVector<Value> operands;
    int64_t buffers = static_cast<int64_t>(kernel.getNumArguments()) - 2;
    for (int64_t i = 0; i < buffers; ++i) {
      Value index = LLVM::ConstantOp::create(builder, loc, i64, builder.getI64IntegerAttr(i));
      Value at = LLVM::GEPOp::create(builder, loc, ptr, ptr, run.getArgument(0), ValueRange{index});
      operands.push_back(LLVM::LoadOp::create(builder, loc, ptr, at));
    }
    operands.push_back(run.getArgument(1));
    operands.push_back(run.getArgument(2));
    LLVM::CallOp::create(builder, loc, kernel, operands);
    LLVM::ReturnOp::create(builder, loc, ValueRange{});
  }
};

} // namespace
