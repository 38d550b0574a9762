//===- Translations.h - the translations and their flags --------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// One class per translation: its flags, what is wrong with their use, and its work.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "ExportSpice.h"
#include "aimc/Import/ImportOnnx.h"

#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/CommandLine.h"

namespace aimc::translate {

class ImportFlags {
public:
  explicit ImportFlags(llvm::cl::OptionCategory &category);
  bool chosen() const { return !model.empty(); }
  /// Reads the flags; a line about a wrong one, or nothing.
  std::string mistake();
  mlir::LogicalResult run(mlir::MLIRContext *context, llvm::raw_ostream &out);

private:
  llvm::cl::opt<std::string> model;
  llvm::cl::list<std::string> dims;
  llvm::cl::opt<bool> elide, bytecode, locations;
  onnx::LoadOptions options;
};

class SpiceFlags {
public:
  explicit SpiceFlags(llvm::cl::OptionCategory &category);
  bool chosen() const { return !file.empty(); }
  std::string mistake();
  mlir::LogicalResult run(mlir::MLIRContext *context, llvm::raw_ostream &out);

private:
  llvm::cl::opt<std::string> file, block, input, time;
  llvm::cl::opt<int64_t> vector, pass, pair;
  llvm::cl::opt<uint64_t> seed;
  llvm::cl::opt<bool> ticks, noNoise;
  SpiceOptions options;
};

} // namespace aimc::translate
