//===- Device.cpp - device files ------------------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Fuzz.h"

#include "aimc/exec/DeviceTable.h"

#include <cmath>

using namespace aimc::exec;
using namespace aimc::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const auto table = parseDeviceTable(textOf(data, size), "device.json");
  if (!table) {
    requireLine(table.error().message);
    return 0;
  }
  require(*table != nullptr, "expected a table or a mistake");
  const auto &device = **table;
  require(device.range.gMinUS < device.range.gMaxUS && device.stuckOff + device.stuckOn <= 1,
          "expected a range and probabilities");
  for (const auto &law : device.programming)
    for (const auto *curve : {&law.mean, &law.deviation})
      for (double value : curve->y)
        require(std::isfinite(value) && value >= 0, "expected finite curves");
  return 0;
}
