//===- BuiltFor.cpp - the torch that this library fits -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// LibTorch's C++ interface is that of one release. A library for another one fails at the first
// symbol that moved, or later, so the release is text in the file, which python/aimc/torch reads
// before it loads anything.
//
//===----------------------------------------------------------------------===//
#include <torch/version.h>

extern "C" {
extern const char aimc_torch_built_for[];
[[gnu::used]] const char aimc_torch_built_for[] = "aimc operators for torch " TORCH_VERSION;
}
