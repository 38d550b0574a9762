//===- Device.cpp - devices from programming to a later time -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Device.h of runtime/model knows each kind as functions over rows. Here they are sampled once as
// curves over the conductance, linear between points, so that any kind has a gradient and runs on
// any device:
//   programmed  g_P = max(mean(g) + sigma(g) xi, 0)
//   drift       power   g_D = g_P exp(-|nu(g_P) + nuSigma(g_P) xi'| log(1 + t / t_0))
//               add     g_D = g_P + nu + nuSigma xi'
//               redraw  g_D = max(nu(g) + nuSigma(g) xi'', 0)    from the target
//   low freq.   relative g = max(g_D (1 + q(g_P) xi''), 0)
//               absolute g = g_D + q(g_D) xi'' within the device's range
// Draws are given, so the scale of each noise is differentiated along with its mean.
//
//===----------------------------------------------------------------------===//
#include "Dual.h"
#include "Loops.h"
#include "Record.h"

#include "aimc/model/Device.h"
#include "aimc/model/Random.h"
#include "aimc/torch/Operators.h"

#include <ATen/ExpandUtils.h>
#include <cmath>

namespace aimc::ops {
namespace {

using at::Tensor;
using MaybeTensor = std::optional<Tensor>;
using CurvesAndLaw = std::tuple<Tensor, std::vector<double>>;
using Signature = Tensor(const Tensor &, const MaybeTensor &, const MaybeTensor &,
                         const MaybeTensor &, const Tensor &, at::ArrayRef<double>);

constexpr int64_t kPoints = 2049;
constexpr double kHighest = 1.25; ///< of g_max: curves are constant beyond
constexpr float kProbe = 1000.0f; ///< a draw large enough that a deviation has all its digits

enum Curve : int64_t { Mean, Sigma, Nu, NuSigma, Low, kCurves };
enum class Drift { None, Power, Add, Redraw };
enum class Fluctuation { None, Relative, Absolute };

struct Law {
  double high, logTime, gMin, gMax;
  Drift drift;
  Fluctuation low;
  bool programs;
};
std::vector<double> pack(const Law &l) {
  return {l.high,
          l.logTime,
          l.gMin,
          l.gMax,
          static_cast<double>(l.drift),
          static_cast<double>(l.low),
          static_cast<double>(l.programs)};
}
Law unpack(at::ArrayRef<double> v) {
  TORCH_CHECK_VALUE(v.size() == 7, "expected the law that device_curves returns, but got ",
                    v.size(), " numbers");
  return {v[0],     v[1], v[2], v[3], static_cast<Drift>(v[4]), static_cast<Fluctuation>(v[5]),
          v[6] != 0};
}

//===----------------------------------------------------------------------===//
// Sampling
//===----------------------------------------------------------------------===//

CurvesAndLaw curves(c10::string_view kind, double gMin, double gMax, double programmingScale,
                    double readScale, double driftScale, double acceptance,
                    std::optional<double> time) {
  model::DeviceModel m;
  const auto known = model::deviceKind(std::string_view(kind.data(), kind.size()));
  TORCH_CHECK_VALUE(known && *known != model::DeviceKind::Table,
                    "expected a device kind among ideal, pcm, hermes1, hermes2, reram_wan, "
                    "reram_cmo, but got ",
                    kind);
  m.kind = *known;
  m.range = {gMin, gMax};
  m.programmingScale = programmingScale;
  m.readScale = readScale;
  m.driftScale = driftScale;
  m.acceptancePercent = acceptance;
  if (const auto wrong = model::checkRange(m))
    TORCH_CHECK_VALUE(false, "g_max: ", *wrong);
  if (time)
    if (const auto wrong = model::checkTime(m, *time))
      TORCH_CHECK_VALUE(false, "time: ", *wrong);

  Law law{gMax * kHighest, 0, gMin, gMax, Drift::None, Fluctuation::None, m.programs()};
  Tensor all = at::zeros({kCurves, kPoints}, at::kDouble);
  double *data = all.mutable_data_ptr<double>();
  std::vector<float> g(kPoints);
  for (int64_t i = 0; i < kPoints; ++i)
    g[static_cast<size_t>(i)] =
        static_cast<float>(law.high * static_cast<double>(i) / (kPoints - 1));
  /// `rows(xi, out)` at two draws gives a mean and a deviation.
  const auto sample = [&](Curve mean, Curve deviation, auto rows) {
    std::vector<float> at0(kPoints), at1(kPoints), xi(kPoints, 0.0f);
    rows(xi.data(), at0.data());
    std::fill(xi.begin(), xi.end(), kProbe);
    rows(xi.data(), at1.data());
    for (size_t i = 0; i < at0.size(); ++i) {
      const double zero = static_cast<double>(at0[i]), one = static_cast<double>(at1[i]);
      if (mean != kCurves)
        data[mean * kPoints + static_cast<int64_t>(i)] = zero;
      data[deviation * kPoints + static_cast<int64_t>(i)] =
          (one - zero) / static_cast<double>(kProbe);
    }
  };
  if (law.programs)
    sample(Mean, Sigma, [&](const float *xi, float *out) {
      std::copy(g.begin(), g.end(), out);
      model::programRow(m, out, xi, kPoints);
    });
  if (!time)
    return {all, pack(law)};
  const std::vector<float> none(kPoints, 0.0f), one(kPoints, 1.0f);
  if (m.drifts()) {
    if (m.kind == model::DeviceKind::ReramWan) {
      law.drift = Drift::Redraw;
      sample(Nu, NuSigma, [&](const float *xi, float *out) {
        model::driftRow(m, g.data(), g.data(), xi, kPoints, *time, out);
      });
      // At the time that programming itself stands for nothing is drawn again.
      if (all.select(0, NuSigma).abs().sum().item<double>() == 0)
        law.drift = Drift::None;
    } else if (m.kind == model::DeviceKind::ReramCmo) {
      law.drift = Drift::Add;
      sample(Nu, NuSigma, [&](const float *xi, float *out) {
        model::driftRow(m, none.data(), xi, none.data(), kPoints, *time, out);
      });
    } else {
      law.drift = Drift::Power;
      law.logTime = std::log1p(*time / m.startS());
      sample(Nu, NuSigma, [&](const float *xi, float *out) {
        model::lifeRow(m, g.data(), g.data(), xi, kPoints, out);
      });
    }
  }
  if (m.fluctuates()) {
    const bool absolute = m.kind == model::DeviceKind::ReramCmo;
    law.low = absolute ? Fluctuation::Absolute : Fluctuation::Relative;
    model::DeviceModel unbounded = m;
    if (absolute)
      unbounded.range = {0, 1e6};
    sample(kCurves, Low, [&](const float *xi, float *out) {
      std::copy_n(absolute ? g.data() : one.data(), kPoints, out);
      model::lowFrequencyRow(unbounded, g.data(), xi, kPoints, *time, out);
    });
  }
  return {all, pack(law)};
}

//===----------------------------------------------------------------------===//
// One device
//===----------------------------------------------------------------------===//

double valueOf(double x) { return x; }
double valueOf(Dual x) { return x.value; }
double expOf(double x) { return std::exp(x); }
Dual expOf(Dual x) { return {std::exp(x.value), x.slope * std::exp(x.value)}; }

template <class T> T curveAt(const double *curve, T g, double high) {
  const double position = valueOf(g) / high * (kPoints - 1);
  if (!(position > 0))
    return T(curve[0]);
  if (position >= kPoints - 1)
    return T(curve[kPoints - 1]);
  const auto i = static_cast<int64_t>(position);
  const double y = curve[i], rise = curve[i + 1] - y;
  return T(y) + (g / T(high) * T(kPoints - 1) - T(static_cast<double>(i))) * T(rise);
}

struct Draws {
  double programming, life, low;
  bool programs, lives, fluctuates;
};

template <class T> T deviceAt(T target, const Draws &xi, const double *c, const Law &law) {
  const auto at = [&](Curve curve, T g) { return curveAt(c + curve * kPoints, g, law.high); };
  const auto positive = [](T g) { return g > T(0) ? g : T(0); };
  T programmed = target;
  if (xi.programs && law.programs)
    programmed = positive(at(Mean, target) + at(Sigma, target) * T(xi.programming));
  T g = programmed;
  if (law.drift == Drift::Power) {
    const T nu = at(Nu, programmed) + at(NuSigma, programmed) * T(xi.life);
    const T size = nu < T(0) ? T(0) - nu : nu;
    g = programmed * expOf(size * T(-law.logTime));
  } else if (law.drift == Drift::Add) {
    g = programmed + at(Nu, programmed) + at(NuSigma, programmed) * T(xi.life);
  } else if (law.drift == Drift::Redraw && xi.fluctuates) {
    g = positive(at(Nu, target) + at(NuSigma, target) * T(xi.low));
  }
  if (law.low == Fluctuation::Relative && xi.fluctuates)
    g = positive(g + g * at(Low, programmed) * T(xi.low));
  if (law.low == Fluctuation::Absolute) {
    if (xi.fluctuates)
      g = g + at(Low, g) * T(xi.low);
    g = g < T(law.gMin) ? T(law.gMin) : (g > T(law.gMax) ? T(law.gMax) : g);
  }
  return g;
}

template <bool kSlope>
Tensor onCpu(const Tensor &target, const MaybeTensor &programming, const MaybeTensor &life,
             const MaybeTensor &low, const Tensor &curvesGiven, at::ArrayRef<double> numbers) {
  checkReal(target, "target");
  const Law law = unpack(numbers);
  const Tensor table = curvesGiven.to(at::kCPU, at::kDouble).contiguous();
  TORCH_CHECK_VALUE(table.sizes() == at::IntArrayRef({kCurves, kPoints}),
                    "expected the curves that device_curves returns, but got shape ",
                    table.sizes());
  const double *c = table.const_data_ptr<double>();
  Tensor out;
  const auto orTarget = [&](const MaybeTensor &t) { return t ? *t : target; };
  const Tensor a = orTarget(programming), b = orTarget(life), d = orTarget(low);
  auto it = at::TensorIteratorConfig()
                .add_output(out)
                .add_const_input(target)
                .add_const_input(a)
                .add_const_input(b)
                .add_const_input(d)
                .build();
  Draws which{0, 0, 0, programming.has_value(), life.has_value(), low.has_value()};
  AT_DISPATCH_FLOATING_TYPES(it.common_dtype(), "device_state", [&] {
    elementwise<scalar_t, 5>(it, [&](scalar_t *const *p) {
      Draws xi = which;
      xi.programming = which.programs ? static_cast<double>(*p[2]) : 0.0;
      xi.life = which.lives ? static_cast<double>(*p[3]) : 0.0;
      xi.low = which.fluctuates ? static_cast<double>(*p[4]) : 0.0;
      if constexpr (kSlope)
        *p[0] = static_cast<scalar_t>(
            deviceAt(Dual(static_cast<double>(*p[1]), 1.0), xi, c, law).slope);
      else
        *p[0] = static_cast<scalar_t>(deviceAt(static_cast<double>(*p[1]), xi, c, law));
    });
  });
  return it.output();
}

//===----------------------------------------------------------------------===//
// On other devices
//===----------------------------------------------------------------------===//

/// A value with its derivative, as tensors; the slope of a constant stays undefined.
struct TensorDual {
  Tensor value, slope;
};
Tensor addUp(const Tensor &a, const Tensor &b) {
  return !a.defined() ? b : !b.defined() ? a : a + b;
}
TensorDual operator+(const TensorDual &a, const TensorDual &b) {
  return {a.value + b.value, addUp(a.slope, b.slope)};
}
TensorDual operator*(const TensorDual &a, const TensorDual &b) {
  return {a.value * b.value, addUp(a.slope.defined() ? a.slope * b.value : Tensor(),
                                   b.slope.defined() ? b.slope * a.value : Tensor())};
}
TensorDual limited(const TensorDual &a, double low, double high) {
  const Tensor inside = (a.value > low) & (a.value < high);
  return {a.value.clamp(low, high), a.slope * inside};
}
TensorDual constant(const Tensor &t) { return {t, {}}; }

TensorDual curveAt(const Tensor &curves, Curve which, const TensorDual &g, double high) {
  const Tensor curve = curves.select(0, which);
  const double last = kPoints - 1;
  const Tensor position = (g.value / high * last);
  const Tensor held = position.clamp(0.0, last);
  const Tensor index = held.floor().clamp_max(last - 1);
  const Tensor lower = curve.take(index.to(at::kLong)), upper = curve.take(index.to(at::kLong) + 1);
  const Tensor inside = (position > 0) & (position < last);
  return {lower + (held - index) * (upper - lower),
          g.slope * (upper - lower) * inside * (last / high)};
}

TensorDual compositeState(const Tensor &target, const MaybeTensor &programming,
                          const MaybeTensor &life, const MaybeTensor &low,
                          const Tensor &curvesGiven, const Law &law) {
  const Tensor curves = curvesGiven.to(target.device());
  const auto draw = [](const MaybeTensor &t) { return constant(t->to(at::kDouble)); };
  const double infinite = std::numeric_limits<double>::infinity();
  const TensorDual start{target.to(at::kDouble), at::ones_like(target, at::kDouble)};
  const auto at = [&](Curve c, const TensorDual &g) { return curveAt(curves, c, g, law.high); };
  TensorDual programmed = start;
  if (programming && law.programs)
    programmed = limited(at(Mean, start) + at(Sigma, start) * draw(programming), 0.0, infinite);
  TensorDual g = programmed;
  const auto lives = [&] {
    const TensorDual mean = at(Nu, programmed);
    return life ? mean + at(NuSigma, programmed) * draw(life) : mean;
  };
  if (law.drift == Drift::Power) {
    const TensorDual nu = lives();
    const Tensor sign = nu.value.sign(), factor = (nu.value.abs() * -law.logTime).exp();
    g = programmed * TensorDual{factor, factor * sign * nu.slope * -law.logTime};
  } else if (law.drift == Drift::Add) {
    g = programmed + lives();
  } else if (law.drift == Drift::Redraw && low) {
    g = limited(at(Nu, start) + at(NuSigma, start) * draw(low), 0.0, infinite);
  }
  if (law.low == Fluctuation::Relative && low)
    g = limited(g + g * at(Low, programmed) * draw(low), 0.0, infinite);
  if (law.low == Fluctuation::Absolute)
    g = limited(low ? g + at(Low, g) * draw(low) : g, law.gMin, law.gMax);
  return g;
}

Tensor stateComposite(const Tensor &target, const MaybeTensor &programming, const MaybeTensor &life,
                      const MaybeTensor &low, const Tensor &curves, at::ArrayRef<double> law) {
  return compositeState(target, programming, life, low, curves, unpack(law))
      .value.to(target.scalar_type(), /*non_blocking=*/false, /*copy=*/true);
}
Tensor slopeComposite(const Tensor &target, const MaybeTensor &programming, const MaybeTensor &life,
                      const MaybeTensor &low, const Tensor &curves, at::ArrayRef<double> law) {
  return compositeState(target, programming, life, low, curves, unpack(law))
      .slope.to(target.scalar_type(), /*non_blocking=*/false, /*copy=*/true);
}

Tensor stateMeta(const Tensor &target, const MaybeTensor &programming, const MaybeTensor &life,
                 const MaybeTensor &low, const Tensor &, at::ArrayRef<double>) {
  auto sizes = target.sym_sizes().vec();
  for (const auto *draw : {&programming, &life, &low})
    if (*draw) {
      const auto wider = at::infer_size_symint(sizes, (*draw)->sym_sizes());
      sizes.assign(wider.begin(), wider.end());
    }
  return at::empty_symint(sizes, target.options());
}

Tensor stateAutograd(const Tensor &target, const MaybeTensor &programming, const MaybeTensor &life,
                     const MaybeTensor &low, const Tensor &curves, at::ArrayRef<double> law) {
  static const auto state =
      c10::Dispatcher::singleton().findSchemaOrThrow("aimc::device_state", "").typed<Signature>();
  static const auto slope = c10::Dispatcher::singleton()
                                .findSchemaOrThrow("aimc::device_state_slope", "")
                                .typed<Signature>();
  auto node = record(
      "DeviceStateBackward", {target},
      {target, orUndefined(programming), orUndefined(life), orUndefined(low), curves},
      [law = law.vec()](const variable_list &grads, const variable_list &s) -> variable_list {
        const Tensor factor = slope.call(s[0], orNone(s[1]), orNone(s[2]), orNone(s[3]), s[4], law);
        return {at::sum_to(grads[0] * factor, s[0].sym_sizes())};
      });
  const Tensor out = [&] {
    at::AutoDispatchBelowADInplaceOrView below;
    return state.call(target, programming, life, low, curves, law);
  }();
  attach(node, out);
  return out;
}

Tensor drawNormals(int64_t seed, int64_t kind, int64_t id, int64_t sub, int64_t row, int64_t col,
                   int64_t rows, int64_t cols, std::optional<double> time) {
  TORCH_CHECK_VALUE(rows >= 0 && cols >= 0 && row >= 0 && col >= 0,
                    "expected a block at row and column 0 or more, but got ", rows, " x ", cols,
                    " at ", row, ", ", col);
  auto stream = model::makeStream(static_cast<uint64_t>(seed), static_cast<model::StreamKind>(kind),
                                  static_cast<uint64_t>(id), static_cast<uint32_t>(sub));
  if (time)
    stream = model::atTime(stream, *time);
  Tensor out = at::empty({rows, cols}, at::kFloat);
  float *data = out.mutable_data_ptr<float>();
  at::parallel_for(0, rows, 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      model::normals(stream, static_cast<uint32_t>(row + i), static_cast<uint32_t>(col), cols,
                     data + i * cols);
  });
  return out;
}

} // namespace

DeviceLaw deviceCurves(const std::string &kind, double gMin, double gMax, double programmingScale,
                       double readScale, double driftScale, double acceptance,
                       std::optional<double> time) {
  auto [table, law] =
      curves(kind, gMin, gMax, programmingScale, readScale, driftScale, acceptance, time);
  return {table, law};
}

Tensor deviceState(const Tensor &target, const MaybeTensor &programming, const MaybeTensor &life,
                   const MaybeTensor &low, const DeviceLaw &device) {
  static const auto op =
      c10::Dispatcher::singleton().findSchemaOrThrow("aimc::device_state", "").typed<Signature>();
  return op.call(target, programming, life, low, device.curves, device.law);
}

Tensor normals(int64_t seed, int64_t stream, int64_t id, int64_t sub, int64_t row, int64_t col,
               int64_t rows, int64_t cols, std::optional<double> timeS) {
  return drawNormals(seed, stream, id, sub, row, col, rows, cols, timeS);
}

} // namespace aimc::ops

TORCH_LIBRARY_IMPL(aimc, CPU, m) {
  m.impl("device_state", aimc::ops::onCpu<false>);
  m.impl("device_state_slope", aimc::ops::onCpu<true>);
}
TORCH_LIBRARY_IMPL(aimc, CompositeExplicitAutograd, m) {
  m.impl("device_curves", aimc::ops::curves);
  m.impl("normals", aimc::ops::drawNormals);
  m.impl("device_state", aimc::ops::stateComposite);
  m.impl("device_state_slope", aimc::ops::slopeComposite);
}
TORCH_LIBRARY_IMPL(aimc, Meta, m) {
  m.impl("device_state", aimc::ops::stateMeta);
  m.impl("device_state_slope", aimc::ops::stateMeta);
}
TORCH_LIBRARY_IMPL(aimc, Autograd, m) { m.impl("device_state", aimc::ops::stateAutograd); }
