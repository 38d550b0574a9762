//===- MapFile.h - a map of devices as a file -------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// One row per device, written as it comes: whole models have hundreds of millions of devices.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/exec/Error.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace aimc::chip {

struct MapRow {
  int32_t weight = 0; ///< index into the names
  int32_t row = 0, column = 0, chip = 0, tile = 0, tileRow = 0, tileColumn = 0, plane = 0;
  int32_t sign = 1; ///< 1: the plus device, -1: the minus device
  float targetUS = 0, programmedUS = 0, nowUS = 0;
};

class MapFile {
public:
  virtual ~MapFile() = default;
  virtual exec::Result<void> add(const MapRow &row) = 0;
  virtual exec::Result<void> finish() = 0;
};

/// By the name: `.npz` holds a column per array and the names as `weights`, `.csv` a line per
/// device (docs/Contracts.md section 8). Empty: CSV on standard output. Other names are refused.
exec::Result<std::unique_ptr<MapFile>> makeMapFile(const std::string &path,
                                                   const std::vector<std::string> &names);

} // namespace aimc::chip
