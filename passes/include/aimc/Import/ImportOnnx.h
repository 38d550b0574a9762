//===- ImportOnnx.h - ONNX graphs to linalg on tensors ----------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Lowers the typed graph that the ONNX front end produces to one MLIR module of linalg on tensors
// (docs/Contracts.md, section 1). Weight bytes are shared with the graph, never copied: the
// module's resource blobs keep their owners alive.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/onnx/Graph.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace mlir {
class DialectRegistry;

namespace aimc {

/// Registers the dialects that importOnnx() creates operations of.
void registerImportDialects(DialectRegistry &registry);

/// The module for `graph`, or null after one error diagnostic that names file, node and cause.
OwningOpRef<ModuleOp> importOnnx(MLIRContext *context, const ::aimc::onnx::Graph &graph);

/// Reads and checks `path`, then imports it. Notes of the reader become remarks.
OwningOpRef<ModuleOp> importOnnx(MLIRContext *context, StringRef path,
                                 const ::aimc::onnx::LoadOptions &options);

} // namespace aimc
} // namespace mlir
