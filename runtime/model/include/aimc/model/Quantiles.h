//===- Quantiles.h - what a converter's range keeps -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A range is a trade: a wide one rounds coarsely, a narrow one clips. What is lost is judged by its
// power, wherever it is lost: a hundredth of the inputs may carry nearly all of it.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <array>
#include <cmath>
#include <span>
#include <vector>

namespace aimc::model {

/// Bits that a signal keeps when its conversion changes it by an error of this power.
inline double effectiveBits(double signalPower, double errorPower) {
  return 0.5 * std::log2(1 + signalPower / errorPower);
}

/// With fewer the signal is thrown away: the error is an eighth of it.
inline constexpr double kFewBits = 3.0;

/// An error of this power leaves too few bits of a signal.
inline bool keepsFewBits(double signalPower, double errorPower) {
  return errorPower > 0 && effectiveBits(signalPower, errorPower) < kFewBits;
}

/// Shares that records of a run have quantiles at, beside those of a tail.
inline constexpr std::array<double, 9> kBodyShares{0.25, 0.5,  0.75,  0.9,  0.95,
                                                   0.98, 0.99, 0.995, 0.998};

/// Mean square error of a code in steps squared: rounded to the nearest, or cut off towards zero.
constexpr double roundingError(bool nearest) { return nearest ? 1.0 / 12 : 1.0 / 3; }

/// A distribution of magnitudes by its quantiles, spread evenly between them and from 0 on.
class Quantiles {
public:
  /// A share shares[k] of them is at most values[k]; both ascend, the last share is 1.
  Quantiles(std::span<const double> shares, std::span<const double> values);

  /// Mean square of what a limit cuts off.
  double clipped(double limit) const;
  /// Mean square of all.
  double power() const { return clipped(0); }
  /// Share of magnitudes beyond a limit.
  double beyond(double limit) const;
  /// The value that a share stays within, interpolated over log(1 - share).
  double quantile(double share) const;
  /// The full scale of `codes` steps, from `least` on, at which clipping and rounding, with a mean
  /// square of `rounding` steps squared, are least.
  double bestRange(double codes, double rounding, double least) const;

private:
  std::vector<double> shares{0}, values{0};
};

} // namespace aimc::model
