//===- Ageing.h - can time do anything to a device? -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Devices of kind ideal, tables that say nothing of time, and devices whose scales are 0 stay what
// they were programmed to. A time asked of them changes nothing, and neither does making up for it.
// Sessions, tiles, programs and training say so in the same words, which are these.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/model/Device.h"

#include <optional>
#include <span>
#include <string>

namespace aimc::model {

/// Time since programming moves conductances.
inline bool ages(const DeviceModel &model) { return model.drifts() || model.fluctuates(); }

/// What somebody asked for by name: a time since programming, or that drift is compensated.
struct AgeingAsked {
  bool time = false, compensation = false;
};

/// The one line that says which of it can do nothing on any of these devices, and why; nothing
/// where all of it can, or where no device is given. Scales are those in force: what a session or a
/// recipe switches off has a scale of 0.
std::optional<std::string> ageingWithoutEffect(std::span<const DeviceModel> models,
                                               AgeingAsked asked);

/// The same of compensation where devices age, but nobody gave a time.
inline constexpr const char *kCompensationWithoutTime =
    "drift compensation has no effect without a time since programming";

} // namespace aimc::model
