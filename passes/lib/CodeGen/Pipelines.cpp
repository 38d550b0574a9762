//===- Pipelines.cpp - the order of code generation -----------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "aimc/CodeGen/Passes.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::aimc;

void mlir::aimc::buildDigitalPipeline(OpPassManager &pm) {
  pm.addPass(createPrepareDigital());
  pm.addPass(createOutlineKernels());
  pm.addPass(createLowerToRuntime());
}

void mlir::aimc::buildKernelPipeline(OpPassManager &pm, const CodeGenOptions &options) {
  auto nest = [&]() -> OpPassManager & { return pm.nest<func::FuncOp>(); };
  TileKernelsOptions tile;
  tile.vectorBits = options.vectorBits;
  nest().addPass(createTileKernels(tile));
  nest().addPass(createLoopInvariantSubsetHoistingPass());
  // Forwards the hoisted accumulators past their slices; otherwise bufferisation copies them.
  nest().addPass(createCanonicalizerPass());
  nest().addPass(createCSEPass());

  bufferization::OneShotBufferizePassOptions bufferize;
  bufferize.bufferizeFunctionBoundaries = true;
  bufferize.functionBoundaryTypeConversion = bufferization::LayoutMapOption::IdentityLayoutMap;
  pm.addPass(bufferization::createEmptyTensorEliminationPass());
  pm.addPass(bufferization::createOneShotBufferizePass(bufferize));
  nest().addPass(createCanonicalizerPass());
  nest().addPass(createCSEPass());
  pm.addPass(bufferization::createDropEquivalentBufferResultsPass());
  nest().addPass(createKernelRange());
  nest().addPass(createCanonicalizerPass());
  nest().addPass(createCSEPass());

  nest().addPass(createConvertLinalgToLoopsPass());
  nest().addPass(createApproximateMath());
  nest().addPass(createLoopInvariantCodeMotionPass());
  nest().addPass(createLowerVectors());
  // No canonicalisation from here on, see aimc-lower-vectors.
  nest().addPass(memref::createFoldMemRefAliasOpsPass());
  nest().addPass(createConvertVectorToSCFPass());
  nest().addPass(memref::createExpandStridedMetadataPass());
  nest().addPass(createLowerAffinePass());
  nest().addPass(createSCFToControlFlowPass());
  ConvertVectorToLLVMPassOptions vectors;
  vectors.reassociateFPReductions = true;
  pm.addPass(createConvertVectorToLLVMPass(vectors));
  nest().addPass(createConvertMathToLLVMPass());
  pm.addPass(createConvertMathToLibmPass());
  pm.addPass(createArithToLLVMConversionPass());
  pm.addPass(createConvertIndexToLLVMPass());
  pm.addPass(createConvertControlFlowToLLVMPass());
  pm.addPass(createFinalizeMemRefToLLVMConversionPass());
  ConvertFuncToLLVMPassOptions functions;
  functions.useBarePtrCallConv = true;
  pm.addPass(createConvertFuncToLLVMPass(functions));
  pm.addPass(createUBToLLVMConversionPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
  pm.addPass(createKernelTrampolines());
}

namespace {
struct CodeGenPipelineOptions : PassPipelineOptions<CodeGenPipelineOptions> {
  Option<int64_t> vectorBits{*this, "vector-bits",
                             llvm::cl::desc("Width of a vector register of the target in bits"),
                             llvm::cl::init(256)};
};
} // namespace

void mlir::aimc::registerCodeGen() {
  registerCodeGenPasses();
  PassPipelineRegistration<CodeGenPipelineOptions>(
      "aimc-codegen", "Tiled IR to the LLVM dialect: a native entry and its kernels",
      [](OpPassManager &pm, const CodeGenPipelineOptions &options) {
        buildDigitalPipeline(pm);
        buildKernelPipeline(pm, CodeGenOptions{options.vectorBits});
      });
}
