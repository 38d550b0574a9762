//===- TargetFile.h - targets as people write them --------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// One judge for everybody who takes a target as text: the runtime, training in C++ and, through the
// C API, Python and the compiler.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/exec/Target.h"
#include "aimc/model/WithoutEffect.h"

#include <optional>
#include <string>

namespace aimc::exec {

/// How the text of a target is to be taken.
struct TargetSource {
  std::string name;             ///< the target's
  std::string label = "target"; ///< opens every message
  bool partial = true;          ///< its author may leave things out (completeTarget)
  bool training = false;        ///< what training has no model of is refused
  /// A device may name a `file` in this folder instead of holding its table.
  std::optional<std::string> folder;
};

/// A target and the object that says all of it.
struct WholeTarget {
  nlohmann::json text;
  Target target;
};
Result<WholeTarget> wholeTarget(nlohmann::json given, const TargetSource &source);

/// The object that a device file holds; the target that it comes into is what it is judged with.
Result<nlohmann::json> readDeviceFile(const std::string &path);

/// What decides which options do something on a target, with everything on.
model::InForce inForce(const Target &target);

/// What matters most of a target, on one line.
std::string summaryOf(const Target &target);

} // namespace aimc::exec
