//===- AIMCOps.td - ops of the aimc dialect ----------------*- tablegen -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Ops by family: symbols describe, compute ops compute.
//
//===----------------------------------------------------------------------===//

#ifndef AIMC_IR_AIMCOPS_TD
#define AIMC_IR_AIMCOPS_TD

include "aimc/IR/AIMCSymbolOps.td"
include "aimc/IR/AIMCComputeOps.td"

#endif // AIMC_IR_AIMCOPS_TD
