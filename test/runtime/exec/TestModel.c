//===- TestModel.c - a compiled model, written by hand --------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// What aimc-compile would emit, in C and with few shapes: entries that call the runtime's table.
// Constant 0 is i64 {inputs K, outputs N of the first weight}.
//
//===----------------------------------------------------------------------===//
#include "aimc/exec/abi.h"

#ifndef TEST_ABI_VERSION
#define TEST_ABI_VERSION AIMC_ABI_VERSION
#endif

const uint32_t aimc_abi_version = TEST_ABI_VERSION;

/* The code suits any shapes; which ones a package is for is written here, in its copy of the file.
 */
const char aimc_signature[16384] = "the signature comes here";

/* Grid 0 on `rows` rows: inputs[0] times each weight of the grid. */
static int32_t grid(const aimc_frame *frame, int64_t rows) {
  return frame->rt->grid(frame->ctx, 0, rows, (const float *)frame->inputs[0],
                         (float *const *)frame->outputs);
}

#define GRID_ENTRY(rows)                                                                           \
  int32_t grid_##rows(const aimc_frame *frame) { return grid(frame, rows); }
GRID_ENTRY(1)
GRID_ENTRY(3)
GRID_ENTRY(5)
GRID_ENTRY(8)
GRID_ENTRY(16)
GRID_ENTRY(300)
GRID_ENTRY(4000)

/* dst[i] = max(src[i], 0) over tiles of one row of args[2][0] elements. */
static void relu(void *const *args, int64_t begin, int64_t end) {
  const float *src = (const float *)args[0];
  float *dst = (float *)args[1];
  int64_t width = *(const int64_t *)args[2];
  for (int64_t i = begin * width; i < end * width; ++i)
    dst[i] = src[i] > 0 ? src[i] : 0;
}

/* y = relu(x W0), then y^T by a strided copy; 8 rows. The arena holds x W0 and relu of it. */
int32_t relu_transposed_8(const aimc_frame *frame) {
  const int64_t *dims = (const int64_t *)frame->constants[0];
  float *product = (float *)frame->arena;
  float *rectified = product + 8 * dims[1];
  float *const outputs[1] = {product};
  int32_t status = frame->rt->grid(frame->ctx, 0, 8, (const float *)frame->inputs[0], outputs);
  if (status)
    return status;
  void *const args[3] = {product, rectified, (void *)(uintptr_t)&dims[1]};
  status = frame->rt->dispatch(frame->ctx, relu, args, 8);
  if (status)
    return status;
  const int64_t sizes[2] = {dims[1], 8}, from[2] = {1, dims[1]}, to[2] = {8, 1};
  return frame->rt->copy(frame->ctx, frame->outputs[0], to, rectified, from, sizes, 2, 4);
}

/* Fails in a dispatch when a token is outside [0, 10); i64 and bool inputs; 4 elements. */
static void lookup(void *const *args, int64_t begin, int64_t end) {
  const aimc_frame *frame = (const aimc_frame *)args[0];
  const int64_t *token = (const int64_t *)frame->inputs[0];
  const uint8_t *mask = (const uint8_t *)frame->inputs[1];
  int64_t *out = (int64_t *)frame->outputs[0];
  for (int64_t i = begin; i < end; ++i) {
    if (token[i] < 0 || token[i] >= 10)
      frame->rt->fail(frame->ctx, "index of 'lookup' is outside its table");
    out[i] = mask[i] ? token[i] * 10 : -1;
  }
}
int32_t lookup_4(const aimc_frame *frame) {
  void *const args[1] = {(void *)(uintptr_t)frame};
  return frame->rt->dispatch(frame->ctx, lookup, args, 4);
}

/* Mistakes of a compiler, which the runtime must answer with an error. */
int32_t wrong_grid(const aimc_frame *frame) {
  return frame->rt->grid(frame->ctx, 12345, 1, (const float *)frame->inputs[0],
                         (float *const *)frame->outputs);
}
int32_t wrong_copy(const aimc_frame *frame) {
  const int64_t sizes[1] = {-1}, stride[1] = {1};
  return frame->rt->copy(frame->ctx, frame->outputs[0], stride, frame->inputs[0], stride, sizes, 1,
                         4);
}
int32_t wrong_status(const aimc_frame *frame) {
  (void)frame;
  return 7;
}
