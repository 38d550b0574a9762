//===- Modules.h - what the fuzzers of MLIR share ---------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include "Fuzz.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <optional>

namespace aimc::fuzz {

/// A context with the dialects of the programs. Attributes are never freed, so that every
/// thousandth use is of a new one.
mlir::MLIRContext &context();

/// Counts the errors of a scope, and says nothing. What lines of ours look like is checked.
class Diagnostics {
public:
  explicit Diagnostics(mlir::MLIRContext &context);
  bool anyError() const { return errors > 0; }

private:
  std::optional<mlir::ScopedDiagnosticHandler> handler;
  int errors = 0;
};

/// What a reader accepted has the same text after it was printed and read again.
void requireRoundTrip(mlir::ModuleOp module);

} // namespace aimc::fuzz
