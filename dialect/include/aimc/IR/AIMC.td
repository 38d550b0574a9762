//===- AIMC.td - everything of the aimc dialect ------------*- tablegen -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The umbrella that mlir-tblgen reads.
//
//===----------------------------------------------------------------------===//

#ifndef AIMC_IR_AIMC_TD
#define AIMC_IR_AIMC_TD

include "aimc/IR/AIMCDialect.td"
include "aimc/IR/AIMCEnums.td"
include "aimc/IR/AIMCAttributes.td"
include "aimc/IR/AIMCOps.td"

#endif // AIMC_IR_AIMC_TD
