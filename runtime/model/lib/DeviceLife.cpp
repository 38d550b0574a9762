//===- DeviceLife.cpp - what time does to devices -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "DeviceFits.h"
#include "DeviceTableRows.h"
#include "aimc/model/Clones.h"
#include "aimc/model/Device.h"

#include <algorithm>
#include <cmath>

namespace aimc::model {

namespace {

template <class Fit>
inline void exponents(const float *g, const float *xi, int64_t n, float gMax, float scale,
                      float *nu) {
  for (int64_t j = 0; j < n; ++j) {
    const auto fit = Fit::drift(g[j] / gMax, fits::logRatio(g[j], gMax));
    const float value = fit.mean + fit.deviation * xi[j];
    nu[j] = scale * (value < 0.0f ? -value : value);
  }
}

AIMC_CLONES
void pcmExponents(const float *g, const float *xi, int64_t n, float gMax, float scale, float *nu) {
  exponents<fits::Pcm>(g, xi, n, gMax, scale, nu);
}
AIMC_CLONES
void hermes1Exponents(const float *g, const float *xi, int64_t n, float gMax, float scale,
                      float *nu) {
  exponents<fits::Hermes1>(g, xi, n, gMax, scale, nu);
}
AIMC_CLONES
void hermes2Exponents(const float *g, const float *xi, int64_t n, float gMax, float scale,
                      float *nu) {
  exponents<fits::Hermes2>(g, xi, n, gMax, scale, nu);
}

/// g (t / t_0)^-nu with `logTime` = log(t / t_0).
AIMC_CLONES
void powerLaw(const float *programmed, const float *nu, int64_t n, float logTime, float *g) {
  for (int64_t j = 0; j < n; ++j)
    g[j] = programmed[j] * device_math::exp(-nu[j] * logTime);
}

AIMC_CLONES
void relax(const float *programmed, const float *xi, int64_t n, float mean, float deviation,
           float *g) {
  for (int64_t j = 0; j < n; ++j)
    g[j] = programmed[j] + (mean + deviation * xi[j]);
}

/// g (1 + Q(g_P) xi), not below 0; `growth` holds the factor of time and the scale.
template <class Fit>
inline void fluctuate(const float *programmed, const float *xi, int64_t n, float gMax, float growth,
                      float *g) {
  for (int64_t j = 0; j < n; ++j) {
    const float q = Fit::read(programmed[j] / gMax, fits::logRatio(programmed[j], gMax));
    const float value = g[j] + g[j] * q * growth * xi[j];
    g[j] = value > 0.0f ? value : 0.0f;
  }
}

AIMC_CLONES
void pcmFluctuate(const float *programmed, const float *xi, int64_t n, float gMax, float growth,
                  float *g) {
  fluctuate<fits::Pcm>(programmed, xi, n, gMax, growth, g);
}
AIMC_CLONES
void hermes1Fluctuate(const float *programmed, const float *xi, int64_t n, float gMax, float growth,
                      float *g) {
  fluctuate<fits::Hermes1>(programmed, xi, n, gMax, growth, g);
}
AIMC_CLONES
void hermes2Fluctuate(const float *programmed, const float *xi, int64_t n, float gMax, float growth,
                      float *g) {
  fluctuate<fits::Hermes2>(programmed, xi, n, gMax, growth, g);
}

/// CMO: the deviation is in uS and the program-and-verify range bounds what is left.
AIMC_CLONES
void cmoFluctuate(const float *xi, int64_t n, float gMin, float gMax, float growth, float *g) {
  for (int64_t j = 0; j < n; ++j)
    g[j] = fits::clamp(g[j] + fits::Cmo::read(g[j]) * growth * xi[j], gMin, gMax);
}

/// sqrt(log((t + t_read) / (2 t_read))): low-frequency noise between t_read and t.
double growthOf(double seconds, double readS) {
  const double l = std::log((seconds + readS) / (2 * readS));
  return l > 0 ? std::sqrt(l) : 0;
}

bool tableHasTimes(const DeviceModel &m) {
  return m.table->driftMean.empty() && m.table->programming.size() > 1;
}

} // namespace

void lifeRow(const DeviceModel &m, const float *target, const float *programmed, const float *xi,
             int64_t n, float *life) {
  const auto gMax = static_cast<float>(m.range.gMaxUS);
  const auto scale = static_cast<float>(m.driftScale);
  switch (m.kind) {
  case DeviceKind::Ideal:
    std::fill_n(life, n, 0.0f);
    break;
  case DeviceKind::Pcm:
    pcmExponents(programmed, xi, n, gMax, scale, life);
    break;
  case DeviceKind::Hermes1:
    hermes1Exponents(programmed, xi, n, gMax, scale, life);
    break;
  case DeviceKind::Hermes2:
    hermes2Exponents(programmed, xi, n, gMax, scale, life);
    break;
  case DeviceKind::ReramWan:
    std::copy_n(target, n, life);
    break;
  case DeviceKind::ReramCmo:
    std::copy_n(xi, n, life);
    break;
  case DeviceKind::Table:
    if (!m.table->driftMean.empty())
      tableExponentRow(*m.table, scale, programmed, xi, n, life);
    else
      std::copy_n(target, n, life);
    break;
  }
}

void driftRow(const DeviceModel &m, const float *programmed, const float *life, const float *xi,
              int64_t n, double seconds, float *g) {
  switch (m.kind) {
  case DeviceKind::Ideal:
    std::copy_n(programmed, n, g);
    return;
  case DeviceKind::Pcm:
  case DeviceKind::Hermes1:
  case DeviceKind::Hermes2:
    powerLaw(programmed, life, n, static_cast<float>(std::log1p(seconds / m.startS())), g);
    return;
  case DeviceKind::ReramWan:
    // Programming left the state of the first time; later ones are known by their own deviation
    // from the target alone.
    if (seconds == fits::Wan::kLaws[0].timeS || m.programmingScale <= 0) {
      std::copy_n(programmed, n, g);
    } else {
      std::copy_n(life, n, g);
      deviateWan(m, seconds, g, xi, n);
    }
    return;
  case DeviceKind::ReramCmo: {
    const double l = seconds >= 1 ? std::log(seconds) : 0.0;
    const double deviation =
        seconds >= 1 ? fits::Cmo::kRelaxation0 + fits::Cmo::kRelaxation1 * l : 0.0;
    relax(programmed, life, n, static_cast<float>(m.driftScale * fits::Cmo::kRelaxationMean * l),
          static_cast<float>(m.driftScale * deviation), g);
    return;
  }
  case DeviceKind::Table:
    if (!m.table->driftMean.empty()) {
      powerLaw(programmed, life, n, static_cast<float>(std::log1p(seconds / m.startS())), g);
    } else if (tableHasTimes(m) && m.programmingScale > 0 &&
               seconds > m.table->programming.front().timeS) {
      std::copy_n(life, n, g);
      tableProgramRow(*m.table, seconds, static_cast<float>(m.programmingScale), xi, n, g);
    } else {
      std::copy_n(programmed, n, g);
    }
    return;
  }
}

void lowFrequencyRow(const DeviceModel &m, const float *programmed, const float *xi, int64_t n,
                     double seconds, float *g) {
  const auto gMin = static_cast<float>(m.range.gMinUS), gMax = static_cast<float>(m.range.gMaxUS);
  const auto growth = [&](double readS) {
    return static_cast<float>(m.readScale * growthOf(seconds + m.startS(), readS));
  };
  switch (m.kind) {
  case DeviceKind::Ideal:
  case DeviceKind::ReramWan:
    return;
  case DeviceKind::Pcm:
    pcmFluctuate(programmed, xi, n, gMax, growth(fits::Pcm::kReadS), g);
    return;
  case DeviceKind::Hermes1:
    hermes1Fluctuate(programmed, xi, n, gMax, growth(fits::Hermes1::kReadS), g);
    return;
  case DeviceKind::Hermes2:
    hermes2Fluctuate(programmed, xi, n, gMax, growth(fits::Hermes2::kReadS), g);
    return;
  case DeviceKind::ReramCmo:
    if (seconds >= 1)
      cmoFluctuate(xi, n, gMin, gMax, growth(fits::Cmo::kReadS), g);
    return;
  case DeviceKind::Table: {
    if (m.table->readCoefficient.empty())
      return;
    constexpr int64_t kStrip = 256;
    const float factor = growth(m.table->readS);
    float q[kStrip];
    for (int64_t j = 0; j < n; j += kStrip) {
      const int64_t count = std::min(kStrip, n - j);
      tableReadRow(*m.table, programmed + j, count, q);
      for (int64_t i = 0; i < count; ++i) {
        const float value = g[j + i] * (1.0f + q[i] * factor * xi[j + i]);
        g[j + i] = value > 0.0f ? value : 0.0f;
      }
    }
    return;
  }
  }
}

} // namespace aimc::model
