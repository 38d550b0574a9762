//===- aimc-opt.cpp - run passes on aimc modules ----------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// mlir-opt with our dialect, passes and pipelines beside upstream's, and with our bound on how deep
// its input nests.
//
//===----------------------------------------------------------------------===//

#include "aimc/Analysis/MlirText.h"
#include "aimc/InitAll.h"
#include "aimc/files/Destination.h"

#include "mlir/Support/FileUtilities.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/ToolOutputFile.h"

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
  if (auto own = ::aimc::files::checkDestination(outputName.str()); !own) {
    llvm::errs() << own.error() << "\n";
    return failure();
  }
  auto output = openOutputFile(outputName, &problem);
  if (!output) {
    llvm::errs() << problem << "\n";
    return failure();
  }
  if (failed(MlirOptMain(output->os(), std::move(input), registry, config)))
    return failure();
  output->keep();
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
  return asMainReturnCode(optimize(input, output, registry, config));
}
