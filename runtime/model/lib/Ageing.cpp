//===- Ageing.cpp - can time do anything to a device? -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/model/Ageing.h"

#include <algorithm>

namespace aimc::model {

namespace {
/// Why a device does not age.
std::string reason(const DeviceModel &m) {
  if (m.kind == DeviceKind::Ideal)
    return "devices of kind ideal do not age";
  if (m.kind == DeviceKind::ReramWan)
    return "devices of kind reram_wan age by their programming noise, which is off";
  if (m.kind != DeviceKind::Table)
    return "drift and read noise of the devices are off";
  DeviceModel whole = m;
  whole.programmingScale = whole.readScale = whole.driftScale = 1;
  return ages(whole) ? "what the device table says of time is off"
                     : "the device table has no drift, no later times and no low-frequency noise";
}
} // namespace

std::optional<std::string> ageingWithoutEffect(std::span<const DeviceModel> models,
                                               AgeingAsked asked) {
  if (models.empty() || !(asked.time || asked.compensation) ||
      std::any_of(models.begin(), models.end(), ages))
    return std::nullopt;
  std::string reasons;
  for (const DeviceModel &m : models) {
    const std::string one = reason(m);
    if (reasons.find(one) == std::string::npos)
      reasons += (reasons.empty() ? "" : "; ") + one;
  }
  const std::string what = asked.time && asked.compensation
                               ? "a time since programming and drift compensation have"
                           : asked.time ? "a time since programming has"
                                        : "drift compensation has";
  return what + " no effect: " + reasons;
}

} // namespace aimc::model
