//===- FoldComposite.h - folded columns from tensor operations -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include "Strips.h"

namespace aimc::ops {

/// T [..., K, N] of loads G+ + G- [..., K, N] in blocks; works and answers in double precision.
at::Tensor transferComposite(const at::Tensor &load, const std::optional<at::Tensor> &background,
                             const BlockList &list, const Array &array);

/// dL/dG [..., K, N] from dL/dT.
at::Tensor transferAdjointComposite(const at::Tensor &load, const at::Tensor &transferBar,
                                    const std::optional<at::Tensor> &background,
                                    const BlockList &list, const Array &array);

} // namespace aimc::ops
