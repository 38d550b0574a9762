//===- DriftFactor.h - what digital drift compensation multiplies with -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// With E0 and E1 what a column makes of its inputs right after programming and now, the factor
// that brings x E1 closest to x E0, for inputs x without correlation, is
//
//   c = <E0, E1> / <E1, E1>
//
// Training has E0 and E1 and computes it. A chip has codes: reads of random vectors, one before
// and two now. Sums over codes are no sums over charges. The power of one read holds its own noise
// and rounding; a factor from it comes out too small, by a third where a column reaches one LSB.
// Two reads of one vector have independent noise, so their product holds the signal alone, and
// rounding is a known law: charges are Gaussian because calibration vectors are, so moments of
// codes are functions of moments of charges, and those are inverted here. docs/Physics.md 5.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/model/Adc.h"

namespace aimc::model {

/// Vectors of a calibration.
inline constexpr int kDriftVectors = 512;
/// A converter's longest pulse is so many standard deviations of a calibration vector, or 2, 4, ...
/// times as many where charges would saturate the ADC.
inline constexpr double kDriftLongestPulse = 2;

/// Mean square of the codes of Gaussian charges with standard deviation `sigma`, in LSB.
double codePower(AdcKind kind, double sigma);
/// The standard deviation of charges whose codes have this mean square.
double chargeSigma(AdcKind kind, double codePower);
/// Mean product of two Gaussian charges with these standard deviations, in LSB, whose codes have
/// this mean product.
double chargeProduct(AdcKind kind, double codeProduct, double sigmaA, double sigmaB);

/// What a calibration has found of a column, or of all columns of a tile together.
struct DriftMoments {
  double cross = 0; ///< <E0, E1>, in any unit
  double power = 0; ///< <E1, E1>, in the same
  /// How much of it is known: sum of squared codes (LSB) of a read now, over vectors and pairs,
  double squares = 0;
  /// and the part of a read's power that the signal has, not read noise.
  double signal = 1;
};

/// c of all columns together, 1 where nothing is known; never negative.
double driftFactor(const DriftMoments &whole);
/// c of a column. Where codes say little of it, it is drawn to that of the whole.
double driftFactor(const DriftMoments &column, double whole);

} // namespace aimc::model
