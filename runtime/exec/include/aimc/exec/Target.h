//===- Target.h - the hardware a block is programmed on ---------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A target as the manifest carries it (docs/Contracts.md 4). Unknown keys are refused: a setting
// that this runtime does not model would change results without a word.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/exec/JsonReader.h"
#include "aimc/model/Adc.h"
#include "aimc/model/Ladder.h"
#include "aimc/model/Programming.h"

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace aimc::exec {

struct Target {
  std::string name;
  int64_t rows = 0, cols = 0;
  model::Readout readout = model::Readout::Single;

  std::string device; ///< "pcm" or "ideal": programs and reads without error
  model::DeviceRange range;
  double programmingNoiseScale = 1, readNoiseScale = 1; ///< factors on the standard deviations

  double columnOhm = 0;

  int dacBits = 0;
  double readV = 0, tickNs = 0;

  model::Adc adc;
};

/// Reads and checks one target object.
Target readTarget(const JsonObject &object, const std::string &name);

/// `base` with the values of `overrides` in their place, key by key. A key that `base` does not
/// have, or any change of the geometry, is a mistake of the reader.
nlohmann::json mergeTarget(const nlohmann::json &base, const JsonObject &overrides);

} // namespace aimc::exec
