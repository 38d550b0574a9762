//===- ScaleWarning.cpp - scales that leave too few bits ------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/model/ScaleWarning.h"

#include "aimc/model/Quantiles.h"

#include <cstdio>

namespace aimc::model {

bool clipsTooMuch(const ScaleRule &rule, const ScaleReport &report) {
  return rule.kind == ScaleRule::Kind::Sigma && keepsFewBits(report.power, report.clipError);
}

std::optional<std::string> clippingWarning(std::string_view rule, const ScaleReport &report) {
  const auto parsed = parseScaleRule(rule);
  if (!parsed || !clipsTooMuch(*parsed, report))
    return std::nullopt;
  char shares[128];
  std::snprintf(shares, sizeof shares, "%.3g%% of the weights, which takes %.3g%% of their power",
                100 * report.clippedShare(), 100 * report.lostShare());
  return "scale " + std::string(rule) + " clips " + shares +
         "; more deviations, max or optimal keep it";
}

} // namespace aimc::model
