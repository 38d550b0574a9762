//===- Dual.h - a number and its derivative ---------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Runs a formula of runtime/model with a derivative beside each number, so that a gradient needs
// no second source of the formula.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cmath>

namespace aimc::ops {

struct Dual {
  double value = 0, slope = 0;

  Dual() = default;
  Dual(double number) : value(number) {} // NOLINT: numbers are constants
  Dual(double number, double derivative) : value(number), slope(derivative) {}

  friend Dual operator+(Dual a, Dual b) { return {a.value + b.value, a.slope + b.slope}; }
  friend Dual operator-(Dual a, Dual b) { return {a.value - b.value, a.slope - b.slope}; }
  friend Dual operator*(Dual a, Dual b) {
    return {a.value * b.value, a.slope * b.value + a.value * b.slope};
  }
  friend Dual operator/(Dual a, Dual b) {
    return {a.value / b.value, (a.slope - a.value / b.value * b.slope) / b.value};
  }
  friend bool operator<(Dual a, Dual b) { return a.value < b.value; }
  friend bool operator>(Dual a, Dual b) { return a.value > b.value; }
  friend Dual log10(Dual a) { return {std::log10(a.value), a.slope / (a.value * std::log(10.0))}; }
};

} // namespace aimc::ops
