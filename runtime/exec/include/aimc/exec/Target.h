//===- Target.h - the hardware a block is programmed on ---------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A target as the manifest carries it (docs/Contracts.md 4). Unknown keys are refused: a setting
// that this runtime does not model would change results without a word. What a user writes may
// leave parts and keys out; one default target stands in their place, whoever reads.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/exec/JsonReader.h"
#include "aimc/model/Adc.h"
#include "aimc/model/Device.h"
#include "aimc/model/Ladder.h"
#include "aimc/model/Programming.h"
#include "aimc/model/Wires.h"

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace aimc::exec {

/// How a code becomes pulses: docs/Physics.md section 3.
enum class DacMode : uint8_t { OnePass, Split, BitSerial };

struct Target {
  std::string name;
  int64_t rows = 0, cols = 0;
  model::Readout readout = model::Readout::Single;
  std::vector<double> significance = {1}; ///< one factor per pair, low to high

  std::string device; ///< kind, as in the manifest
  model::DeviceRange range;
  /// Factors on programming error, read noise (both standard deviations) and drift exponents.
  double programmingNoiseScale = 1, readNoiseScale = 1, driftScale = 1;
  double stuckOff = 0, stuckOn = 0; ///< probabilities
  /// Relative standard deviations of conductance, one stream each.
  double chipSpread = 0, tileSpread = 0, columnSpread = 0, deviceSpread = 0;
  double acceptancePercent = 2;                          ///< kind reram_cmo
  nlohmann::json table;                                  ///< kind table
  std::shared_ptr<const model::DeviceTable> deviceTable; ///< the same, read

  double columnOhm = 0, rowOhm = 0, driverOhm = 0, adcOhm = 0;
  double wireSpread = 0; ///< relative standard deviation of each piece of wire
  model::Idle idle = model::Idle::Midrail;
  model::Fidelity fidelity = model::Fidelity::OneProduct;

  int dacBits = 0;
  DacMode dacMode = DacMode::OnePass;
  int lsbBits = 0; ///< mode split: magnitude bits of the first pass
  double readV = 0, tickNs = 0;

  model::Adc adc;
  double adcGainSpread = 0, adcOffsetSpreadLsb = 0; ///< per column, standard deviations
  bool adcCalibrated = true;
  double vOffV = 0; ///< ADC input minus rest level

  int pairs() const { return static_cast<int>(significance.size()); }
  /// The device of this target with the factors of the target in force.
  model::DeviceModel deviceModel() const;
  /// Ticks of the longest pulse of any pass.
  int32_t maxPulseTicks() const;
};

/// Reads and checks one target object, of which nothing but neutral values is left out.
Target readTarget(const JsonObject &object, const std::string &name);

/// What a target is where its author says nothing, with every key that every target has.
nlohmann::json defaultTarget();

/// What an author says of a target, with `defaults` in place of the rest, key by key: bits of
/// another number keep the default's lsb_fc, as an override does. Three keys follow others: an
/// ideal ADC has neither bits nor lsb_fc, a split DAC says its lsb_bits, and a device table brings
/// the window that its target does not name.
nlohmann::json completeTarget(const JsonObject &given,
                              const nlohmann::json &defaults = defaultTarget());

/// `base` with the values of `overrides` in their place, key by key. A key that `base` does not
/// have, or any change of the geometry, is a mistake of the reader.
nlohmann::json mergeTarget(const nlohmann::json &base, const JsonObject &overrides);

} // namespace aimc::exec
