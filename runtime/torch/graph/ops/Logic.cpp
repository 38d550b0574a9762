//===- Logic.cpp - comparisons, truth values, Where ------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Truth values are tensors of bool. They have no gradient; Where passes it to the branch taken.
//
//===----------------------------------------------------------------------===//
#include "../NodeRun.h"

#include <ATen/ATen.h>

namespace aimc::train {

#define BINARY(op, expression)                                                                     \
  table[op] = [](NodeRun &run) {                                                                   \
    const at::Tensor &x = run.in(0), &y = run.in(1);                                               \
    run.out(expression);                                                                           \
  }

void addLogic(Table &table) {
  BINARY("And", x.logical_and(y));
  BINARY("Equal", x.eq(y));
  BINARY("Greater", x.gt(y));
  BINARY("GreaterOrEqual", x.ge(y));
  BINARY("Less", x.lt(y));
  BINARY("LessOrEqual", x.le(y));
  BINARY("Or", x.logical_or(y));
  BINARY("Xor", x.logical_xor(y));
  table["IsNaN"] = [](NodeRun &run) { run.out(run.in(0).isnan()); };
  table["Not"] = [](NodeRun &run) { run.out(run.in(0).logical_not()); };
  table["Where"] = [](NodeRun &run) { run.out(at::where(run.in(0), run.in(1), run.in(2))); };
}

} // namespace aimc::train
