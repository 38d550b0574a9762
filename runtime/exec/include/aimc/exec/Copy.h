//===- Copy.h - strided copies for compiled code ----------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Transposes, slices and broadcasts of the compiled program. The shape of the work is found once
// per call: dimensions of size one vanish, neighbours that are one run merge, then the innermost
// loop is a block move, a blocked 2-D transpose, or an element loop.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/exec/Threads.h"

#include <cstdint>

namespace aimc::exec {

/// dst[sum i_d dstStrides[d]] = src[sum i_d srcStrides[d]] for all indices below sizes; strides in
/// elements, a source stride may be 0 (broadcast) or negative. Buffers do not overlap. `rank` up
/// to 16. False: rank, sizes or element size outside what a copy can mean.
bool stridedCopy(Threads &threads, void *dst, const int64_t *dstStrides, const void *src,
                 const int64_t *srcStrides, const int64_t *sizes, int32_t rank,
                 int32_t elementBytes);

} // namespace aimc::exec
