//===- DeviceCurves.cpp - a device model sampled over the conductance -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Device.h of runtime/model knows each kind, and a device table, as functions over rows. Rows at
// two draws give a mean and a deviation, so no formula is written down again here.
//
//===----------------------------------------------------------------------===//
#include "DeviceLaw.h"

#include "aimc/exec/DeviceTable.h"
#include "aimc/torch/Operators.h"

#include <algorithm>
#include <cmath>

namespace aimc::ops {
namespace {

using at::Tensor;
using CurvesAndLaw = std::tuple<Tensor, std::vector<double>>;

constexpr float kProbe = 1000.0f; ///< a draw large enough that a deviation has all its digits

/// Conductances at which curves are sampled: at equal distances up to law.high, where a table
/// bends, which may be beyond, and past that.
std::vector<float> pointsOf(const model::DeviceModel &m, const Law &law) {
  std::vector<float> g(kPoints);
  for (int64_t i = 0; i < kPoints; ++i)
    g[static_cast<size_t>(i)] =
        static_cast<float>(law.high * static_cast<double>(i) / (kPoints - 1));
  if (!m.table)
    return g;
  const auto bend = [&](const model::Curve &curve) {
    for (const double at : curve.g)
      g.push_back(static_cast<float>(at));
  };
  for (const model::ProgrammingLaw &one : m.table->programming) {
    bend(one.mean);
    bend(one.deviation);
  }
  bend(m.table->driftMean);
  bend(m.table->driftDeviation);
  bend(m.table->readCoefficient);
  g.push_back(2 * *std::max_element(g.begin(), g.end())); // past all bends: how curves go on
  std::sort(g.begin(), g.end());
  g.erase(std::unique(g.begin(), g.end()), g.end());
  return g;
}

class Sampler {
public:
  Sampler(const model::DeviceModel &m, Law &law) : g(pointsOf(m, law)), n(count(g)) {
    curves = at::zeros({m.table ? kCurves + 1 : kCurves, n}, at::kDouble);
    data = curves.mutable_data_ptr<double>();
    if (!m.table)
      return;
    std::copy(g.begin(), g.end(), data + Place * n);
    law.high = static_cast<double>(g.back());
  }

  /// `rows(xi, out)` at two draws gives a mean, where `mean` is a curve, and a deviation.
  template <class Rows> void sample(Curve mean, Curve deviation, const Rows &rows) {
    std::vector<float> at0(g.size()), at1(g.size()), xi(g.size(), 0.0f);
    rows(xi.data(), at0.data());
    std::fill(xi.begin(), xi.end(), kProbe);
    rows(xi.data(), at1.data());
    for (size_t i = 0; i < at0.size(); ++i) {
      const double zero = static_cast<double>(at0[i]), one = static_cast<double>(at1[i]);
      if (mean != kCurves)
        data[mean * n + static_cast<int64_t>(i)] = zero;
      data[deviation * n + static_cast<int64_t>(i)] = (one - zero) / static_cast<double>(kProbe);
    }
  }

  /// The same of rows that are magnitudes |mean + deviation xi|, deviation >= 0: which sign a mean
  /// has its own magnitude does not say, but the side does on which more is left.
  template <class Rows> void sampleMagnitude(Curve mean, Curve deviation, const Rows &rows) {
    std::vector<float> at0(g.size()), up(g.size()), down(g.size()), xi(g.size(), 0.0f);
    rows(xi.data(), at0.data());
    std::fill(xi.begin(), xi.end(), kProbe);
    rows(xi.data(), up.data());
    std::fill(xi.begin(), xi.end(), -kProbe);
    rows(xi.data(), down.data());
    for (size_t i = 0; i < at0.size(); ++i) {
      const double size = static_cast<double>(at0[i]);
      const double further = static_cast<double>(std::max(up[i], down[i]));
      data[mean * n + static_cast<int64_t>(i)] = up[i] < down[i] ? -size : size;
      data[deviation * n + static_cast<int64_t>(i)] =
          (further - size) / static_cast<double>(kProbe);
    }
  }

  const std::vector<float> g;
  const int64_t n;
  Tensor curves;

private:
  static int64_t count(const std::vector<float> &points) {
    return static_cast<int64_t>(points.size());
  }
  double *data;
};

/// What time does, at `seconds`.
void sampleTime(const model::DeviceModel &m, double seconds, Sampler &s, Law &law) {
  const std::vector<float> none(s.g.size(), 0.0f), one(s.g.size(), 1.0f);
  const bool anew = m.kind == model::DeviceKind::ReramWan ||
                    (m.table && m.table->driftMean.empty()); // from the target
  if (m.drifts() && anew) {
    law.drift = Drift::Redraw;
    s.sample(Nu, NuSigma, [&](const float *xi, float *out) {
      model::driftRow(m, s.g.data(), s.g.data(), xi, s.n, seconds, out);
    });
    // At the time that programming itself stands for nothing is drawn again.
    if (m.table ? seconds <= m.table->programming.front().timeS
                : s.curves.select(0, NuSigma).abs().sum().item<double>() == 0)
      law.drift = Drift::None;
  } else if (m.drifts() && m.kind == model::DeviceKind::ReramCmo) {
    law.drift = Drift::Add;
    s.sample(Nu, NuSigma, [&](const float *xi, float *out) {
      model::driftRow(m, none.data(), xi, none.data(), s.n, seconds, out);
    });
  } else if (m.drifts()) {
    law.drift = Drift::Power;
    law.logTime = std::log1p(seconds / m.startS());
    s.sampleMagnitude(Nu, NuSigma, [&](const float *xi, float *out) {
      model::lifeRow(m, s.g.data(), s.g.data(), xi, s.n, out);
    });
  }
  if (!m.fluctuates())
    return;
  const bool absolute = m.kind == model::DeviceKind::ReramCmo;
  law.low = absolute ? Fluctuation::Absolute : Fluctuation::Relative;
  model::DeviceModel unbounded = m;
  if (absolute)
    unbounded.range = {0, 1e6};
  s.sample(kCurves, Low, [&](const float *xi, float *out) {
    std::copy_n(absolute ? s.g.data() : one.data(), s.n, out);
    model::lowFrequencyRow(unbounded, s.g.data(), xi, s.n, seconds, out);
  });
}

CurvesAndLaw curves(c10::string_view kind, double gMin, double gMax, double programmingScale,
                    double readScale, double driftScale, double acceptance,
                    std::optional<double> time, std::optional<c10::string_view> table) {
  model::DeviceModel m = deviceModel(kind, gMin, gMax, orEmpty(table));
  m.programmingScale = programmingScale;
  m.readScale = readScale;
  m.driftScale = driftScale;
  m.acceptancePercent = acceptance;
  if (time)
    if (const auto wrong = model::checkTime(m, *time))
      TORCH_CHECK_VALUE(false, "time: ", *wrong);
  Law law{gMax * kHighest,
          0,
          gMin,
          gMax,
          Drift::None,
          Fluctuation::None,
          m.programs(),
          model::Distribution::Normal};
  if (m.table) {
    // Draws are made uniform before they meet a curve, which is linear in them.
    law.distribution = m.table->distribution;
    auto normal = std::make_shared<model::DeviceTable>(*m.table);
    normal->distribution = model::Distribution::Normal;
    m.table = std::move(normal);
  }
  Sampler s(m, law);
  if (law.programs)
    s.sample(Mean, Sigma, [&](const float *xi, float *out) {
      std::copy(s.g.begin(), s.g.end(), out);
      model::programRow(m, out, xi, s.n);
    });
  if (time)
    sampleTime(m, *time, s, law);
  return {s.curves, pack(law)};
}

std::tuple<bool, double, double> facts(c10::string_view kind, double gMin, double gMax,
                                       double stuckOff, double stuckOn,
                                       std::optional<c10::string_view> table) {
  const DeviceFacts f =
      deviceFacts(std::string(kind), gMin, gMax, stuckOff, stuckOn, std::string(orEmpty(table)));
  return {f.noisyReads, f.stuckOff, f.stuckOn};
}

} // namespace

model::DeviceModel deviceModel(c10::string_view kind, double gMin, double gMax,
                               c10::string_view table) {
  model::DeviceModel m;
  const auto known = model::deviceKind(std::string_view(kind.data(), kind.size()));
  TORCH_CHECK_VALUE(known,
                    "device.kind: expected one of: ideal, pcm, hermes1, hermes2, reram_wan, "
                    "reram_cmo, table, but got ",
                    kind);
  m.kind = *known;
  m.range = {gMin, gMax};
  TORCH_CHECK_VALUE((m.kind == model::DeviceKind::Table) == !table.empty(),
                    "device.table: expected a device table for the kind table, and for no other "
                    "kind");
  if (!table.empty()) {
    auto read =
        exec::parseDeviceTable(std::string_view(table.data(), table.size()), "device.table");
    TORCH_CHECK_VALUE(read, read.error().message);
    m.table = std::move(*read);
  }
  if (const auto wrong = model::checkRange(m))
    TORCH_CHECK_VALUE(false,
                      gMin < model::characterisedRange(m).gMinUS ? "device.g_min_us: "
                                                                 : "device.g_max_us: ",
                      *wrong);
  return m;
}

DeviceFacts deviceFacts(const std::string &kind, double gMin, double gMax, double stuckOff,
                        double stuckOn, const std::string &table) {
  const model::DeviceModel m = deviceModel(kind, gMin, gMax, table);
  DeviceFacts f{m.noisyReads(), stuckOff, stuckOn};
  // As readTarget of runtime/exec: a target with one probability of its own keeps both.
  if (m.table && stuckOff + stuckOn == 0) {
    f.stuckOff = m.table->stuckOff;
    f.stuckOn = m.table->stuckOn;
  }
  return f;
}

DeviceLaw deviceCurves(const std::string &kind, double gMin, double gMax, double programmingScale,
                       double readScale, double driftScale, double acceptance,
                       std::optional<double> time, const std::string &table) {
  auto [sampled, law] = curves(kind, gMin, gMax, programmingScale, readScale, driftScale,
                               acceptance, time, c10::string_view(table));
  return {sampled, law};
}

} // namespace aimc::ops

TORCH_LIBRARY_IMPL(aimc, CompositeExplicitAutograd, m) {
  m.impl("device_curves", aimc::ops::curves);
  m.impl("device_facts", aimc::ops::facts);
}
