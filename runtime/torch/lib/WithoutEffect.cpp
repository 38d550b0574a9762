//===- WithoutEffect.cpp - options that can do nothing --------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Torch.h"

#include "aimc/exec/TargetFile.h"
#include "aimc/model/WithoutEffect.h"

#include <nlohmann/json.hpp>

namespace aimc::ops {
namespace {

using Texts = c10::List<std::string>;

/// Lines about options of a recipe. `names` are as its user spells them, `options` as runtime/model
/// does; `targets` are objects as a manifest has them, with eight numbers each: strengths of
/// programming, read noise, drift and wires, whether inputs go through the DAC and charges through
/// the ADC, whether scales or compensation follow weights, and whether scales follow a rule.
Texts withoutEffect(const Texts &names, const Texts &options, const Texts &targets,
                    at::ArrayRef<double> numbers, bool timed, bool ranged) {
  constexpr size_t kNumbers = 8;
  TORCH_CHECK_VALUE(names.size() == options.size() && numbers.size() == kNumbers * targets.size(),
                    "expected an option for each name and eight numbers for each target");
  std::vector<model::Asked> asked;
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string option = options.get(i);
    const auto known = model::optionNamed(option);
    TORCH_CHECK_VALUE(known, "expected an option that may have no effect, but got '", option, "'");
    asked.push_back({names.get(i), *known});
  }
  std::vector<model::InForce> inForce;
  for (size_t i = 0; i < targets.size(); ++i) {
    auto given = nlohmann::json::parse(targets.get(i), nullptr, false);
    const auto whole = exec::wholeTarget(std::move(given), {});
    TORCH_CHECK_VALUE(whole, whole ? "" : whole.error().message);
    model::InForce t = exec::inForce(whole->target);
    const double *own = numbers.data() + kNumbers * i;
    t.device.programmingScale *= own[0];
    t.device.readScale *= own[1];
    t.device.driftScale *= own[2];
    t.wire = own[3] != 0;
    t.dac = own[4] != 0;
    t.adc = own[5] != 0;
    t.follows = own[6] != 0;
    t.ruled = own[7] != 0;
    t.timed = timed;
    t.ranged = ranged;
    inForce.push_back(std::move(t));
  }
  Texts lines;
  for (std::string &line : model::withoutEffect(asked, inForce))
    lines.push_back(std::move(line));
  return lines;
}

} // namespace
} // namespace aimc::ops

TORCH_LIBRARY_IMPL(aimc, CompositeExplicitAutograd, m) {
  m.impl("without_effect", aimc::ops::withoutEffect);
}
