//===- IndexCheck.cpp - numbers to read with --------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "IndexCheck.h"
#include <string>

namespace aimc::exec {

/// Valid from -size, as in ONNX. One unsigned comparison does for both ends.
static bool inRange(int64_t index, int64_t size) {
  auto extent = static_cast<uint64_t>(size);
  return static_cast<uint64_t>(index) + extent < 2 * extent;
}

/// The first of `count` numbers that is out of range, or -1.
template <class T>
static int64_t firstOutside(const T *indices, int64_t count, const int64_t *sizes, int64_t width) {
  if (width == 1) { // nearly always; without an exit the loop is vectorised
    bool all = true;
    for (int64_t i = 0; i < count; ++i)
      all &= inRange(indices[i], sizes[0]);
    if (all)
      return -1;
  }
  for (int64_t i = 0; i < count; ++i)
    if (!inRange(indices[i], sizes[i % width]))
      return i;
  return -1;
}

Result<void> checkIndices(const char *what, const void *indices, const int64_t *shape, int32_t rank,
                          int32_t elementBytes, const int64_t *sizes, int32_t width) {
  int64_t count = width;
  for (int32_t d = 0; d < rank; ++d)
    count *= shape[d];
  const auto *wide = static_cast<const int64_t *>(indices);
  const auto *narrow = static_cast<const int32_t *>(indices);
  int64_t at = elementBytes == 8 ? firstOutside(wide, count, sizes, width)
                                 : firstOutside(narrow, count, sizes, width);
  if (at < 0)
    return {};
  int64_t size = sizes[at % width], place = at / width;
  std::string position;
  for (int32_t d = rank; d-- > 0; place /= shape[d])
    position = std::to_string(place % shape[d]) + (position.empty() ? "" : ", ") + position;
  return fail(AIMC_INVALID_ARGUMENT, std::string(what) + ": expected an index in [" +
                                         std::to_string(-size) + ", " + std::to_string(size) + ")" +
                                         (rank ? " at [" + position + "]" : "") + ", but got " +
                                         std::to_string(elementBytes == 8 ? wide[at] : narrow[at]));
}

} // namespace aimc::exec
