//===- Options.h - what a session is asked to do ----------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/exec/Manifest.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace aimc::exec {

/// Switches from an object with some of the keys programming, wire, dac, adc, read_noise and
/// variation.
void readEffects(const JsonObject &object, Effects &effects);

inline constexpr double kMaxTimeS = 1e12;

/// A mistake where the devices of a target have no model for a time since programming.
Result<void> checkTime(const std::vector<Target> &targets, double seconds);

/// Digital scales from a calibration set that is read right after programming and at the chip's
/// time: one factor for a whole tile, or one per column.
enum class DriftCompensation : uint8_t { None, Tile, Column };

/// The options object of aimc_session_create (runtime.h names keys and defaults), with overrides
/// already merged into a copy of every target.
struct Options {
  uint64_t seed = 0;
  int threads = 0;
  bool ideal = false;
  bool compareIdeal = false;
  std::optional<double> timeS;
  Effects effects;
  std::optional<model::Compensate> compensate; ///< in place of what the package says of its blocks
  std::optional<model::ScaleRule> scale;       ///< the same
  DriftCompensation driftCompensation = DriftCompensation::None;
  std::string chip; ///< path of a saved chip; empty: program one
  bool record = false;
  int64_t compareExact = 0;
  std::vector<Target> targets;             ///< as Manifest::targets
  std::vector<nlohmann::json> targetTexts; ///< the same, as merged
  std::vector<bool> lsbGiven;              ///< per target: an override names the ADC's LSB
  /// What somebody asked for by name and that is no default: "time_s", "effects.wire",
  /// "targets.<name>.wire.fidelity"; what a saved chip brings is not asked for.
  std::set<std::string> given;

  /// `text` may be null or empty: all defaults. `label` opens messages.
  static Result<Options> parse(const char *text, const Manifest &manifest,
                               const std::string &label = "session options");
  /// The same for a session on a saved chip: `saved` is what stateText() gave when it was saved.
  /// What shaped its devices cannot change.
  static Result<Options> resume(const char *text, const nlohmann::json &saved,
                                const Manifest &manifest);
  /// The path under `chip`, empty where there is none; mistakes are left to parse().
  static std::string chipPath(const char *text);
  /// A line for each of what was given that changes nothing here: a slip of the pen, or an
  /// expectation that is not met. `ran`: something was read, so that a time that is missing will
  /// no longer come before it.
  std::vector<std::string> withoutEffect(bool ran) const;
  /// What a chip needs to go on: seed, time, effects, targets, scale, compensation.
  nlohmann::json stateText() const;
};

} // namespace aimc::exec
