//===- Device.cpp - devices from programming to a later time -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Curves over the conductance (DeviceCurves.cpp), linear between points, so that any kind has a
// gradient and runs on any device:
//   programmed  g_P = v max(mean(g) + sigma(g) xi, 0), with v the spread of chip, tile, column,
//   cell drift       power   g_D = g_P exp(-|nu(g_P) + nuSigma(g_P) xi'| log(1 + t / t_0))
//               add     g_D = g_P + nu + nuSigma xi'
//               redraw  g_D = max(nu(v g) + nuSigma(v g) xi'', 0)    from the target
//   low freq.   relative g = max(g_D (1 + q(g_P) xi''), 0)
//               absolute g = g_D + q(g_D) xi'' within the device's range
// Draws and spreads are given, so the scale of each noise is differentiated along with its mean.
//
//===----------------------------------------------------------------------===//
#include "DeviceLaw.h"
#include "Dual.h"
#include "Loops.h"
#include "Record.h"

#include "aimc/model/Device.h"
#include "aimc/model/Limits.h"
#include "aimc/model/Random.h"
#include "aimc/torch/Operators.h"

#include <ATen/ExpandUtils.h>
#include <algorithm>
#include <cmath>

namespace aimc::ops {
namespace {

using at::Tensor;
using MaybeTensor = std::optional<Tensor>;
using Signature = Tensor(const Tensor &, const MaybeTensor &, const MaybeTensor &,
                         const MaybeTensor &, const Tensor &, at::ArrayRef<double>,
                         const MaybeTensor &);

void checkCurves(const Tensor &curves) {
  const bool even = curves.dim() == 2 && curves.size(0) == kCurves && curves.size(1) == kPoints;
  TORCH_CHECK_VALUE(
      even || (curves.dim() == 2 && curves.size(0) == kCurves + 1 && curves.size(1) >= kPoints),
      "expected the curves that device_curves returns, but got shape ", curves.sizes());
}

//===----------------------------------------------------------------------===//
// One device
//===----------------------------------------------------------------------===//

double valueOf(double x) { return x; }
double valueOf(Dual x) { return x.value; }
double expOf(double x) { return std::exp(x); }
Dual expOf(Dual x) { return {std::exp(x.value), x.slope * std::exp(x.value)}; }

/// Curves in memory.
struct Table {
  const double *values;
  int64_t points;
  const double *place; ///< null: at equal distances
};

template <class T> T curveAt(const Table &table, Curve which, T g, double high) {
  const double *curve = table.values + which * table.points;
  if (table.place) {
    const double *end = table.place + table.points;
    const auto i =
        std::min(std::upper_bound(table.place, end, valueOf(g)) - table.place, table.points - 1);
    if (i == 0)
      return T(curve[0]);
    const double x = table.place[i - 1], y = curve[i - 1];
    return T(y) + (g - T(x)) * T((curve[i] - y) / (table.place[i] - x));
  }
  const double position = valueOf(g) / high * (kPoints - 1);
  if (!(position >= 0)) // at 0 the curve has the slope that it goes on with
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
  double spread;
};

template <class T> T deviceAt(T target, const Draws &xi, const Table &c, const Law &law) {
  const auto at = [&](Curve curve, T g) { return curveAt(c, curve, g, law.high); };
  const auto positive = [](T g) { return g < T(0) ? T(0) : g; };
  const auto unit = [&](double draw) {
    return T(model::unitDraw(law.distribution, static_cast<float>(draw)));
  };
  const bool uniform = law.distribution != model::Distribution::Normal;
  T programmed = target;
  if (xi.programs && law.programs)
    programmed = positive(at(Mean, target) +
                          at(Sigma, target) * (uniform ? unit(xi.programming) : T(xi.programming)));
  programmed = programmed * T(xi.spread);
  T g = programmed;
  if (law.drift == Drift::Power) {
    const T nu = at(Nu, programmed) + at(NuSigma, programmed) * T(xi.life);
    const T size = nu < T(0) ? T(0) - nu : nu;
    g = programmed * expOf(size * T(-law.logTime));
  } else if (law.drift == Drift::Add) {
    g = programmed + at(Nu, programmed) + at(NuSigma, programmed) * T(xi.life);
  } else if (law.drift == Drift::Redraw && xi.fluctuates) {
    const T from = target * T(xi.spread);
    g = positive(at(Nu, from) + at(NuSigma, from) * (uniform ? unit(xi.low) : T(xi.low)));
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
             const MaybeTensor &low, const Tensor &curvesGiven, at::ArrayRef<double> numbers,
             const MaybeTensor &spread) {
  checkReal(target, "target");
  const Law law = unpack(numbers);
  const Tensor table = curvesGiven.to(at::kCPU, at::kDouble).contiguous();
  checkCurves(table);
  const double *values = table.const_data_ptr<double>();
  const Table c{values, table.size(1),
                table.size(0) > kCurves ? values + Place * table.size(1) : nullptr};
  Tensor out;
  const auto orTarget = [&](const MaybeTensor &t) { return t ? *t : target; };
  const Tensor a = orTarget(programming), b = orTarget(life), d = orTarget(low),
               e = orTarget(spread);
  auto it = at::TensorIteratorConfig()
                .add_output(out)
                .add_const_input(target)
                .add_const_input(a)
                .add_const_input(b)
                .add_const_input(d)
                .add_const_input(e)
                .build();
  const Draws which{0, 0, 0, programming.has_value(), life.has_value(), low.has_value(), 1};
  const bool spreads = spread.has_value();
  AT_DISPATCH_FLOATING_TYPES(it.common_dtype(), "device_state", [&] {
    elementwise<scalar_t, 6>(it, [&](scalar_t *const *p) {
      Draws xi = which;
      xi.programming = which.programs ? static_cast<double>(*p[2]) : 0.0;
      xi.life = which.lives ? static_cast<double>(*p[3]) : 0.0;
      xi.low = which.fluctuates ? static_cast<double>(*p[4]) : 0.0;
      xi.spread = spreads ? static_cast<double>(*p[5]) : 1.0;
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
  const Tensor inside = (a.value >= low) & (a.value <= high); // bounds are inside
  return {a.value.clamp(low, high), a.slope * inside};
}
TensorDual constant(const Tensor &t) { return {t, {}}; }

TensorDual curveAt(const Tensor &curves, Curve which, const TensorDual &g, double high) {
  const Tensor curve = curves.select(0, which);
  if (curves.size(0) > kCurves) {
    const Tensor place = curves.select(0, Place);
    const Tensor upper = at::searchsorted(place, g.value.contiguous(), false, /*right=*/true);
    const Tensor i = (upper - 1).clamp(0, curves.size(1) - 2);
    const Tensor x = place.take(i), y = curve.take(i);
    const Tensor rise = (curve.take(i + 1) - y) / (place.take(i + 1) - x);
    const Tensor held = at::maximum(g.value, place.select(0, 0));
    return {y + (held - x) * rise, g.slope * rise * (upper > 0)};
  }
  const double last = kPoints - 1;
  const Tensor position = (g.value / high * last);
  const Tensor held = position.clamp(0.0, last);
  const Tensor index = held.floor().clamp_max(last - 1);
  const Tensor lower = curve.take(index.to(at::kLong)), upper = curve.take(index.to(at::kLong) + 1);
  const Tensor inside = (position >= 0) & (position < last);
  return {lower + (held - index) * (upper - lower),
          g.slope * (upper - lower) * inside * (last / high)};
}

TensorDual compositeState(const Tensor &target, const MaybeTensor &programming,
                          const MaybeTensor &life, const MaybeTensor &low,
                          const Tensor &curvesGiven, const Law &law, const MaybeTensor &spread) {
  checkCurves(curvesGiven);
  const Tensor curves = curvesGiven.to(target.device());
  const auto draw = [](const MaybeTensor &t) { return constant(t->to(at::kDouble)); };
  const auto unit = [&](const MaybeTensor &t) { // model::unitDraw
    return law.distribution == model::Distribution::Normal
               ? draw(t)
               : constant((at::special_ndtr(t->to(at::kDouble)) * 2 - 1) * std::sqrt(3.0));
  };
  const auto varied = [&](const TensorDual &g) { return spread ? g * draw(spread) : g; };
  const double infinite = std::numeric_limits<double>::infinity();
  const TensorDual start{target.to(at::kDouble), at::ones_like(target, at::kDouble)};
  const auto at = [&](Curve c, const TensorDual &g) { return curveAt(curves, c, g, law.high); };
  TensorDual programmed = start;
  if (programming && law.programs)
    programmed = limited(at(Mean, start) + at(Sigma, start) * unit(programming), 0.0, infinite);
  programmed = varied(programmed);
  TensorDual g = programmed;
  const auto lives = [&] {
    const TensorDual mean = at(Nu, programmed);
    return life ? mean + at(NuSigma, programmed) * draw(life) : mean;
  };
  if (law.drift == Drift::Power) {
    const TensorDual nu = lives();
    const Tensor sign = at::where(nu.value < 0, -1.0, 1.0),
                 factor = (nu.value.abs() * -law.logTime).exp();
    g = programmed * TensorDual{factor, factor * sign * nu.slope * -law.logTime};
  } else if (law.drift == Drift::Add) {
    g = programmed + lives();
  } else if (law.drift == Drift::Redraw && low) {
    const TensorDual from = varied(start);
    g = limited(at(Nu, from) + at(NuSigma, from) * unit(low), 0.0, infinite);
  }
  if (law.low == Fluctuation::Relative && low)
    g = limited(g + g * at(Low, programmed) * draw(low), 0.0, infinite);
  if (law.low == Fluctuation::Absolute)
    g = limited(low ? g + at(Low, g) * draw(low) : g, law.gMin, law.gMax);
  return g;
}

Tensor stateComposite(const Tensor &target, const MaybeTensor &programming, const MaybeTensor &life,
                      const MaybeTensor &low, const Tensor &curves, at::ArrayRef<double> law,
                      const MaybeTensor &spread) {
  return compositeState(target, programming, life, low, curves, unpack(law), spread)
      .value.to(target.scalar_type(), /*non_blocking=*/false, /*copy=*/true);
}
Tensor slopeComposite(const Tensor &target, const MaybeTensor &programming, const MaybeTensor &life,
                      const MaybeTensor &low, const Tensor &curves, at::ArrayRef<double> law,
                      const MaybeTensor &spread) {
  return compositeState(target, programming, life, low, curves, unpack(law), spread)
      .slope.to(target.scalar_type(), /*non_blocking=*/false, /*copy=*/true);
}

Tensor stateMeta(const Tensor &target, const MaybeTensor &programming, const MaybeTensor &life,
                 const MaybeTensor &low, const Tensor &, at::ArrayRef<double>,
                 const MaybeTensor &spread) {
  auto sizes = target.sym_sizes().vec();
  for (const auto *draw : {&programming, &life, &low, &spread})
    if (*draw) {
      const auto wider = at::infer_size_symint(sizes, (*draw)->sym_sizes());
      sizes.assign(wider.begin(), wider.end());
    }
  return at::empty_symint(sizes, target.options());
}

Tensor stateAutograd(const Tensor &target, const MaybeTensor &programming, const MaybeTensor &life,
                     const MaybeTensor &low, const Tensor &curves, at::ArrayRef<double> law,
                     const MaybeTensor &spread) {
  static const auto state =
      c10::Dispatcher::singleton().findSchemaOrThrow("aimc::device_state", "").typed<Signature>();
  static const auto slope = c10::Dispatcher::singleton()
                                .findSchemaOrThrow("aimc::device_state_slope", "")
                                .typed<Signature>();
  auto node = record(
      "DeviceStateBackward", {target},
      {target, orUndefined(programming), orUndefined(life), orUndefined(low), curves,
       orUndefined(spread)},
      [law = law.vec()](const variable_list &grads, const variable_list &s) -> variable_list {
        const Tensor factor =
            slope.call(s[0], orNone(s[1]), orNone(s[2]), orNone(s[3]), s[4], law, orNone(s[5]));
        return {at::sum_to(grads[0] * factor, s[0].sym_sizes())};
      });
  const Tensor out = [&] {
    at::AutoDispatchBelowADInplaceOrView below;
    return state.call(target, programming, life, low, curves, law, spread);
  }();
  attach(node, out);
  return out;
}

using Fill = void (*)(const model::Stream &, uint32_t, uint32_t, int64_t, float *);

Tensor drawCells(Fill fill, const model::Stream &stream, int64_t row, int64_t col, int64_t rows,
                 int64_t cols) {
  TORCH_CHECK_VALUE(rows >= 0 && cols >= 0 && row >= 0 && col >= 0,
                    "expected a block at row and column 0 or more, but got ", rows, " x ", cols,
                    " at ", row, ", ", col);
  Tensor out = at::empty({rows, cols}, at::kFloat);
  float *data = out.mutable_data_ptr<float>();
  at::parallel_for(0, rows, 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      fill(stream, static_cast<uint32_t>(row + i), static_cast<uint32_t>(col), cols,
           data + i * cols);
  });
  return out;
}

model::Stream streamOf(int64_t seed, int64_t kind, int64_t id, int64_t sub) {
  return model::makeStream(static_cast<uint64_t>(seed), static_cast<model::StreamKind>(kind),
                           static_cast<uint64_t>(id), static_cast<uint32_t>(sub));
}

/// How many targets a stream can name, and the largest number of a chip or of a tile.
std::tuple<int64_t, int64_t> tileNumbers() {
  return {model::limits::kTargets.high, model::limits::kChipOrTile.high};
}

/// The 64 bits that name a tile, as the number with a sign that operators take.
int64_t tileStream(int64_t target, int64_t chip, int64_t tile) {
  namespace limits = model::limits;
  for (const auto &[name, value, high] : {std::tuple{"target", target, limits::kTargets.high - 1},
                                          std::tuple{"chip", chip, limits::kChipOrTile.high},
                                          std::tuple{"tile", tile, limits::kChipOrTile.high}})
    TORCH_CHECK_VALUE(value >= 0 && value <= high, name, ": expected an integer from 0 to ", high,
                      ", but got ", value);
  return static_cast<int64_t>(limits::tileStream(
      static_cast<uint64_t>(target), static_cast<uint64_t>(chip), static_cast<uint64_t>(tile)));
}

Tensor drawNormals(int64_t seed, int64_t kind, int64_t id, int64_t sub, int64_t row, int64_t col,
                   int64_t rows, int64_t cols, std::optional<double> time) {
  auto stream = streamOf(seed, kind, id, sub);
  if (time)
    stream = model::atTime(stream, *time);
  return drawCells(model::normals, stream, row, col, rows, cols);
}

Tensor drawUniforms(int64_t seed, int64_t kind, int64_t id, int64_t sub, int64_t row, int64_t col,
                    int64_t rows, int64_t cols) {
  return drawCells(model::uniforms, streamOf(seed, kind, id, sub), row, col, rows, cols);
}

} // namespace

Tensor deviceState(const Tensor &target, const MaybeTensor &programming, const MaybeTensor &life,
                   const MaybeTensor &low, const DeviceLaw &device, const MaybeTensor &spread) {
  static const auto op =
      c10::Dispatcher::singleton().findSchemaOrThrow("aimc::device_state", "").typed<Signature>();
  return op.call(target, programming, life, low, device.curves, device.law, spread);
}

Tensor normals(int64_t seed, int64_t stream, int64_t id, int64_t sub, int64_t row, int64_t col,
               int64_t rows, int64_t cols, std::optional<double> timeS) {
  return drawNormals(seed, stream, id, sub, row, col, rows, cols, timeS);
}

Tensor uniforms(int64_t seed, int64_t stream, int64_t id, int64_t sub, int64_t row, int64_t col,
                int64_t rows, int64_t cols) {
  return drawUniforms(seed, stream, id, sub, row, col, rows, cols);
}

} // namespace aimc::ops

TORCH_LIBRARY_IMPL(aimc, CPU, m) {
  m.impl("device_state", aimc::ops::onCpu<false>);
  m.impl("device_state_slope", aimc::ops::onCpu<true>);
}
TORCH_LIBRARY_IMPL(aimc, CompositeExplicitAutograd, m) {
  m.impl("normals", aimc::ops::drawNormals);
  m.impl("uniforms", aimc::ops::drawUniforms);
  m.impl("tile_numbers", aimc::ops::tileNumbers);
  m.impl("tile_stream", aimc::ops::tileStream);
  m.impl("device_state", aimc::ops::stateComposite);
  m.impl("device_state_slope", aimc::ops::slopeComposite);
}
TORCH_LIBRARY_IMPL(aimc, Meta, m) {
  m.impl("device_state", aimc::ops::stateMeta);
  m.impl("device_state_slope", aimc::ops::stateMeta);
}
TORCH_LIBRARY_IMPL(aimc, Autograd, m) { m.impl("device_state", aimc::ops::stateAutograd); }
