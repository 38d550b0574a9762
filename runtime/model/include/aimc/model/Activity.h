//===- Activity.h - how long rows conduct -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// With disconnected idle rows a column's load depends on which rows conduct. Its mean needs two
// numbers per row i and slot s of a pass whose pulses are d_i ticks long:
//   p_i(s) = P(|d_i| >= s)
//   u_i(s) = E[|d_i|; |d_i| >= s] / E[d_i^2]          sum_s u_i(s) = 1
// Both follow from a histogram of |x| / range over 32 equal bins, for any converter: inside a bin
// the density is taken as uniform. Where nothing was calibrated a row is a clipped Gaussian with a
// third of the range as its standard deviation.
// Source: docs/Physics.md section 2.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace aimc::model {

inline constexpr int64_t kActivityBins = 32;
inline constexpr double kDefaultActivitySigma = 1.0 / 3.0; ///< of the DAC's range

/// Which bits of a magnitude code k in 0..levels one pass pulses: d = (k >> shift) mod 2^bits.
struct DacPass {
  int32_t levels = 127;
  int shift = 0, bits = 7;
  int32_t ticks(int32_t code) const { return (code >> shift) & ((int32_t(1) << bits) - 1); }
  /// Ticks of the longest pulse.
  int32_t longest() const;
  /// Digital factor of the pass: y = sum of factor * y_pass.
  double factor() const { return static_cast<double>(int64_t(1) << shift); }
};

/// The passes of a signed converter of `bits` bits, least significant first.
std::vector<DacPass> onePass(int bits);
std::vector<DacPass> splitPasses(int bits, int lsbBits);
std::vector<DacPass> bitSerialPasses(int bits);

/// What `rows` rows do during one pass. Neighbouring slots may be lumped: slot s stands for
/// width[s] ticks.
struct RowActivity {
  int64_t rows = 0, slots = 0;
  std::vector<double> width;      ///< [slots], ticks
  std::vector<float> probability; ///< p [slots x rows], mean over the slot's ticks
  std::vector<float> share;       ///< u [slots x rows], sum over the slot's ticks
  std::vector<double> power;      ///< [rows] E[d^2], ticks^2
};

/// `histogram` [rows x kActivityBins], row sums 1 (any positive sum is normalised), or null for
/// the default activity. At most `maxSlots` slots; a pass of fewer ticks has one slot per tick.
/// A row that never conducts has p = 0 and the mean u of the others.
RowActivity rowActivity(const float *histogram, int64_t rows, const DacPass &pass,
                        int64_t maxSlots = 24);

/// What rows do over all passes of a converter: the slots of one pass after another, shares
/// weighted with the input power that each carries (2^shift more in each tick).
RowActivity meanActivity(const float *histogram, int64_t rows, std::span<const DacPass> passes,
                         int64_t maxSlots = 24);

/// E[(x / range)^2] of every row, from its histogram or the default.
std::vector<double> secondMoments(const float *histogram, int64_t rows);

} // namespace aimc::model
