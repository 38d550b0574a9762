//===- WithoutEffect.cpp - options that can do nothing --------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/model/WithoutEffect.h"

#include "aimc/model/Ageing.h"

#include <algorithm>
#include <iterator>

namespace aimc::model {

namespace {
struct Reason {
  const char *text;
  bool other = false; ///< it has an effect, but that of another value
};
using Judged = std::optional<Reason>; ///< nothing: it has an effect

/// Why wires change nothing.
Judged noWires(const InForce &t) {
  if (!t.wire)
    return Reason{"the effect wire is off"};
  return t.ohm > 0 ? Judged() : Reason{"no target has wires with resistance"};
}

Judged pulses(const InForce &t) {
  if (Judged reason = noWires(t))
    return reason;
  if (t.open)
    return std::nullopt;
  return Reason{"weights+pulses does what weights does where idle rows are at mid-rail", true};
}

Judged fidelity(const InForce &t) {
  if (!t.open)
    return Reason{"where idle rows are at mid-rail reads are exact"};
  return t.offset ? Judged() : noWires(t);
}

Judged activity(const InForce &t) {
  return t.open ? noWires(t) : Reason{"where idle rows are at mid-rail no row disconnects"};
}

Judged programming(const InForce &t) {
  return t.device.programs() ? Judged()
                             : Reason{"programming leaves no deviation on any device here"};
}

Judged adc(const InForce &t) {
  if (!t.adc)
    return Reason{"the effect adc is off"};
  return t.converter || t.offset ? Judged() : Reason{"no target has an ADC that is not ideal"};
}

Judged readNoise(const InForce &t) {
  if (t.device.noisyReads() || (t.device.fluctuates() && t.timed))
    return std::nullopt;
  return t.device.fluctuates()
             ? Reason{"reads of no device here are noisy without a time since programming"}
             : Reason{"reads of no device here are noisy"};
}

/// The full scale also says how long a pulse lasts, which noise and rounding of charges depend on.
Judged inputRange(const InForce &t) {
  if (t.dac || t.open || (t.adc && (t.converter || t.offset)) || !readNoise(t))
    return std::nullopt;
  return Reason{"the effect dac is off, and nothing depends on how long pulses last"};
}

Judged drift(const InForce &t) {
  if (!t.device.drifts())
    return Reason{"no device here drifts"};
  return t.timed ? Judged() : Reason{"nothing drifts without a time since programming"};
}

Judged variation(const InForce &t) {
  return t.varies ? Judged() : Reason{"no target has spreads or stuck devices"};
}

Judged rangeCalibration(const InForce &t) {
  if ((t.adc && t.converter) || t.ranged)
    return std::nullopt;
  if (!t.adc)
    return Reason{"the effect adc is off, and no input range is asked for"};
  return Reason{"no target has an ADC that is not ideal, and no input range is asked for"};
}

Judged calibration(const InForce &t) { return activity(t) ? rangeCalibration(t) : Judged(); }

Judged scale(const InForce &t) { return t.ruled ? Judged() : Reason{"the spec has all scales"}; }

Judged refresh(const InForce &t) {
  return t.follows ? Judged()
                   : Reason{"neither optimal scales nor compensation follow the weights"};
}

Judged chips(const InForce &t) {
  const bool unlike = t.device.programs() || t.varies || !readNoise(t) || (!drift(t));
  return unlike ? Judged() : Reason{"all chip instances are alike"};
}

struct Row {
  Option option;
  const char *name;
  Judged (*judge)(const InForce &); ///< null: Ageing.h says it
};

constexpr Row kRows[] = {
    {Option::Compensate, "compensate", noWires},
    {Option::CompensateByPulses, "compensate_by_pulses", pulses},
    {Option::Fidelity, "fidelity", fidelity},
    {Option::InputRange, "input_range", inputRange},
    {Option::Activity, "activity", activity},
    {Option::Programming, "programming", programming},
    {Option::Wire, "wire", noWires},
    {Option::Adc, "adc", adc},
    {Option::ReadNoise, "read_noise", readNoise},
    {Option::Drift, "drift", drift},
    {Option::Variation, "variation", variation},
    {Option::Calibration, "calibration", calibration},
    {Option::RangeCalibration, "range_calibration", rangeCalibration},
    {Option::Scale, "scale", scale},
    {Option::Refresh, "refresh", refresh},
    {Option::Chips, "chips", chips},
    {Option::Time, "time", nullptr},
    {Option::DriftCompensation, "drift_compensation", nullptr},
};

/// The line of one option; empty where one of the targets has it do something.
std::string lineOf(const Asked &asked, const Row &row, std::span<const InForce> targets) {
  std::vector<Reason> reasons;
  for (const InForce &target : targets) {
    const Judged reason = row.judge(target);
    if (!reason)
      return "";
    reasons.push_back(*reason);
  }
  const bool other = std::any_of(reasons.begin(), reasons.end(), [](Reason r) { return r.other; });
  std::string text;
  for (const Reason &reason : reasons)
    if (reason.other == other && text.find(reason.text) == std::string::npos)
      text += (text.empty() ? "" : "; ") + std::string(reason.text);
  return asked.name + (other ? ": " : " has no effect: ") + text;
}
} // namespace

std::optional<Option> optionNamed(std::string_view name) {
  for (const Row &row : kRows)
    if (name == row.name)
      return row.option;
  return std::nullopt;
}

std::vector<std::string> withoutEffect(std::span<const Asked> asked,
                                       std::span<const InForce> targets) {
  std::vector<std::string> lines;
  if (targets.empty())
    return lines;
  AgeingAsked ageing;
  for (const Asked &one : asked) {
    ageing.time |= one.option == Option::Time;
    ageing.compensation |= one.option == Option::DriftCompensation;
    const Row &row = *std::find_if(std::begin(kRows), std::end(kRows),
                                   [&](const Row &r) { return r.option == one.option; });
    if (!row.judge)
      continue;
    if (std::string line = lineOf(one, row, targets); !line.empty())
      lines.push_back(std::move(line));
  }
  std::vector<DeviceModel> devices;
  for (const InForce &target : targets)
    devices.push_back(target.device);
  if (auto line = ageingWithoutEffect(devices, ageing))
    lines.push_back(*line);
  else if (ageing.compensation &&
           std::none_of(targets.begin(), targets.end(), [](const InForce &t) { return t.timed; }))
    lines.emplace_back(kCompensationWithoutTime);
  return lines;
}

} // namespace aimc::model
