//===- aimc-translate.cpp - other formats to MLIR, and tiles to circuits --===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// aimc-translate --import-onnx model.onnx --dim batch=1 --dim seq=128 [-o out.mlir]
// aimc-translate --export-spice tiled.mlir --tile=@q.r0.c0 --input=1,-3,0.5 [-o tile.cir]
//
//===----------------------------------------------------------------------===//
#include "OutputFile.h"
#include "Translations.h"

#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/InitLLVM.h"

using namespace llvm;

enum ExitCode { kDone = 0, kBadInput = 1, kBadUsage = 2 };

int main(int argc, char **argv) {
  InitLLVM init(argc, argv);
  cl::OptionCategory category("aimc-translate options");
  cl::opt<std::string> output("o", cl::desc("output file, - for standard output"),
                              cl::value_desc("file"), cl::init("-"), cl::cat(category));
  ::aimc::translate::ImportFlags importFlags(category);
  ::aimc::translate::SpiceFlags spiceFlags(category);
  cl::HideUnrelatedOptions(category);
  const char *overview = "Translates models to MLIR, and tiles to circuits\n";
  if (!cl::ParseCommandLineOptions(argc, argv, overview, &errs()))
    return kBadUsage;
  const bool importing = importFlags.chosen(), exporting = spiceFlags.chosen();
  std::string mistake;
  if (importing == exporting)
    mistake = "expected one of --import-onnx=<file> and --export-spice=<file>, but got " +
              std::string(importing ? "both" : "none");
  else
    mistake = importing ? importFlags.mistake() : spiceFlags.mistake();
  if (!mistake.empty()) {
    errs() << "aimc-translate: error: " << mistake << '\n';
    return kBadUsage;
  }

  mlir::MLIRContext context;
  context.getDiagEngine().registerHandler([](mlir::Diagnostic &diagnostic) {
    bool isError = diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error;
    errs() << "aimc-translate: " << (isError ? "error: " : "note: ") << diagnostic << '\n';
  });
  SmallString<0> text;
  raw_svector_ostream made(text);
  if (failed(importing ? importFlags.run(&context, made) : spiceFlags.run(&context, made)))
    return kBadInput;
  if (output == "-") {
    outs() << text;
    outs().flush();
    if (!outs().has_error())
      return kDone;
    errs() << "aimc-translate: error: standard output: cannot write: " << outs().error().message()
           << '\n';
    outs().clear_error();
    return kBadInput;
  }
  if (auto done = ::aimc::run::writeWhole(output, text.data(), text.size()); !done) {
    errs() << "aimc-translate: error: " << done.error() << '\n';
    return kBadInput;
  }
  return kDone;
}
