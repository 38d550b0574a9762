//===- KernelsAvx512.cpp - kernels for AVX-512 with VNNI -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "LanesAvx512.h"

#include "ReadImpl.h"

#include "PackImpl.h"

namespace aimc::exec {

const KernelTable kAvx512Kernels = {kGroupRows,   ::packInput,  ::packPlain,
                                    ::readPanels, ::gemmPanels, ::normals};

} // namespace aimc::exec
