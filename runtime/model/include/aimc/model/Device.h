//===- Device.h - what programming, time and reads do to a device -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// One model per kind of device, behind functions over rows of devices. The order of a life:
//   target -> programRow (Programming) -> spreadRow (DeviceVariation.h) -> stuckRow
//          -> lifeRow (Drift): one number per device for all that time does to it, kept with it
//   at a time T after programming, always from the programmed state:
//          -> driftRow -> lowFrequencyRow (OneOverF, atTime(stream, T)) -> stuckRow
// In brackets the stream of the N(0,1) draws. Low-frequency (1/f) noise is slow against an
// inference pass, so it is one draw per device, chip instance and time: frozen during a run, as
// AIHWKIT applies it. Without a time none of the second half happens.
//
//   kind      programming           drift                                 low frequency
//   pcm       polynomial of r       power law, nu clamped lines of log r   Q(r) g sqrt(log ...)
//   hermes1/2 polynomial of r       power law, own fits                    own Q(r)
//   reram_wan polynomial at 1 s     the deviation from the target at 1 day, 2 days; none
//   reram_cmo line of g             mean and spread move as log t          log10(g) sqrt(log ...)
//   table     DeviceTable.h
// r = g / g_max. Sources: AIHWKIT 1.1.0 inference/noise/{pcm,hermes,reram}.py; docs/Physics.md 4.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/model/DeviceTable.h"
#include "aimc/model/Programming.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace aimc::model {

enum class DeviceKind : uint8_t { Ideal, Pcm, Hermes1, Hermes2, ReramWan, ReramCmo, Table };

/// The kind that a target names: ideal, pcm, hermes1, hermes2, reram_wan, reram_cmo, table.
std::optional<DeviceKind> deviceKind(std::string_view name);

struct DeviceModel {
  DeviceKind kind = DeviceKind::Ideal;
  DeviceRange range;
  /// Factors on the standard deviation of programming (reram_wan and tables with times: at every
  /// time), on that of low-frequency noise, and on drift exponents (reram_cmo: on the relaxation).
  /// A session that switches an effect off sets its factor to 0.
  double programmingScale = 1, readScale = 1, driftScale = 1;
  double acceptancePercent = 2;             ///< reram_cmo: 0.2 or 2
  std::shared_ptr<const DeviceTable> table; ///< kind Table, never null there

  /// Programming deviates from the target.
  bool programs() const;
  /// Time moves conductances: lifeRow and driftRow are needed.
  bool drifts() const;
  /// lowFrequencyRow does something.
  bool fluctuates() const;
  /// Reads of nanoseconds are noisy (ReadNoise.h).
  bool noisyReads() const;
  /// Time zero of drift laws, seconds after the last programming pulse.
  double startS() const;
};

/// Conductances that a kind, or a table, is characterised for, uS.
DeviceRange characterisedRange(const DeviceModel &model);
/// What is wrong with the conductance range of a kind, or nothing: "expected ..., but got ...".
std::optional<std::string> checkRange(const DeviceModel &model);
/// The same for a time since programming, seconds.
std::optional<std::string> checkTime(const DeviceModel &model, double seconds);

/// Root mean square deviation from target g that programming leaves, uS.
double programmingSigma(const DeviceModel &model, double g);

/// Programs n devices in place: targets in, conductances out.
void programRow(const DeviceModel &model, float *g, const float *xi, int64_t n);

/// What each device keeps of a draw made at programming: its drift exponent (pcm, hermes, table),
/// its relaxation draw (reram_cmo), or its target (reram_wan, tables with times).
void lifeRow(const DeviceModel &model, const float *target, const float *programmed,
             const float *xi, int64_t n, float *life);

/// Conductances `seconds` after programming. `xi`: the draws that lowFrequencyRow gets too; no
/// kind uses them in both.
void driftRow(const DeviceModel &model, const float *programmed, const float *life, const float *xi,
              int64_t n, double seconds, float *g);

/// Adds low-frequency deviations to n drifted devices in place.
void lowFrequencyRow(const DeviceModel &model, const float *programmed, const float *xi, int64_t n,
                     double seconds, float *g);

} // namespace aimc::model
