//===- AIMC.h - the aimc dialect --------------------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The one header to include for the dialect: dialect class, enums, attributes and ops, and what a
// program registers to use it.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/IR/Real.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/TilingInterface.h"

#include "aimc/IR/AIMCDialect.h.inc"
#include "aimc/IR/AIMCEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "aimc/IR/AIMCAttributes.h.inc"

#define GET_OP_CLASSES
#include "aimc/IR/AIMCOps.h.inc"

namespace mlir::aimc {

/// The resource that reads of tiles draw from: each read takes fresh numbers from the chip's noise.
struct ReadNoiseResource : public SideEffects::Resource::Base<ReadNoiseResource> {
  StringRef getName() final { return "aimc.read_noise"; }
};

/// Attach upstream's BufferizableOpInterface to the compute ops. Separate from the dialect, so that
/// a user of the dialect alone does not pull in bufferization.
void registerBufferizableOpInterfaceExternalModels(DialectRegistry &registry);

/// The dialect and its external models.
void registerAIMCDialect(DialectRegistry &registry);

} // namespace mlir::aimc
