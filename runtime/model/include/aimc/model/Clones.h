//===- Clones.h - one source, several instruction sets ---------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// AIMC_CLONES compiles a batch function once per instruction set and lets the loader choose. The
// units that use it are built without contraction, so that every clone gives the same bits.
// Off under sanitizers, whose start-up code runs after the loader's choice is needed.
//
//===----------------------------------------------------------------------===//
#pragma once

#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__) &&   \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define AIMC_CLONES __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define AIMC_CLONES
#endif
