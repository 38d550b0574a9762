//===- aimc-opt.cpp - run passes on aimc modules ----------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// mlir-opt with our dialect, passes and pipelines beside upstream's, and with our bound on how deep
// its input nests.
//
//===----------------------------------------------------------------------===//

#include "OutputFile.h"
#include "aimc/Analysis/MlirText.h"
#include "aimc/InitAll.h"

#include "mlir/Support/FileUtilities.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Process.h"

using namespace mlir;

namespace {

LogicalResult optimize(llvm::StringRef inputName, llvm::StringRef outputName,
                       DialectRegistry &registry, const MlirOptMainConfig &config) {
  if (inputName == "-" && llvm::sys::Process::FileDescriptorIsDisplayed(fileno(stdin)))
    llvm::errs() << "(processing input from stdin now, hit ctrl-c/ctrl-d to interrupt)\n";
  std::string problem;
  auto input = openInputFile(inputName, &problem);
  if (!input) {
    llvm::errs() << problem << "\n";
    return failure();
  }
  if (auto tooDeep = mlir::aimc::mlirTooDeep(input->getBuffer())) {
    llvm::errs() << inputName << ": error: " << *tooDeep << "\n";
    return failure();
  }
  if (outputName == "-")
    return MlirOptMain(llvm::outs(), std::move(input), registry, config);
  // Before the work rather than after it.
  if (auto writable = ::aimc::run::checkWritable(outputName.str()); !writable) {
    llvm::errs() << "aimc-opt: error: " << writable.error() << "\n";
    return failure();
  }
  // What was there stays until all of the new is, and where a pass fails.
  llvm::SmallString<0> text;
  llvm::raw_svector_ostream made(text);
  if (failed(MlirOptMain(made, std::move(input), registry, config)))
    return failure();
  if (auto done = ::aimc::run::writeWhole(outputName.str(), text.data(), text.size()); !done) {
    llvm::errs() << "aimc-opt: error: " << done.error() << "\n";
    return failure();
  }
  return success();
}

} // namespace

int main(int argc, char **argv) {
  DialectRegistry registry;
  mlir::aimc::registerAllDialects(registry);
  mlir::aimc::registerAllPasses();
  const auto [input, output] =
      registerAndParseCLIOptions(argc, argv, "AIMC modular optimizer driver\n", registry);
  const auto config = MlirOptMainConfig::createFromCLOptions();
  if (config.shouldShowDialects() || config.shouldListPasses()) // reads nothing
    return asMainReturnCode(MlirOptMain(argc, argv, input, output, registry));
  llvm::InitLLVM init(argc, argv);
  ::aimc::run::prepareSignals();
  return asMainReturnCode(optimize(input, output, registry, config));
}
