//===- AIMCAttributes.cpp - what a part alone can refuse ------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Verifiers of the attributes. The constraint numbers are those of AIMCAttributes.td.
//
//===----------------------------------------------------------------------===//

#include "aimc/IR/AIMC.h"
#include "aimc/model/Limits.h"

#include <algorithm>
#include <limits>

using namespace mlir;
using namespace mlir::aimc;
namespace limits = ::aimc::model::limits;

using EmitError = llvm::function_ref<InFlightDiagnostic()>;

static LogicalResult inRange(EmitError emitError, StringRef name, int64_t value, int64_t low,
                             int64_t high) {
  if (value >= low && value <= high)
    return success();
  return emitError() << "expected `" << name << "` in [" << low << ", " << high << "], but got "
                     << value;
}

/// A NaN is in no range.
static LogicalResult inRange(EmitError emitError, StringRef name, double value, double low,
                             double high) {
  if (value >= low && value <= high)
    return success();
  return emitError() << "expected `" << name << "` in [" << formatReal(low) << ", "
                     << formatReal(high) << "], but got " << formatReal(value);
}

static LogicalResult inRange(EmitError emitError, StringRef name, int64_t value,
                             limits::Integers range) {
  return inRange(emitError, name, value, range.low, range.high);
}

static LogicalResult inRange(EmitError emitError, StringRef name, double value,
                             limits::Reals range) {
  return inRange(emitError, name, value, range.low, range.high);
}

LogicalResult GeometryAttr::verify(EmitError emitError, int64_t rows, int64_t cols, int64_t pairs,
                                   Readout, ArrayRef<Real> significance) {
  // C1
  if (failed(inRange(emitError, "rows", rows, limits::kSide)) ||
      failed(inRange(emitError, "cols", cols, limits::kSide)) ||
      failed(inRange(emitError, "pairs", pairs, limits::kPairs))) // C2
    return failure();
  // C3
  if (significance.empty())
    return success();
  if (static_cast<int64_t>(significance.size()) != pairs)
    return emitError() << "expected one factor of `significance` per pair, " << pairs
                       << ", but got " << significance.size();
  for (Real factor : significance)
    if (failed(inRange(emitError, "significance", factor, limits::kSignificance)))
      return failure();
  if (!llvm::is_sorted(significance, [](double a, double b) { return a < b; }))
    return emitError() << "expected `significance` from low to high";
  return success();
}

bool GeometryAttr::hasEqualPairs() const {
  return llvm::all_of(getSignificance(), [](Real factor) { return factor == 1.0; });
}

LogicalResult DeviceAttr::verify(EmitError emitError, DeviceKind kind, Real gMinUs, Real gMaxUs,
                                 Real programmingNoiseScale, Real readNoiseScale, Real driftScale,
                                 Real stuckOff, Real stuckOn, Real chipSpread, Real tileSpread,
                                 Real columnSpread, Real deviceSpread, Real acceptancePercent,
                                 DictionaryAttr table, StringAttr file) {
  // C1
  if (failed(inRange(emitError, "g_max_us", gMaxUs, limits::kGMaxUS)) ||
      failed(inRange(emitError, "g_min_us", gMinUs, 0.0, limits::kGMaxUS.high)))
    return failure();
  if (!(gMinUs < gMaxUs))
    return emitError() << "expected `g_min_us` below `g_max_us`, but got " << formatReal(gMinUs)
                       << " and " << formatReal(gMaxUs);
  // C2
  if (failed(inRange(emitError, "programming_noise_scale", programmingNoiseScale,
                     limits::kNoiseScale)) ||
      failed(inRange(emitError, "read_noise_scale", readNoiseScale, limits::kNoiseScale)) ||
      failed(inRange(emitError, "drift_scale", driftScale, limits::kNoiseScale)))
    return failure();
  // C3
  if (kind == DeviceKind::Ideal &&
      !(programmingNoiseScale == 1.0 && readNoiseScale == 1.0 && driftScale == 1.0))
    return emitError() << "expected no noise scales for an `ideal` device, which has no noise, but "
                          "got programming_noise_scale = "
                       << formatReal(programmingNoiseScale)
                       << ", read_noise_scale = " << formatReal(readNoiseScale)
                       << " and drift_scale = " << formatReal(driftScale);
  // C4
  if (failed(inRange(emitError, "stuck_off", stuckOff, limits::kProbability)) ||
      failed(inRange(emitError, "stuck_on", stuckOn, limits::kProbability)))
    return failure();
  if (stuckOff + stuckOn > 1.0)
    return emitError() << "expected `stuck_off` and `stuck_on` that add up to at most 1.0, but got "
                       << formatReal(stuckOff) << " and " << formatReal(stuckOn);
  // C5
  for (auto [name, spread] :
       {std::pair("chip_spread", chipSpread), std::pair("tile_spread", tileSpread),
        std::pair("column_spread", columnSpread), std::pair("device_spread", deviceSpread)})
    if (failed(inRange(emitError, name, spread, limits::kSpread)))
      return failure();
  // C6
  if (!llvm::is_contained(limits::kAcceptance, double(acceptancePercent)))
    return emitError() << "expected `acceptance_percent` of 0.2 or 2.0, but got "
                       << formatReal(acceptancePercent);
  if (kind != DeviceKind::ReramCmo && acceptancePercent != 2.0)
    return emitError() << "expected no `acceptance_percent` for a `" << stringifyDeviceKind(kind)
                       << "` device, but got " << formatReal(acceptancePercent);
  // C7
  if (kind == DeviceKind::Table && bool(table) == bool(file))
    return emitError() << "expected either `table` or `file` for a `table` device, but got "
                       << (table ? "both" : "neither");
  if (kind != DeviceKind::Table && (table || file))
    return emitError() << "expected no `" << (table ? "table" : "file") << "` for a `"
                       << stringifyDeviceKind(kind) << "` device; its kind would be `table`";
  // C8
  for (auto [own, window] : {std::pair(DeviceKind::Hermes1, limits::kHermes1US),
                             std::pair(DeviceKind::Hermes2, limits::kHermes2US),
                             std::pair(DeviceKind::ReramCmo, limits::kReramCmoUS)})
    if (kind == own && !(gMinUs >= window.low && gMaxUs <= window.high))
      return emitError() << "expected conductances in [" << formatReal(window.low) << ", "
                         << formatReal(window.high) << "], which a `" << stringifyDeviceKind(kind)
                         << "` device is characterised for, but got " << formatReal(gMinUs)
                         << " to " << formatReal(gMaxUs);
  return success();
}

DeviceAttr DeviceAttr::withTable(DictionaryAttr table) const {
  return get(getContext(), getKind(), getGMinUs(), getGMaxUs(), getProgrammingNoiseScale(),
             getReadNoiseScale(), getDriftScale(), getStuckOff(), getStuckOn(), getChipSpread(),
             getTileSpread(), getColumnSpread(), getDeviceSpread(), getAcceptancePercent(), table,
             StringAttr());
}

LogicalResult WireAttr::verify(EmitError emitError, Real columnOhm, Real rowOhm, Idle idle,
                               Real driverOhm, Real adcOhm, Real spread, Fidelity) {
  if (failed(inRange(emitError, "column_ohm", columnOhm, limits::kWireOhm)) || // C1
      failed(inRange(emitError, "row_ohm", rowOhm, limits::kWireOhm)) ||
      failed(inRange(emitError, "driver_ohm", driverOhm, limits::kTerminalOhm)) || // C2
      failed(inRange(emitError, "adc_ohm", adcOhm, limits::kTerminalOhm)) ||
      failed(inRange(emitError, "spread", spread, limits::kSpread))) // C3
    return failure();
  // C4
  if (idle == Idle::Open && (rowOhm > 0.0 || driverOhm > 0.0))
    return emitError() << "expected `row_ohm` and `driver_ohm` of 0.0 with idle = open, but got "
                       << formatReal(rowOhm) << " and " << formatReal(driverOhm)
                       << "; no model covers row wires whose rows disconnect";
  return success();
}

LogicalResult DacAttr::verify(EmitError emitError, int64_t bits, DacMode mode, Real vReadV,
                              Real tickNs, int64_t lsbBits) {
  if (failed(inRange(emitError, "bits", bits, limits::kDacBits)) ||     // C1
      failed(inRange(emitError, "v_read_v", vReadV, limits::kReadV)) || // C2
      failed(inRange(emitError, "tick_ns", tickNs, limits::kTickNs)))   // C3
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

LogicalResult AdcAttr::verify(EmitError emitError, AdcKind kind, Real lsbFc, int64_t bits,
                              Real gainSpread, Real offsetSpreadLsb, bool, Real vOffV) {
  if (failed(inRange(emitError, "v_off_v", vOffV, limits::kOffsetV))) // C5
    return failure();
  if (kind == AdcKind::Ideal) {
    // C1
    if (lsbFc != 0.0 || bits != 0)
      return emitError()
             << "expected neither `lsb_fc` nor `bits` for an ideal ADC, but got lsb_fc = "
             << formatReal(lsbFc) << " and bits = " << bits;
    // C4
    if (gainSpread != 0.0 || offsetSpreadLsb != 0.0)
      return emitError() << "expected no spread for an ideal ADC, but got gain_spread = "
                         << formatReal(gainSpread)
                         << " and offset_spread_lsb = " << formatReal(offsetSpreadLsb);
    return success();
  }
  if (failed(inRange(emitError, "lsb_fc", lsbFc, limits::kLsbFC)) ||          // C2
      failed(inRange(emitError, "bits", bits, limits::kAdcBits)) ||           // C3
      failed(inRange(emitError, "gain_spread", gainSpread, limits::kSpread))) // C4
    return failure();
  return inRange(emitError, "offset_spread_lsb", offsetSpreadLsb, limits::kOffsetSpreadLsb);
}

int64_t AdcAttr::maxCode() const {
  return getKind() == AdcKind::Ideal ? 0 : (int64_t(1) << (getBits() - 1)) - 1;
}

double AdcAttr::fullScaleFc() const {
  if (getKind() == AdcKind::Ideal)
    return std::numeric_limits<double>::infinity();
  return getLsbFc() * double(maxCode());
}

LogicalResult PlaceAttr::verify(EmitError emitError, int64_t chip, int64_t tile, int64_t row,
                                int64_t col) {
  // C1
  if (failed(inRange(emitError, "chip", chip, limits::kChipOrTile)) ||
      failed(inRange(emitError, "tile", tile, limits::kChipOrTile)))
    return failure();
  // C2
  constexpr limits::Integers inside{0, limits::kSide.high - 1};
  if (failed(inRange(emitError, "row", row, inside)))
    return failure();
  return inRange(emitError, "col", col, inside);
}

LogicalResult ExternalAttr::verify(EmitError emitError, StringRef key) {
  // C1
  if (key.empty())
    return emitError() << "expected the key of a tensor, but got an empty string";
  return success();
}
