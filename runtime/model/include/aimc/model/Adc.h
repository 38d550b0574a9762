//===- Adc.h - output converter (ADC) -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// What a column's charge becomes. `ideal` passes it on; `linear` rounds charge / LSB to the nearest
// code; `cco` (a current-controlled oscillator that counts) drops the fraction. Both saturate at
// +-(2^(bits-1) - 1), the signed counter width. code * LSB is the digital charge.
// Source: docs/Physics.md section 3; AIHWKIT's oscillator counts trunc(Q f / 100), f = 6.24, so
// that LSB = 100 / f = 16.03 fC.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cmath>
#include <cstdint>

namespace aimc::model {

enum class AdcKind : uint8_t { Ideal, Linear, Cco };

struct Adc {
  AdcKind kind = AdcKind::Ideal;
  int bits = 12;        ///< signed code width, 2..24
  double lsbFc = 16.03; ///< charge of one code, fC; unused by `ideal`

  /// Largest code; saturation is symmetric.
  double maxCode() const { return static_cast<double>((int64_t(1) << (bits - 1)) - 1); }
  /// Charge of one unit of the kernels' accumulator, fC: an LSB, or 1 fC for `ideal`.
  double unitFc() const { return kind == AdcKind::Ideal ? 1.0 : lsbFc; }
};

/// LSB of a counting oscillator of `gigahertz` (AIHWKIT's f), in fC.
constexpr double ccoLsbFc(double gigahertz) { return 100.0 / gigahertz; }

/// Code of a charge given in LSB (ideal: the charge itself, unchanged). Ties to even.
template <class T> T adcCode(T charge, AdcKind kind, T maxCode) {
  if (kind == AdcKind::Ideal)
    return charge;
  const T code = kind == AdcKind::Linear ? std::nearbyint(charge) : std::trunc(charge);
  return code > maxCode ? maxCode : (code < -maxCode ? -maxCode : code);
}

} // namespace aimc::model
