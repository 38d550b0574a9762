//===- ScaleWarning.h - scales that leave too few bits ----------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/model/Scale.h"

#include <optional>
#include <string>
#include <string_view>

namespace aimc::model {

/// Whether a rule sigma:<q> leaves too few bits of the weights. The optimal scale never does: it
/// clips where noise would take more.
bool clipsTooMuch(const ScaleRule &rule, const ScaleReport &report);

/// The line that sessions, tiles and training say then of the rule that `rule` spells; else
/// nothing.
std::optional<std::string> clippingWarning(std::string_view rule, const ScaleReport &report);

} // namespace aimc::model
