//===- WithoutEffect.cpp - options that can do nothing --------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// What sessions and tiles were asked for, as runtime/model's table takes it. What is switched off
// asks for nothing more, but where there are no tiles: there it cannot be had.
//
//===----------------------------------------------------------------------===//
#include "aimc/model/WithoutEffect.h"
#include "aimc/exec/Options.h"
#include "aimc/exec/TargetFile.h"

namespace aimc::exec {

namespace {
using model::Asked;
using model::Option;

/// Options whose name decides what is asked, and whether it is asked for.
std::vector<Asked> askedOf(const Options &o) {
  const bool pulses = o.compensate == model::Compensate::WeightsAndPulses;
  const Effects &e = o.effects;
  const struct {
    const char *name;
    Option option;
    bool wanted;
  } rows[] = {
      {"compensate", pulses ? Option::CompensateByPulses : Option::Compensate, true},
      {"compare_exact", Option::Fidelity, true},
      {"input_range", Option::InputRange, true},
      {"activity", Option::Activity, true},
      {"effects.programming", Option::Programming, e.programming},
      {"effects.wire", Option::Wire, e.wire},
      {"effects.adc", Option::Adc, e.adc},
      {"effects.read_noise", Option::ReadNoise, e.readNoise},
      {"effects.variation", Option::Variation, e.variation},
      {"time_s", Option::Time, o.timeS.has_value()},
      {"drift_compensation", Option::DriftCompensation,
       o.driftCompensation != DriftCompensation::None},
  };
  std::vector<Asked> asked;
  for (const auto &row : rows)
    if (row.wanted && o.given.count(row.name))
      asked.push_back({row.name, row.option});
  return asked;
}

/// A target with what is switched off left out.
model::InForce inForce(const Target &target, const Options &options, bool ran) {
  model::InForce t = exec::inForce(target);
  t.device = deviceInForce(target, options.effects);
  t.wire = options.effects.wire;
  t.dac = options.effects.dac;
  t.adc = options.effects.adc;
  t.offset = t.offset && options.effects.adc;
  t.timed = options.timeS || !ran;
  return t;
}
} // namespace

std::vector<std::string> Options::withoutEffect(bool ran) const {
  std::vector<std::string> lines;
  if (ideal) {
    std::string names;
    for (const std::string &option : given)
      names += (names.empty() ? "" : ", ") + option;
    if (!names.empty())
      lines.push_back(names + (names.find(',') == std::string::npos ? " has" : " have") +
                      " no effect in a session without tiles (ideal)");
    return lines;
  }
  std::vector<model::InForce> inTargets;
  for (const Target &target : targets) {
    inTargets.push_back(inForce(target, *this, ran));
    const std::string fidelity = "wire.fidelity";
    if (!given.count("targets." + target.name + "." + fidelity))
      continue;
    const Asked asked{"target " + target.name + ": " + fidelity, Option::Fidelity};
    for (std::string &line : model::withoutEffect({&asked, 1}, {&inTargets.back(), 1}))
      lines.push_back(std::move(line));
  }
  for (std::string &line : model::withoutEffect(askedOf(*this), inTargets))
    lines.push_back(std::move(line));
  return lines;
}

} // namespace aimc::exec
