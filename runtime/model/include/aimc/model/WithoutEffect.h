//===- WithoutEffect.h - options that can do nothing ------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// One table for the options of sessions, tiles, programs, compiler and training: what was asked for
// by name, and the reason why it changes nothing with the targets and other options in force. A new
// option that can be useless gets a row there. What nobody asked for never warns.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/model/Device.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace aimc::model {

/// What somebody may ask for and get nothing of.
enum class Option : uint8_t {
  Compensate,         ///< wires, by gains or weights
  CompensateByPulses, ///< by weights+pulses
  Fidelity,    ///< how closely reads of open rows follow the circuit, or a comparison with it
  InputRange,  ///< of a DAC
  Activity,    ///< how often rows conduct
  Programming, ///< error of programming
  Wire,
  Adc,
  ReadNoise,
  Drift, ///< its strength
  Variation,
  Calibration,       ///< data choose ranges of converters, and how often rows conduct
  RangeCalibration,  ///< data choose ranges of converters alone
  Scale,             ///< the rule that scales follow
  Refresh,           ///< how often scales and compensation follow weights that train
  Chips,             ///< several chip instances
  Time,              ///< since programming
  DriftCompensation, ///< of which
};

/// As bindings name it: compensate, compensate_by_pulses, fidelity, ...
std::optional<Option> optionNamed(std::string_view name);

struct Asked {
  std::string name; ///< as its user spelt it
  Option option;
};

/// What decides it of a target, without what is switched off: a factor of 0, wires or an ADC.
struct InForce {
  DeviceModel device;
  double ohm = 0; ///< of all wires, drivers and ADC inputs
  bool wire = true;
  bool dac = true;
  bool adc = true;
  bool open = false;      ///< idle rows
  bool converter = false; ///< an ADC that is not ideal
  bool offset = false;    ///< ADC inputs away from the level of rest
  bool varies = false;    ///< spreads or stuck devices
  bool timed = true;      ///< a time since programming is given, or may be yet
  bool follows = false;   ///< scales or compensation follow the weights
  bool ruled = true;      ///< some scales follow a rule, where others are a spec's
  bool ranged = false;    ///< inputs have full scales that data choose
};

/// A line for each of what was asked that changes nothing on any of these targets, with the reason;
/// none without targets. Time and its compensation share a line, which is the last.
std::vector<std::string> withoutEffect(std::span<const Asked> asked,
                                       std::span<const InForce> targets);

} // namespace aimc::model
