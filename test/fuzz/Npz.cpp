//===- Npz.cpp - archives of arrays ---------------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Fuzz.h"

#include "Npz.h"

using namespace aimc::run;
using namespace aimc::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static MemoryFile memory("arrays");
  const auto arrays = readNpz(memory.hold(textOf(data, size)));
  if (!arrays) {
    requireLine(arrays.error());
    return 0;
  }
  for (const Array &array : *arrays) {
    size_t bytes = dtypeBytes(array.dtype);
    for (int64_t extent : array.shape)
      bytes *= static_cast<size_t>(extent);
    require(array.data.size() == bytes, "expected as many bytes as the shape says");
  }
  return 0;
}
