//===- AIMCDialect.cpp - dialect registration -----------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "aimc/IR/AIMC.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::aimc;

#include "aimc/IR/AIMCDialect.cpp.inc"
#include "aimc/IR/AIMCEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "aimc/IR/AIMCAttributes.cpp.inc"

void AIMCDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "aimc/IR/AIMCAttributes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "aimc/IR/AIMCOps.cpp.inc"
      >();
}

void mlir::aimc::registerAIMCDialect(DialectRegistry &registry) {
  registry.insert<AIMCDialect>();
  registerBufferizableOpInterfaceExternalModels(registry);
}
