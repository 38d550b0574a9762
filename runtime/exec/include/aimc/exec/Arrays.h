//===- Arrays.h - the caller's arrays, matched and checked ------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/exec/Manifest.h"

#include <vector>

namespace aimc::exec {

/// Pointers in the order of `ports`, from the caller's arrays in any order. `kind` is "input" or
/// "output" and opens the messages.
Result<std::vector<void *>> matchArrays(const char *kind, const std::vector<Port> &ports,
                                        const aimc_tensor *arrays, int32_t count);

/// Values that no model means: NaN or infinity in a float input, a bool that is neither 0 nor 1.
Result<void> checkValues(const Port &port, const void *data);

} // namespace aimc::exec
