//===- ImportOnnx.cpp - ONNX graphs to linalg on tensors ------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Entry points of the importer and the table of emitters, put together from the families.
//
//===----------------------------------------------------------------------===//
#include "aimc/Import/ImportOnnx.h"

#include "ModuleEmitter.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/DialectRegistry.h"

namespace mlir::aimc {

const emit::EmitterRow *emit::findEmitter(StringRef domain, StringRef op) {
  static const llvm::DenseMap<std::pair<StringRef, StringRef>, const EmitterRow *> table = [] {
    llvm::DenseMap<std::pair<StringRef, StringRef>, const EmitterRow *> rows;
    for (ArrayRef<EmitterRow> family :
         {attentionEmitters(), convEmitters(), elementwiseEmitters(), indexEmitters(),
          layoutEmitters(), logicEmitters(), matmulEmitters(), normEmitters(), reduceEmitters(),
          shapeEmitters()})
      for (const EmitterRow &row : family)
        rows[{row.domain, row.op}] = &row;
    return rows;
  }();
  return table.lookup({domain, op});
}

void registerImportDialects(DialectRegistry &registry) {
  registry.insert<arith::ArithDialect, func::FuncDialect, linalg::LinalgDialect, math::MathDialect,
                  tensor::TensorDialect>();
}

OwningOpRef<ModuleOp> importOnnx(MLIRContext *context, const ::aimc::onnx::Graph &graph) {
  context->loadDialect<arith::ArithDialect, func::FuncDialect, linalg::LinalgDialect,
                       math::MathDialect, tensor::TensorDialect>();
  return emit::ModuleEmitter(context, graph).run();
}

OwningOpRef<ModuleOp> importOnnx(MLIRContext *context, StringRef path,
                                 const ::aimc::onnx::LoadOptions &options) {
  tl::expected<::aimc::onnx::Graph, ::aimc::onnx::Error> graph =
      ::aimc::onnx::load(path.str(), options);
  if (!graph) {
    emitError(UnknownLoc::get(context)) << graph.error().message;
    return {};
  }
  for (const std::string &note : graph->notes)
    emitRemark(UnknownLoc::get(context)) << note;
  return importOnnx(context, *graph);
}

} // namespace mlir::aimc
