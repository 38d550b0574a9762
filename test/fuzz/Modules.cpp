//===- Modules.cpp - what the fuzzers of MLIR share -----------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Modules.h"

#include "aimc/IR/AIMC.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace aimc::fuzz {

namespace {
constexpr int kUses = 1000;

std::string textOf(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream);
  return text;
}
} // namespace

MLIRContext &context() {
  static std::unique_ptr<MLIRContext> current;
  static int uses = 0;
  if (!current || ++uses == kUses) {
    uses = 0;
    current.reset(); // before the next one is made
    DialectRegistry registry;
    registry.insert<arith::ArithDialect, func::FuncDialect, linalg::LinalgDialect,
                    math::MathDialect, scf::SCFDialect, tensor::TensorDialect>();
    mlir::aimc::registerAIMCDialect(registry);
    current = std::make_unique<MLIRContext>(registry, MLIRContext::Threading::DISABLED);
    current->printOpOnDiagnostic(false);
  }
  return *current;
}

Diagnostics::Diagnostics(MLIRContext &context) {
  handler.emplace(&context, [this](Diagnostic &diagnostic) {
    errors += diagnostic.getSeverity() == DiagnosticSeverity::Error;
    require(!diagnostic.str().empty(), "expected a diagnostic that says something");
    return success();
  });
}

void requireRoundTrip(ModuleOp module) {
  const std::string text = textOf(module);
  OwningOpRef<ModuleOp> again = parseSourceString<ModuleOp>(text, module.getContext());
  require(bool(again), "expected that the printed module can be read");
  require(textOf(*again) == text, "expected the same text of the module that was read again");
}

} // namespace aimc::fuzz
