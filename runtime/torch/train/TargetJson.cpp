//===- TargetJson.cpp - targets -------------------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// What the runtime reads and judges, in the terms of the operators.
//
//===----------------------------------------------------------------------===//
#include "Json.h"

#include "aimc/exec/TargetFile.h"

namespace aimc::train {

using nlohmann::json;

namespace {
ops::AdcMode modeOf(model::AdcKind kind) {
  switch (kind) {
  case model::AdcKind::Ideal:
    return ops::AdcMode::Ideal;
  case model::AdcKind::Linear:
    return ops::AdcMode::Linear;
  case model::AdcKind::Cco:
    return ops::AdcMode::Cco;
  }
  return ops::AdcMode::Ideal;
}

std::vector<int64_t> passesOf(const exec::Target &t) {
  const int64_t bits = t.dacBits - 1, low = t.lsbBits;
  std::vector<int64_t> passes;
  if (t.dacMode == exec::DacMode::Split)
    passes = {0, low, low, bits - low};
  else if (t.dacMode == exec::DacMode::BitSerial)
    for (int64_t bit = 0; bit < bits; ++bit)
      passes.insert(passes.end(), {bit, 1});
  return passes;
}

TileTarget tileTarget(const exec::WholeTarget &whole) {
  const exec::Target &t = whole.target;
  TileTarget target;
  target.name = t.name;
  target.rows = t.rows;
  target.cols = t.cols;
  target.significance = t.significance;
  target.device = t.device;
  if (t.table.is_object())
    target.table = t.table.dump();
  target.text = whole.text.dump();
  target.summary = exec::summaryOf(t);
  target.programmingScale = t.programmingNoiseScale;
  target.readScale = t.readNoiseScale;
  target.driftScale = t.driftScale;
  target.acceptancePercent = t.acceptancePercent;
  target.stuckOff = t.stuckOff;
  target.stuckOn = t.stuckOn;
  target.inForce = exec::inForce(t);
  target.noisyReads = target.inForce.device.noisyReads();
  target.chipSpread = t.chipSpread;
  target.tileSpread = t.tileSpread;
  target.columnSpread = t.columnSpread;
  target.deviceSpread = t.deviceSpread;
  if (t.adc.kind != model::AdcKind::Ideal)
    target.lsbFC = t.adc.lsbFc;
  ops::Circuit &circuit = target.circuit;
  circuit.tileRows = t.rows;
  circuit.tileCols = t.cols;
  circuit.alternating = t.readout == model::Readout::Alternating;
  circuit.gMinUS = t.range.gMinUS;
  circuit.gMaxUS = t.range.gMaxUS;
  circuit.columnOhm = t.columnOhm;
  circuit.adcOhm = t.adcOhm;
  circuit.rowOhm = t.rowOhm;
  circuit.driverOhm = t.driverOhm;
  circuit.open = t.idle == model::Idle::Open;
  circuit.readVolt = t.readV;
  circuit.tickNs = t.tickNs;
  circuit.levels = (int64_t(1) << (t.dacBits - 1)) - 1;
  circuit.passes = passesOf(t);
  circuit.adc = modeOf(t.adc.kind);
  if (t.adc.kind != model::AdcKind::Ideal)
    circuit.adcBits = t.adc.bits;
  return target;
}
} // namespace

Result<TileTarget> readTarget(const json &object, const exec::TargetSource &source) {
  auto whole = exec::wholeTarget(object, source);
  if (!whole)
    return tl::unexpected(Error{whole.error().message});
  return tileTarget(*whole);
}

} // namespace aimc::train
