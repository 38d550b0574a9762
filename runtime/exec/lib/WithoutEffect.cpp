//===- WithoutEffect.cpp - options that can do nothing --------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// One table for all options of sessions and tiles: what was asked for by name, and the reason why
// it changes nothing with the targets, effects and other options in force. A new option that can
// be useless gets a row here. What nobody asked for never warns.
//
//===----------------------------------------------------------------------===//
#include "aimc/exec/Options.h"
#include "aimc/model/Ageing.h"

#include <algorithm>

namespace aimc::exec {

namespace {
using Reason = std::optional<std::string>;

struct Row {
  const char *option;
  Reason (*reason)(const Options &); ///< nothing: it has an effect
  bool other = false;                ///< it has one, but that of another value
};

template <class F> bool any(const Options &options, F &&has) {
  return std::any_of(options.targets.begin(), options.targets.end(), has);
}

bool open(const Options &options) {
  return any(options, [](const Target &t) { return t.idle == model::Idle::Open; });
}

/// Why wires change nothing.
Reason noWires(const Options &options) {
  if (!options.effects.wire)
    return "the effect wire is off";
  if (!any(options, [](const Target &t) {
        return t.columnOhm > 0 || t.rowOhm > 0 || t.driverOhm > 0 || t.adcOhm > 0;
      }))
    return "no target has wires with resistance";
  return std::nullopt;
}

const Row kRows[] = {
    {"compensate", noWires},
    {"compensate",
     [](const Options &options) -> Reason {
       if (open(options) || options.compensate != model::Compensate::WeightsAndPulses)
         return std::nullopt;
       return "weights+pulses does what weights does where idle rows are at mid-rail";
     },
     true},
    {"compare_exact",
     [](const Options &options) -> Reason {
       if (!open(options))
         return "where idle rows are at mid-rail reads are exact";
       const bool moved =
           options.effects.adc && any(options, [](const Target &t) { return t.vOffV != 0; });
       return moved ? std::nullopt : noWires(options);
     }},
    {"activity",
     [](const Options &options) -> Reason {
       if (open(options))
         return noWires(options);
       return "where idle rows are at mid-rail no row disconnects";
     }},
    {"effects.programming",
     [](const Options &options) -> Reason {
       if (any(options, [](const Target &t) { return t.deviceModel().programs(); }))
         return std::nullopt;
       return "programming leaves no deviation on any device here";
     }},
    {"effects.wire", noWires},
    {"effects.adc",
     [](const Options &options) -> Reason {
       if (any(options,
               [](const Target &t) { return t.adc.kind != model::AdcKind::Ideal || t.vOffV != 0; }))
         return std::nullopt;
       return "no target has an ADC that is not ideal";
     }},
    {"effects.read_noise",
     [](const Options &options) -> Reason {
       if (any(options, [](const Target &t) {
             return t.deviceModel().noisyReads() || t.deviceModel().fluctuates();
           }))
         return std::nullopt;
       return "reads of no device here are noisy";
     }},
    {"effects.variation",
     [](const Options &options) -> Reason {
       if (any(options, [](const Target &t) {
             return t.chipSpread + t.tileSpread + t.columnSpread + t.deviceSpread + t.stuckOff +
                        t.stuckOn + t.wireSpread + t.adcGainSpread + t.adcOffsetSpreadLsb >
                    0;
           }))
         return std::nullopt;
       return "no target has spreads or stuck devices";
     }},
};

/// Whether an effect that was named is wanted: one that is switched off asks for nothing more.
bool wanted(const Options &options, const std::string &option) {
  const Effects &e = options.effects;
  for (auto [name, on] : {std::pair{"programming", e.programming},
                          {"wire", e.wire},
                          {"dac", e.dac},
                          {"adc", e.adc},
                          {"read_noise", e.readNoise},
                          {"variation", e.variation}})
    if (option == std::string("effects.") + name)
      return on;
  return true;
}
} // namespace

std::vector<std::string> Options::withoutEffect(bool ran) const {
  std::vector<std::string> lines;
  if (ideal) {
    std::string names;
    for (const std::string &option : given)
      if (wanted(*this, option))
        names += (names.empty() ? "" : ", ") + option;
    if (!names.empty())
      lines.push_back(names + (names.find(',') == std::string::npos ? " has" : " have") +
                      " no effect in a session without tiles (ideal)");
    return lines;
  }
  for (const Target &target : targets)
    if (target.idle == model::Idle::Midrail &&
        given.count("targets." + target.name + ".wire.fidelity"))
      lines.push_back("target " + target.name +
                      ": wire.fidelity has no effect: where idle rows are at mid-rail reads are "
                      "exact");
  std::string last;
  for (const Row &row : kRows)
    if (row.option != last && given.count(row.option) && wanted(*this, row.option))
      if (const Reason reason = row.reason(*this)) {
        last = row.option; // one reason is enough
        lines.push_back(last + (row.other ? ": " : " has no effect: ") + *reason);
      }
  const model::AgeingAsked asked{timeS && given.count("time_s"),
                                 driftCompensation != DriftCompensation::None &&
                                     given.count("drift_compensation")};
  std::vector<model::DeviceModel> devices;
  for (const Target &target : targets)
    devices.push_back(deviceInForce(target, effects));
  if (const Reason line = model::ageingWithoutEffect(devices, asked))
    lines.push_back(*line);
  else if (ran && asked.compensation && !timeS)
    lines.emplace_back(model::kCompensationWithoutTime);
  return lines;
}

} // namespace aimc::exec
