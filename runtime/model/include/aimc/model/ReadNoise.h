//===- ReadNoise.h - PCM read noise on the scale of nanoseconds -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A device read for t ns shows a conductance with standard deviation
//   sigma(g, t) = slope(t) g + offset(t),   X = log10(t / ns), 1 <= t <= 4096 ns
// (not monotone beyond: t is clamped). Each device is read for its own pulse, a fresh draw per
// read. A charge is a sum of independent Gaussians, hence exactly Gaussian with
//   Var Q_j = V_r^2 sum_i T_ij^2 [ (t slope)^2 (g+^2 + g-^2) + 2 t^2 slope offset (g+ + g-)
//                                  + 2 (t offset)^2 ]
// to first order in the fluctuation (its effect on T is left out; a test bounds it). With
// rho = offset / slope this is
//   V_r^2 sum_i (t slope)^2 T^2 [ (g+ + rho)^2 + (g- + rho)^2 ]
// and rho(t) moves by 2.7% over 1..127 ns only: one matrix product with rho0 = rho(longest pulse),
// plus a rank-1 correction, first order in rho(t) - rho0, that uses column means. A test bounds
// what this leaves out.
// Source: arXiv 2506.00004 (AIHWKIT analog_mvm_irdrop_t.py); docs/Physics.md section 4.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

namespace aimc::model {

inline constexpr double kReadNoiseMinNs = 1.0;
inline constexpr double kReadNoiseMaxNs = 4096.0;

/// sigma(g, t) = slope g + offset; offset in uS.
template <class T> struct ReadNoiseLine {
  T slope, offset;
  T sigma(T g) const { return slope * g + offset; }
  T ratio() const { return offset / slope; } ///< rho, uS
};

/// The line for a pulse of `ns`.
template <class T> ReadNoiseLine<T> readNoiseLine(T ns) {
  using std::log10;
  const T clamped = ns < T(kReadNoiseMinNs)   ? T(kReadNoiseMinNs)
                    : ns > T(kReadNoiseMaxNs) ? T(kReadNoiseMaxNs)
                                              : ns;
  const T x = log10(clamped);
  const T slope =
      (((T(2.1926e-4) * x - T(1.87352e-3)) * x + T(6.55714e-3)) * x - T(1.46159e-2)) * x +
      T(2.578764e-2);
  const T offset =
      (((T(1.11906167e-3) * x - T(9.08576764e-3)) * x + T(3.07015063e-2)) * x - T(6.77079241e-2)) *
          x +
      T(1.17763144e-1);
  return {slope, offset};
}

/// Exact variance (fC^2) of the charge of one column: `ns` [N] pulse durations (sign ignored, 0 =
/// not read), `transfer`, `gPlus`, `gMinus` [N].
template <class T>
T readNoiseVariance(std::span<const T> ns, std::span<const T> transfer, std::span<const T> gPlus,
                    std::span<const T> gMinus, T readVolt) {
  T sum = T(0);
  for (size_t i = 0; i < ns.size(); ++i) {
    const T t = std::abs(ns[i]);
    if (t == T(0))
      continue;
    const auto line = readNoiseLine(t);
    const T a = t * line.slope, c = t * line.offset;
    sum += transfer[i] * transfer[i] *
           (a * a * (gPlus[i] * gPlus[i] + gMinus[i] * gMinus[i]) +
            T(2) * a * c * (gPlus[i] + gMinus[i]) + T(2) * c * c);
  }
  return readVolt * readVolt * sum;
}

/// The row side of the one-product form, for one pulse.
struct ReadNoiseRow {
  float power = 0;      ///< (t slope)^2, ns^2
  float powerDelta = 0; ///< power (rho - rho0), ns^2 uS
};

/// The row side for a pulse of `ns` > 0.
ReadNoiseRow readNoiseRow(double ns, double ratio0);

/// Row tables for a converter: entry k is a pulse of k ticks, entry 0 is no pulse.
struct ReadNoiseTable {
  double tickNs = 1.0;
  double ratio0 = 0; ///< rho0, uS
  std::vector<ReadNoiseRow> rows;
};
ReadNoiseTable makeReadNoiseTable(int32_t levels, double tickNs);

/// The column side: weight of a cell in the product, fC^2 per ns^2.
template <class T> T readNoiseWeight(T readVolt, T transfer, T gPlus, T gMinus, T ratio0) {
  const T vt = readVolt * transfer;
  return vt * vt * ((gPlus + ratio0) * (gPlus + ratio0) + (gMinus + ratio0) * (gMinus + ratio0));
}

/// The column side of the correction, fC^2 per ns^2 uS: Var += mean_i of this * sum_i powerDelta_i.
template <class T> T readNoiseSlope(T readVolt, T transfer, T gPlus, T gMinus, T ratio0) {
  const T vt = readVolt * transfer;
  return vt * vt * T(2) * (gPlus + gMinus + T(2) * ratio0);
}

} // namespace aimc::model
