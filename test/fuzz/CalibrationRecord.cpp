//===- CalibrationRecord.cpp - what a recorded run has seen ---------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Modules.h"

#include "aimc/Analysis/Calibration.h"

#include "mlir/IR/BuiltinAttributes.h"

#include <cmath>

using namespace mlir;
using namespace ::aimc::fuzz;

namespace {
constexpr int64_t kRows = 4; ///< of the weight that the seeds have recorded
} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static MemoryFile memory("record");
  MLIRContext &ctx = context();
  Diagnostics diagnostics(ctx);
  const auto record = mlir::aimc::Calibration::open(memory.hold(safetensorsOf(textOf(data, size))),
                                                    UnknownLoc::get(&ctx));
  require(succeeded(record) || diagnostics.anyError(), "expected a record or an error");
  if (failed(record))
    return 0;
  for (const auto &grid : record->getGrids()) {
    for (double quantile : grid.quantiles)
      require(std::isfinite(quantile) && quantile >= 0, "expected magnitudes");
    for (const std::string &weight : grid.weights)
      if (auto activity = record->activity(weight, kRows); succeeded(activity))
        for (float share : *activity)
          require(share >= 0, "expected shares");
  }
  for (const char *block : {"fc.r0.c0", "fc.r0.c1"})
    if (auto charge = record->charge(block); succeeded(charge) && *charge)
      require((*charge)->q999 <= (*charge)->largest, "expected quantiles in order");
  return 0;
}
