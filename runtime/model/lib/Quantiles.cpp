//===- Quantiles.cpp - what a converter's range keeps -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/model/Quantiles.h"

#include <algorithm>
#include <limits>

namespace aimc::model {

Quantiles::Quantiles(std::span<const double> givenShares, std::span<const double> givenValues) {
  shares.insert(shares.end(), givenShares.begin(), givenShares.end());
  values.insert(values.end(), givenValues.begin(), givenValues.end());
}

double Quantiles::clipped(double limit) const {
  double sum = 0;
  for (size_t k = 0; k + 1 < values.size(); ++k) {
    const double low = values[k], high = values[k + 1], mass = shares[k + 1] - shares[k];
    if (high <= limit)
      continue;
    const double a = std::max(low - limit, 0.0), b = high - limit;
    const double inside = (high - std::max(low, limit)) / (high > low ? high - low : 1.0);
    sum += mass * (high > low ? inside : 1.0) * (a * a + a * b + b * b) / 3.0;
  }
  return sum;
}

double Quantiles::beyond(double limit) const {
  if (limit >= values.back())
    return 0;
  size_t k = 0;
  while (values[k + 1] <= limit)
    ++k;
  const double part = (limit - values[k]) / (values[k + 1] - values[k]);
  return 1 - (shares[k] + part * (shares[k + 1] - shares[k]));
}

double Quantiles::quantile(double share) const {
  for (size_t k = 0; k + 1 < values.size(); ++k) {
    if (share > shares[k + 1] || shares[k + 1] == 1.0)
      continue;
    const double part =
        std::log((1 - share) / (1 - shares[k])) / std::log((1 - shares[k + 1]) / (1 - shares[k]));
    return values[k] + std::clamp(part, 0.0, 1.0) * (values[k + 1] - values[k]);
  }
  return share < 1.0 ? values[values.size() - 2] : values.back();
}

double Quantiles::bestRange(double codes, double rounding, double least) const {
  const double top = values.back(), low = std::max(least, top * 1e-6);
  double best = top, smallest = std::numeric_limits<double>::infinity();
  constexpr int steps = 64;
  for (int i = 0; i <= steps; ++i) {
    const double range = low * std::pow(top / low, double(i) / steps);
    const double error = clipped(range) + rounding * (range / codes) * (range / codes);
    if (error < smallest) {
      smallest = error;
      best = range;
    }
  }
  return best;
}

} // namespace aimc::model
