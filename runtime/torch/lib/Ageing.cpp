//===- Ageing.cpp - can time do anything to a device? -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "DeviceLaw.h"

#include "aimc/model/Ageing.h"

namespace aimc::ops {
namespace {

/// What of a recipe's time and compensation can do nothing on such a device; empty: nothing.
std::string withoutEffect(c10::string_view kind, double gMin, double gMax, double programmingScale,
                          double readScale, double driftScale, bool time, bool compensation,
                          std::optional<c10::string_view> table) {
  model::DeviceModel m = deviceModel(kind, gMin, gMax, table.value_or(c10::string_view()));
  m.programmingScale = programmingScale;
  m.readScale = readScale;
  m.driftScale = driftScale;
  if (auto line = model::ageingWithoutEffect({&m, 1}, {time, compensation}))
    return *line;
  return compensation && !time ? model::kCompensationWithoutTime : "";
}

} // namespace
} // namespace aimc::ops

TORCH_LIBRARY_IMPL(aimc, CompositeExplicitAutograd, m) {
  m.impl("ageing_without_effect", aimc::ops::withoutEffect);
}
