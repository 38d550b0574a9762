//===- AihwkitCompat.h - tile reads as AIHWKIT simulates them ---*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// `compat = aihwkit`: what AnalogMVMIRDropT of AIHWKIT 1.1.0 computes
// (simulator/tiles/analog_mvm_irdrop_t.py), in double precision and for cross-validation only. It
// differs from docs/Physics.md section 2 on purpose:
//   * the current is sampled on a grid of as many points as there are ticks plus one, the first
//     sample is taken twice and the last one halved (a trapezoid rule with a repeated point), so
//     that a pulse of k ticks counts k + 1/2: gains of about 1.01, 1.09 and 1.5 (one pass, split,
//     bit-wise)
//   * the ADC's input lies at 0.4005 V against a rest level of 0.4 V, whose current flows through
//     every sample of the grid
//   * rows are lumped into segments without a first moment
//   * the scale is one number per tile, the largest weight, found again at every call from the
//     weights as they are then (G+ - G-): drift of the whole tile, and of its baseline, is lost
//   * columns leave alternately at the last and the first row; blocks lie in the middle of the rows
//   * the oscillator counts the charge of a pair and a pass, without a widest code
// Not reproduced: single-precision comparison of pulse ends with the grid, which gives or takes one
// sample for some durations; aihwkitCharges takes numbers of samples so that a test can. Levels of
// 0.6, 0.4 and 0.2 V and ticks of one unit are constants there, as here.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace aimc::model {

enum class AihwkitMode : uint8_t { OnePass, Split, BitWise };

struct AihwkitRead {
  double wireOhm = 0.15;     ///< ir_drop_rs
  int64_t segments = 8;      ///< ir_drop_segments, a divisor of the array's rows
  double adcLevelV = 0.4005; ///< ir_drop_v_read
  bool trapezoid = true;     ///< not ir_drop_integration_sum
  double lsb = 0;            ///< 100 / adc_frequency, uA ticks; 0: no ADC
  double gMinUS = 0, gMaxUS = 25;
  std::span<const double> significance; ///< f_lst, low to high; empty: one pair
  int bits = 8;                         ///< inp_res = 1 / (2^bits - 2)
  AihwkitMode mode = AihwkitMode::OnePass;
  int lsbBits = 3;       ///< split_mode_bit_shift
  double inputRange = 0; ///< full scale; 0: each vector's largest magnitude
};

/// One pass over one pair: charge in uA ticks (fC where a tick is 1 ns) of each column of an array
/// [rows x cols] (uS, row-major), before the ADC. Row i is on at the first |samples[i]| of `steps`
/// points of the grid, with the sign of samples[i]. `rows` is a multiple of the segments.
std::vector<double> aihwkitCharges(const AihwkitRead &read, const double *gPlus,
                                   const double *gMinus, int64_t rows, int64_t cols,
                                   std::span<const int32_t> samples, int32_t steps);

/// y [n x cols] of inputs x [n x rows] for weights [rows x cols] (inputs x outputs, row-major), on
/// an array of `arrayRows` rows: quantised, read pass by pass, counted, scaled back.
void aihwkitRead(const AihwkitRead &read, const double *weights, int64_t rows, int64_t cols,
                 int64_t arrayRows, const float *x, int64_t n, double *y);

} // namespace aimc::model
