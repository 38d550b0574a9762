//===- KernelsAvx512.cpp - kernels for AVX-512 with VNNI -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "LanesAvx512.h"

#include "ArriveImpl.h"
#include "PackImpl.h"
#include "ReadImpl.h"

namespace aimc::exec {

const KernelTable kAvx512Kernels = {kGroupRows,   ::packInput,  ::packPlain, ::arrive,
                                    ::readPanels, ::gemmPanels, ::normals};

} // namespace aimc::exec
