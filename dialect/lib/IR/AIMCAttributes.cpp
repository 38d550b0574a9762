//===- AIMCAttributes.cpp - what a part alone can refuse ------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Verifiers of the attributes. The constraint numbers are those of AIMCAttributes.td.
//
//===----------------------------------------------------------------------===//

#include "aimc/IR/AIMC.h"

#include <algorithm>
#include <limits>

using namespace mlir;
using namespace mlir::aimc;

using EmitError = llvm::function_ref<InFlightDiagnostic()>;

static LogicalResult inRange(EmitError emitError, StringRef name, int64_t value, int64_t low,
                             int64_t high) {
  if (value >= low && value <= high)
    return success();
  return emitError() << "expected `" << name << "` in [" << low << ", " << high << "], but got "
                     << value;
}

/// `open` excludes the lower bound itself. A NaN is in no range.
static LogicalResult inRange(EmitError emitError, StringRef name, double value, double low,
                             double high, bool open = false) {
  if ((open ? value > low : value >= low) && value <= high)
    return success();
  return emitError() << "expected `" << name << "` in " << (open ? "(" : "[") << formatReal(low)
                     << ", " << formatReal(high) << "], but got " << formatReal(value);
}

LogicalResult GeometryAttr::verify(EmitError emitError, int64_t rows, int64_t cols, int64_t pairs,
                                   Readout) {
  // C1
  if (failed(inRange(emitError, "rows", rows, 1, 16384)) ||
      failed(inRange(emitError, "cols", cols, 1, 16384)))
    return failure();
  return inRange(emitError, "pairs", pairs, 1, 8); // C2
}

LogicalResult DeviceAttr::verify(EmitError emitError, DeviceKind kind, Real gMinUs, Real gMaxUs,
                                 Real programmingNoiseScale, Real readNoiseScale) {
  // C1
  if (failed(inRange(emitError, "g_min_us", gMinUs, 0.0, 1000.0)) ||
      failed(inRange(emitError, "g_max_us", gMaxUs, 0.0, 1000.0, /*open=*/true)))
    return failure();
  if (!(gMinUs < gMaxUs))
    return emitError() << "expected `g_min_us` below `g_max_us`, but got " << formatReal(gMinUs)
                       << " and " << formatReal(gMaxUs);
  // C2
  if (failed(inRange(emitError, "programming_noise_scale", programmingNoiseScale, 0.0, 100.0)) ||
      failed(inRange(emitError, "read_noise_scale", readNoiseScale, 0.0, 100.0)))
    return failure();
  // C3
  if (kind == DeviceKind::Ideal && !(programmingNoiseScale == 1.0 && readNoiseScale == 1.0))
    return emitError() << "expected no noise scales for an `ideal` device, which has no noise, but "
                          "got programming_noise_scale = "
                       << formatReal(programmingNoiseScale)
                       << " and read_noise_scale = " << formatReal(readNoiseScale);
  return success();
}

LogicalResult WireAttr::verify(EmitError emitError, Real columnOhm, Real rowOhm, Idle) {
  // C1
  if (failed(inRange(emitError, "column_ohm", columnOhm, 0.0, 1000.0)))
    return failure();
  return inRange(emitError, "row_ohm", rowOhm, 0.0, 1000.0);
}

LogicalResult DacAttr::verify(EmitError emitError, int64_t bits, DacMode mode, Real vReadV,
                              Real tickNs, int64_t lsbBits) {
  if (failed(inRange(emitError, "bits", bits, 2, 9)) ||                          // C1
      failed(inRange(emitError, "v_read_v", vReadV, 0.0, 1.0, /*open=*/true)) || // C2
      failed(inRange(emitError, "tick_ns", tickNs, 0.0, 4096.0, /*open=*/true))) // C3
    return failure();
  // C4
  if (mode != DacMode::Split) {
    if (lsbBits != 0)
      return emitError() << "expected no `lsb_bits` in mode " << stringifyDacMode(mode)
                         << ", but got " << lsbBits;
    return success();
  }
  if (bits < 3)
    return emitError() << "expected `bits` of at least 3 in mode split, whose two passes share "
                          "bits - 1 magnitude bits, but got "
                       << bits;
  return inRange(emitError, "lsb_bits", lsbBits, 1, bits - 2);
}

int64_t DacAttr::maxPulseTicks() const {
  switch (getMode()) {
  case DacMode::OnePass:
    return maxCode();
  case DacMode::Split:
    return (int64_t(1) << std::max(getLsbBits(), getBits() - 1 - getLsbBits())) - 1;
  case DacMode::BitSerial:
    return 1;
  }
  llvm_unreachable("all modes are listed");
}

LogicalResult AdcAttr::verify(EmitError emitError, AdcKind kind, Real lsbFc, int64_t bits) {
  // C1
  if (kind == AdcKind::Ideal) {
    if (lsbFc != 0.0 || bits != 0)
      return emitError()
             << "expected neither `lsb_fc` nor `bits` for an ideal ADC, but got lsb_fc = "
             << formatReal(lsbFc) << " and bits = " << bits;
    return success();
  }
  if (failed(inRange(emitError, "lsb_fc", lsbFc, 0.0, 1e9, /*open=*/true))) // C2
    return failure();
  return inRange(emitError, "bits", bits, 2, 24); // C3
}

double AdcAttr::fullScaleFc() const {
  if (getKind() == AdcKind::Ideal)
    return std::numeric_limits<double>::infinity();
  return getLsbFc() * double((int64_t(1) << (getBits() - 1)) - 1);
}

LogicalResult PlaceAttr::verify(EmitError emitError, int64_t chip, int64_t tile, int64_t row,
                                int64_t col) {
  // C1
  constexpr int64_t high = std::numeric_limits<int32_t>::max();
  if (failed(inRange(emitError, "chip", chip, 0, high)) ||
      failed(inRange(emitError, "tile", tile, 0, high)) ||
      failed(inRange(emitError, "row", row, 0, high)))
    return failure();
  return inRange(emitError, "col", col, 0, high);
}

LogicalResult ExternalAttr::verify(EmitError emitError, StringRef key) {
  // C1
  if (key.empty())
    return emitError() << "expected the key of a tensor, but got an empty string";
  return success();
}
