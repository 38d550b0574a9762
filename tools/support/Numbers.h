//===- Numbers.h - numbers on command lines ---------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// CLI11's own ranges let nan pass, and write the largest number out where there is no upper end.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <CLI/CLI.hpp>
#include <sstream>
#include <string>
#include <type_traits>

namespace aimc::run {

/// Checks for a number of type T that `fits`, which is one `expected`.
template <class T, class Fits> CLI::Validator number(const std::string &expected, Fits fits) {
  return CLI::Validator(
      [=](std::string &text) -> std::string {
        T value{};
        const bool read = CLI::detail::lexical_cast(text, value);
        if (read && fits(value))
          return "";
        const char *const kind =
            std::is_integral_v<T> ? "expected an integer " : "expected a number ";
        return kind + expected + ", but got " + (read ? text : "'" + text + "'");
      },
      "");
}

/// A number from `low` to `high`; nan is none.
template <class T> CLI::Validator within(T low, T high) {
  std::ostringstream os;
  os << "from " << low << " to " << high;
  return number<T>(os.str(), [=](T value) { return value >= low && value <= high; });
}

/// A number of at least `low`.
template <class T> CLI::Validator atLeast(T low) {
  std::ostringstream os;
  os << "of at least " << low;
  return number<T>(os.str(), [=](T value) { return value >= low; });
}

} // namespace aimc::run
