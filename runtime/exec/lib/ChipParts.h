//===- ChipParts.h - tensors of a tile in a chip file -----------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// What the writer and the reader of a chip file share.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/exec/Target.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace aimc::exec {

inline constexpr int64_t kChipVersion = 1;

struct ChipPart {
  const char *suffix;
  std::vector<int64_t> shape;
  bool optional = false;
};

/// `columns`: of all blocks of the tile together.
inline std::vector<ChipPart> chipParts(const Target &target, int64_t columns) {
  const int64_t pairs = target.pairs();
  const std::vector<int64_t> array = {pairs, target.rows, target.cols};
  const bool lives = target.deviceModel().drifts();
  return {{".plus", array},
          {".minus", array},
          {".plus_life", array, !lives},
          {".minus_life", array, !lives},
          {".digital", {pairs, columns}},
          {".adc", {pairs, 2, target.cols}, true},
          {".column_factor", array, true},
          {".row_factor", array, true}};
}

} // namespace aimc::exec
