//===- Cpu.h - what the processor can execute -------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/exec/Error.h"

#include <string>
#include <vector>

namespace aimc::exec {

/// The architecture this library was built for, as LLVM triples begin: "x86_64".
std::string hostArchitecture();

/// Those of `features` (LLVM's names: "avx2", "sse4.2", "+fma") that the processor or the operating
/// system lacks. Names that only tune scheduling ("fast-..", "slow-..", "-avx512f") never count.
std::vector<std::string> missingFeatures(const std::vector<std::string> &features);

} // namespace aimc::exec
