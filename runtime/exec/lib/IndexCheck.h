//===- IndexCheck.h - numbers to read with ----------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Token ids and other numbers that arrive at run time and name a row of a table.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/exec/Error.h"
#include <cstdint>

namespace aimc::exec {

/// See check_indices in abi_symbols.def; an error names the first that is out of range.
Result<void> checkIndices(const char *what, const void *indices, const int64_t *shape, int32_t rank,
                          int32_t elementBytes, const int64_t *sizes, int32_t width);

} // namespace aimc::exec
