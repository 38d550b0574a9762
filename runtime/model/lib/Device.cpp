//===- Device.cpp - kinds of devices and their programming -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/model/Device.h"

#include "DeviceFits.h"
#include "DeviceTableRows.h"
#include "aimc/model/Clones.h"
#include "aimc/model/Limits.h"

#include <cmath>
#include <cstdio>

namespace aimc::model {

namespace {

std::string number(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", x);
  return text;
}

/// g + scale * sigma(r) * xi, not below 0, with sigma a fit of r.
template <class Sigma>
inline void deviateRow(float *g, const float *xi, int64_t n, float gMax, float scale, Sigma sigma) {
  for (int64_t j = 0; j < n; ++j) {
    const float value = g[j] + scale * sigma(g[j] / gMax) * xi[j];
    g[j] = value > 0.0f ? value : 0.0f;
  }
}

AIMC_CLONES
void pcmRow(float *g, const float *xi, int64_t n, float gMax, float scale) {
  for (int64_t j = 0; j < n; ++j)
    g[j] = pcmProgrammed(g[j], gMax, xi[j] * scale);
}

AIMC_CLONES
void hermes1Row(float *g, const float *xi, int64_t n, float gMax, float scale) {
  deviateRow(g, xi, n, gMax, scale, [](float r) { return fits::Hermes1::programming(r); });
}

AIMC_CLONES
void hermes2Row(float *g, const float *xi, int64_t n, float gMax, float scale) {
  deviateRow(g, xi, n, gMax, scale, [](float r) { return fits::Hermes2::programming(r); });
}

AIMC_CLONES
void wanRow(float *g, const float *xi, int64_t n, float gMax, float scale,
            const fits::Wan::Law &law) {
  const float c0 = static_cast<float>(law.c[0]), c1 = static_cast<float>(law.c[1]),
              c2 = static_cast<float>(law.c[2]), c3 = static_cast<float>(law.c[3]),
              c4 = static_cast<float>(law.c[4]);
  deviateRow(g, xi, n, gMax, scale,
             [=](float r) { return c0 + r * (c1 + r * (c2 + r * (c3 + r * c4))); });
}

AIMC_CLONES
void cmoRow(float *g, const float *xi, int64_t n, float scale, bool narrow) {
  for (int64_t j = 0; j < n; ++j) {
    const float value = g[j] + scale * fits::Cmo::programming(g[j], narrow) * xi[j];
    g[j] = value > 0.0f ? value : 0.0f;
  }
}

} // namespace

std::optional<DeviceKind> deviceKind(std::string_view name) {
  constexpr std::string_view kNames[] = {"ideal",     "pcm",       "hermes1", "hermes2",
                                         "reram_wan", "reram_cmo", "table"};
  for (size_t k = 0; k < std::size(kNames); ++k)
    if (kNames[k] == name)
      return static_cast<DeviceKind>(k);
  return std::nullopt;
}

bool DeviceModel::programs() const {
  if (kind == DeviceKind::Ideal || programmingScale <= 0)
    return false;
  return kind != DeviceKind::Table || !table->programming.empty();
}

bool DeviceModel::drifts() const {
  switch (kind) {
  case DeviceKind::Ideal:
    return false;
  case DeviceKind::ReramWan:
    return programmingScale > 0;
  case DeviceKind::Table:
    return !table->driftMean.empty() ? driftScale > 0
                                     : table->programming.size() > 1 && programmingScale > 0;
  default:
    return driftScale > 0;
  }
}

bool DeviceModel::fluctuates() const {
  switch (kind) {
  case DeviceKind::Ideal:
  case DeviceKind::ReramWan:
    return false;
  case DeviceKind::Table:
    return !table->readCoefficient.empty() && readScale > 0;
  case DeviceKind::ReramCmo: // its relaxation is bounded there
    return readScale > 0 || driftScale > 0;
  default:
    return readScale > 0;
  }
}

bool DeviceModel::noisyReads() const {
  return readScale > 0 &&
         (kind == DeviceKind::Pcm || (kind == DeviceKind::Table && table->nanosecondReadNoise));
}

double DeviceModel::startS() const {
  switch (kind) {
  case DeviceKind::Pcm:
    return fits::Pcm::kStartS;
  case DeviceKind::Hermes1:
    return fits::Hermes1::kStartS;
  case DeviceKind::Hermes2:
    return fits::Hermes2::kStartS;
  case DeviceKind::Table:
    return table->driftStartS;
  default:
    return 0;
  }
}

DeviceRange characterisedRange(const DeviceModel &m) {
  switch (m.kind) {
  case DeviceKind::Hermes1:
    return {limits::kHermes1US.low, limits::kHermes1US.high};
  case DeviceKind::Hermes2:
    return {limits::kHermes2US.low, limits::kHermes2US.high};
  case DeviceKind::ReramCmo:
    return {limits::kReramCmoUS.low, limits::kReramCmoUS.high};
  case DeviceKind::Table:
    return tableRange(*m.table);
  default:
    return {0, limits::kGMaxUS.high};
  }
}

std::optional<std::string> checkRange(const DeviceModel &m) {
  const auto [low, high] = characterisedRange(m);
  if (m.range.gMinUS >= low && m.range.gMaxUS <= high)
    return std::nullopt;
  return "expected conductances from " + number(low) + " to " + number(high) +
         " uS, which this kind of device is characterised for, but got " + number(m.range.gMinUS) +
         " to " + number(m.range.gMaxUS);
}

std::optional<std::string> checkTime(const DeviceModel &m, double seconds) {
  const std::string got = ", but got " + number(seconds);
  constexpr double kLongest = 1e12;
  if (!(seconds >= 0 && seconds <= kLongest))
    return "expected a time from 0 to " + number(kLongest) + " s" + got;
  if (m.kind == DeviceKind::ReramWan && !fits::Wan::at(seconds))
    return "expected a time of 1, 86400 or 172800 s, the only ones that reram_wan is "
           "characterised for" +
           got;
  if (m.kind == DeviceKind::ReramCmo && seconds != 0 && seconds < 1)
    return "expected a time of 0 or of at least 1 s for reram_cmo" + got;
  if (m.kind == DeviceKind::Table)
    if (const auto expected = tableTimes(*m.table, seconds))
      return *expected + got;
  return std::nullopt;
}

double programmingSigma(const DeviceModel &m, double g) {
  const double gMax = m.range.gMaxUS, r = g / gMax, scale = m.programmingScale;
  switch (m.kind) {
  case DeviceKind::Ideal:
    return 0;
  case DeviceKind::Pcm:
    return scale * pcmProgrammingSigma(g, gMax);
  case DeviceKind::Hermes1:
    return scale * gMax / fits::Hermes1::kReferenceUS * fits::Hermes1::programming(r);
  case DeviceKind::Hermes2:
    return scale * gMax / fits::Hermes2::kReferenceUS * fits::Hermes2::programming(r);
  case DeviceKind::ReramWan:
    return scale * gMax / fits::Wan::kReferenceUS * fits::Wan::deviation(fits::Wan::kLaws[0], r);
  case DeviceKind::ReramCmo:
    return scale * fits::Cmo::programming(g, m.acceptancePercent < 1);
  case DeviceKind::Table:
    return tableSigma(*m.table, scale, g);
  }
  return 0;
}

void deviateWan(const DeviceModel &m, double seconds, float *g, const float *xi, int64_t n) {
  const auto gMax = static_cast<float>(m.range.gMaxUS);
  const auto *law = fits::Wan::at(seconds);
  const double scale = m.programmingScale * m.range.gMaxUS / fits::Wan::kReferenceUS;
  wanRow(g, xi, n, gMax, static_cast<float>(scale), law ? *law : fits::Wan::kLaws[0]);
}

void programRow(const DeviceModel &m, float *g, const float *xi, int64_t n) {
  if (!m.programs())
    return;
  const auto gMax = static_cast<float>(m.range.gMaxUS);
  const auto scale = static_cast<float>(m.programmingScale);
  const auto relative = [&](double reference) {
    return static_cast<float>(m.programmingScale * m.range.gMaxUS / reference);
  };
  switch (m.kind) {
  case DeviceKind::Ideal:
    break;
  case DeviceKind::Pcm:
    pcmRow(g, xi, n, gMax, scale);
    break;
  case DeviceKind::Hermes1:
    hermes1Row(g, xi, n, gMax, relative(fits::Hermes1::kReferenceUS));
    break;
  case DeviceKind::Hermes2:
    hermes2Row(g, xi, n, gMax, relative(fits::Hermes2::kReferenceUS));
    break;
  case DeviceKind::ReramWan:
    deviateWan(m, fits::Wan::kLaws[0].timeS, g, xi, n);
    break;
  case DeviceKind::ReramCmo:
    cmoRow(g, xi, n, scale, m.acceptancePercent < 1);
    break;
  case DeviceKind::Table:
    tableProgramRow(*m.table, m.table->programming.front().timeS, scale, xi, n, g);
    break;
  }
}

} // namespace aimc::model
