//===- DeviceMlir.cpp - device files as the compiler reads them -----------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The compiler reads the JSON by another library than the runtime and makes attributes of it; what
// it takes the runtime must take.
//
//===----------------------------------------------------------------------===//
#include "Modules.h"

#include "aimc/Transforms/Targets.h"
#include "aimc/exec/DeviceTable.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"

using namespace mlir;
using namespace ::aimc::fuzz;

namespace {
constexpr const char *kTarget = R"(
aimc.target @t {
  geometry = #aimc.geometry<rows = 4, cols = 4, pairs = 1, readout = single>,
  device = #aimc.device<pcm, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
)";
} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static MemoryFile memory("device");
  MLIRContext &ctx = context();
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(kTarget, &ctx);
  require(bool(module), "expected a good target");
  auto target = *module->getOps<mlir::aimc::TargetOp>().begin();
  Diagnostics diagnostics(ctx);
  const LogicalResult replaced = mlir::aimc::replaceDevice(target, memory.hold(textOf(data, size)));
  require(succeeded(replaced) || diagnostics.anyError(), "expected a device or an error");
  if (failed(replaced))
    return 0;
  const auto table = ::aimc::exec::parseDeviceTable(textOf(data, size), "device.json");
  require(table.has_value(), table ? "" : table.error().message);
  requireRoundTrip(*module);
  return 0;
}
