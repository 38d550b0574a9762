//===- PackOpen.h - blocks whose idle rows are disconnected ----*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/exec/Kernels.h"

namespace aimc::exec {

/// Folds and packs what the driven block of Pack.cpp cannot: `source.open` is not null.
PackedBlock packOpenBlock(const BlockSource &source);
/// Packs a folded block, whatever its idle rows do.
PackedBlock packFolded(const BlockSource &source);

} // namespace aimc::exec
