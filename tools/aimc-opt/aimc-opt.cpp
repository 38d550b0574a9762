//===- aimc-opt.cpp - run passes on aimc modules ----------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// mlir-opt with our dialect, passes and pipelines beside upstream's.
//
//===----------------------------------------------------------------------===//

#include "aimc/InitAll.h"

#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::aimc::registerAllDialects(registry);
  mlir::aimc::registerAllPasses();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "AIMC modular optimizer driver\n", registry));
}
