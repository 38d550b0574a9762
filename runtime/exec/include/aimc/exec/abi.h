/*===- abi.h - what compiled code and the runtime agree on ----------*- C -*-===*
 * Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *===----------------------------------------------------------------------===*
 * Plain C. A package's shared object exports `const uint32_t aimc_abi_version`, the text
 * `const char aimc_signature[]` of what it takes for granted (Signature.h) and, per shape binding,
 * one aimc_entry_fn named in the manifest; it imports nothing: all that it calls is in frame->rt.
 *===----------------------------------------------------------------------===*/
#ifndef AIMC_EXEC_ABI_H
#define AIMC_EXEC_ABI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define AIMC_ABI_VERSION 2u

/* A digital kernel: works on tiles [begin, end) of its own iteration space. */
typedef void (*aimc_kernel_fn)(void *const *args, int64_t begin, int64_t end);

#define AIMC_RT_SYMBOL(name, result, parameters) typedef result(*aimc_rt_##name##_fn) parameters;
#include "aimc/exec/abi_symbols.def"
#undef AIMC_RT_SYMBOL

typedef struct aimc_rt_table {
#define AIMC_RT_SYMBOL(name, result, parameters) aimc_rt_##name##_fn name;
#include "aimc/exec/abi_symbols.def"
#undef AIMC_RT_SYMBOL
} aimc_rt_table;

/* One call of an entry point. Every pointer is owned by the caller, aligned to 64 bytes (inputs
 * and outputs: to their element), and valid until the entry returns. */
typedef struct aimc_frame {
  uint32_t abi_version;   /* AIMC_ABI_VERSION of the runtime */
  uint32_t table_entries; /* number of pointers in *rt */
  const aimc_rt_table *rt;
  void *ctx;                    /* opaque: the runtime's session */
  const void *const *inputs;    /* manifest order */
  void *const *outputs;         /* manifest order */
  const void *const *constants; /* manifest order: tensors of weights.safetensors */
  void *arena;                  /* arena_bytes of the manifest's entry */
} aimc_frame;

/* 0: done; otherwise the first non-zero status that a runtime function returned. */
typedef int32_t (*aimc_entry_fn)(const aimc_frame *frame);

#ifdef __cplusplus
}
#endif
#endif /* AIMC_EXEC_ABI_H */
