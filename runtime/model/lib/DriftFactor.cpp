//===- DriftFactor.cpp - what digital drift compensation multiplies with -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/model/DriftFactor.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <vector>

namespace aimc::model {

namespace {
using std::numbers::pi;

/// From here on (LSB) what rounding adds is known in closed form to 1e-3.
constexpr double kLoudLinear = 0.5, kLoudCco = 1.2;
double loudFrom(AdcKind kind) { return kind == AdcKind::Linear ? kLoudLinear : kLoudCco; }

/// Charge from which on a converter gives code k.
double threshold(AdcKind kind, int k) { return kind == AdcKind::Linear ? k - 0.5 : k; }

double tail(double x) { return 0.5 * std::erfc(x / std::numbers::sqrt2); }

/// Mean product of two rounding errors, the difference of whose charges has variance v:
/// sum over k of exp(-2 (pi k)^2 v) / (2 (pi k)^2). 1/12 where the charges are the same.
double sharedRounding(double v) {
  if (v < 0.04)
    return 1.0 / 12 - std::sqrt(v / (2 * pi)) + v / 2;
  double sum = 0;
  for (int k = 1; k <= 5; ++k)
    sum += std::exp(-2 * pi * pi * k * k * v) / (2 * pi * pi * k * k);
  return sum;
}

/// Mean product of the codes of charges with correlation rho and standard deviations that several
/// LSB fit in. A counter's code is that of a converter which rounds to halves, less half a sign.
double loudProduct(AdcKind kind, double product, double a, double b) {
  const double sign = kind == AdcKind::Linear ? -1 : 1;
  const double both = 2 * product;
  double sum = product * (1 + 2 * sign * std::exp(-2 * pi * pi * a * a) +
                          2 * sign * std::exp(-2 * pi * pi * b * b)) +
               sharedRounding(std::max(0.0, a * a + b * b - both));
  constexpr int kHarmonics = 4; // of one charge that meet those of the other
  for (int k = 1; k <= kHarmonics; ++k)
    for (int l = 1; l <= kHarmonics; ++l) {
      const double v = k * k * a * a + l * l * b * b - k * l * both;
      if (k != l && v < 1)
        sum += ((k + l) % 2 ? sign : 1.0) * std::exp(-2 * pi * pi * std::max(0.0, v)) /
               (2 * pi * pi * k * l);
    }
  if (kind == AdcKind::Cco) {
    const double rho = std::clamp(product / (a * b), -1.0, 1.0);
    sum += std::asin(rho) / (2 * pi) - rho * (a + b) / std::sqrt(2 * pi);
    // the step at no charge meets rounding where charges are nearly the same
    sum -= (1 / a + 1 / b) / (12 * std::sqrt(2 * pi)) *
           std::exp(-2 * pi * pi * std::max(0.0, 1 - rho * rho) * std::min(a * a, b * b));
  }
  return sum;
}

/// Where the rising function `f` reaches `goal` between `low` and `high`.
template <class F> double solve(F &&f, double goal, double low, double high) {
  double atLow = f(low) - goal, atHigh = f(high) - goal;
  if (atLow >= 0)
    return low;
  if (atHigh <= 0)
    return high;
  // regula falsi, the Illinois way
  double x = low;
  for (int i = 0; i < 60; ++i) {
    const double next = high - atHigh * (high - low) / (atHigh - atLow);
    if (std::fabs(next - x) <= 1e-9 * (std::fabs(next) + 1e-9))
      return next;
    x = next;
    const double at = f(x) - goal;
    if (at >= 0) {
      high = x;
      atHigh = at;
      atLow *= 0.5;
    } else {
      low = x;
      atLow = at;
      atHigh *= 0.5;
    }
  }
  return x;
}

/// Correlation of quiet charges. The derivative of the mean product of codes by it is a sum of
/// bivariate densities at pairs of thresholds (Plackett): smooth in theta, rho = sin theta.
double quietCorrelation(AdcKind kind, double codeProduct, double a, double b) {
  constexpr double kFarthest = 5; // standard deviations
  auto stepsOf = [&](double sigma) {
    std::vector<double> steps;
    for (int k = 1; steps.empty() || steps.back() < kFarthest; ++k)
      steps.push_back(threshold(kind, k) / sigma);
    return steps;
  };
  const std::vector<double> ofA = stepsOf(a), ofB = stepsOf(b);
  auto slope = [&](double theta) {
    const double s = std::sin(theta), c = std::cos(theta), inverse = -0.5 / (c * c);
    double sum = 0;
    for (double h : ofA)
      for (double k : ofB) {
        const double squares = h * h + k * k, cross = 2 * h * k * s;
        const double same = (squares - cross) * inverse, opposite = (squares + cross) * inverse;
        if (same > -25)
          sum += std::exp(same) + (opposite > -25 ? std::exp(opposite) : 0);
      }
    return sum / pi;
  };
  constexpr int kIntervals = 32;
  constexpr double kStep = pi / 2 / kIntervals, kGauss = 0.21132486540518713;
  double sum = 0;
  for (int i = 0; i < kIntervals; ++i) {
    const double theta = i * kStep;
    const double part =
        kStep / 2 * (slope(theta + kGauss * kStep) + slope(theta + (1 - kGauss) * kStep));
    if (sum + part >= codeProduct)
      return std::sin(theta + (codeProduct - sum) / part * kStep);
    sum += part;
  }
  return 1;
}
} // namespace

double codePower(AdcKind kind, double sigma) {
  if (kind == AdcKind::Ideal || !(sigma > 0))
    return sigma > 0 ? sigma * sigma : 0;
  if (sigma >= loudFrom(kind))
    return loudProduct(kind, sigma * sigma, sigma, sigma);
  double sum = 0;
  for (int k = 1;; ++k) {
    const double part = 2 * (2 * k - 1) * tail(threshold(kind, k) / sigma);
    sum += part;
    if (part <= 1e-12 * sum || part < 1e-300)
      return sum;
  }
}

double chargeSigma(AdcKind kind, double power) {
  if (kind == AdcKind::Ideal || !(power > 0))
    return std::sqrt(std::max(0.0, power));
  // a counter loses up to one LSB
  return solve([&](double sigma) { return codePower(kind, sigma); }, power, 0.02,
               std::sqrt(power) + 2);
}

double chargeProduct(AdcKind kind, double product, double a, double b) {
  if (kind == AdcKind::Ideal)
    return product;
  if (!(a > 0) || !(b > 0) || product == 0)
    return 0;
  if (product < 0)
    return -chargeProduct(kind, -product, a, b);
  if (std::min(a, b) < loudFrom(kind))
    return quietCorrelation(kind, product, a, b) * a * b;
  return solve([&](double x) { return loudProduct(kind, x, a, b); }, product, 0, a * b);
}

double driftFactor(const DriftMoments &whole) {
  return whole.power > 0 ? std::max(0.0, whole.cross / whole.power) : 1.0;
}

double driftFactor(const DriftMoments &column, double whole) {
  if (!(column.power > 0) || !(column.squares > 0) || !(column.signal > 0))
    return whole;
  // Columns of a tile lose alike, to a half or so; four codes of one LSB, or signal at twice the
  // uncertainty of its part in the power, tell as much about a column as that does.
  constexpr double kKnown = 4;
  const double doubt =
      kKnown * (1 / column.squares + 1 / (kDriftVectors * column.signal * column.signal));
  const double own = std::max(0.0, column.cross / column.power);
  return whole + (own - whole) / (1 + doubt);
}

} // namespace aimc::model
