//===- aimc-translate.cpp - other formats to MLIR -------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// aimc-translate --import-onnx model.onnx --dim batch=1 --dim seq=128 [-o out.mlir]
//
//===----------------------------------------------------------------------===//
#include "aimc/Import/ImportOnnx.h"

#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/ToolOutputFile.h"

using namespace llvm;

enum ExitCode { kDone = 0, kBadInput = 1, kBadUsage = 2 };

static int badUsage(const Twine &message) {
  errs() << "aimc-translate: error: " << message << '\n';
  return kBadUsage;
}

int main(int argc, char **argv) {
  InitLLVM init(argc, argv);
  cl::OptionCategory category("aimc-translate options");
  cl::opt<std::string> model("import-onnx", cl::desc("read this ONNX model"),
                             cl::value_desc("file"), cl::cat(category));
  cl::list<std::string> dims("dim", cl::desc("size of a symbolic dimension (repeatable)"),
                             cl::value_desc("name=size"), cl::cat(category));
  cl::opt<std::string> output("o", cl::desc("output file, - for standard output"),
                              cl::value_desc("file"), cl::init("-"), cl::cat(category));
  cl::opt<bool> elide("elide", cl::desc("print large constants as their name only"),
                      cl::cat(category));
  cl::opt<bool> bytecode("emit-bytecode", cl::desc("write MLIR bytecode"), cl::cat(category));
  cl::opt<bool> locations("mlir-print-debuginfo", cl::desc("print layer and node names"),
                          cl::cat(category));
  cl::HideUnrelatedOptions(category);
  if (!cl::ParseCommandLineOptions(argc, argv, "Translates models to MLIR\n", &errs()))
    return kBadUsage;
  if (model.empty())
    return badUsage("expected --import-onnx=<file>, but got none");
  ::aimc::onnx::LoadOptions options;
  for (StringRef dim : dims) {
    auto [name, size] = dim.split('=');
    int64_t number = 0;
    if (name.empty() || size.getAsInteger(10, number) || number < 0)
      return badUsage("expected --dim name=size, but got '" + dim + "'");
    options.dims[name.str()] = number;
  }

  mlir::MLIRContext context;
  context.getDiagEngine().registerHandler([](mlir::Diagnostic &diagnostic) {
    bool isError = diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error;
    errs() << "aimc-translate: " << (isError ? "error: " : "note: ") << diagnostic << '\n';
  });
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::aimc::importOnnx(&context, model, options);
  if (!module)
    return kBadInput;

  std::string error;
  std::unique_ptr<ToolOutputFile> file = mlir::openOutputFile(output, &error);
  if (!file) {
    errs() << "aimc-translate: error: " << error << '\n';
    return kBadInput;
  }
  if (bytecode) {
    if (failed(mlir::writeBytecodeToFile(*module, file->os())))
      return kBadInput;
  } else {
    mlir::OpPrintingFlags flags;
    if (locations)
      flags.enableDebugInfo();
    if (elide)
      flags.elideLargeElementsAttrs().elideLargeResourceString(0);
    module->print(file->os(), flags);
  }
  file->os().flush();
  if (file->os().has_error()) {
    errs() << "aimc-translate: error: " << output << ": " << file->os().error().message() << '\n';
    file->os().clear_error();
    return kBadInput;
  }
  file->keep();
  return kDone;
}
