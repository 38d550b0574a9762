//===- KernelsScalar.cpp - kernels for any processor -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "LanesScalar.h"

#include "ArriveImpl.h"
#include "PackImpl.h"
#include "ReadImpl.h"

namespace aimc::exec {

const KernelTable kScalarKernels = {kGroupRows,   ::packInput,  ::packPlain, ::arrive,
                                    ::readPanels, ::gemmPanels, ::normals};

} // namespace aimc::exec
