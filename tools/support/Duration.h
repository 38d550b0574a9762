//===- Duration.h - durations on a command line -----------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include <map>
#include <stdexcept>
#include <string>

namespace aimc::run {

/// "90", "90s", "15m", "12h", "30d", "1y" in seconds; what is wrong, or nothing.
inline std::string readDuration(const std::string &text, double &seconds) {
  const std::map<std::string, double> units = {{"", 1},     {"s", 1},     {"m", 60},
                                               {"h", 3600}, {"d", 86400}, {"y", 31557600}};
  const std::string wrong = "expected a duration such as 90s, 12h or 1d, but got '" + text + "'";
  size_t end = 0;
  try {
    seconds = std::stod(text, &end);
  } catch (const std::exception &) {
    return wrong;
  }
  auto unit = units.find(text.substr(end));
  if (unit == units.end() || !(seconds >= 0) || seconds * unit->second > 1e12)
    return wrong;
  seconds *= unit->second;
  return {};
}

} // namespace aimc::run
