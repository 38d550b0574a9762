//===- ReadPower.cpp - the row side of read noise, with its slope -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// (t slope)^2 and (t slope)^2 (rho - rho0) of a pulse of |ticks| tick_ns, as ReadNoise.h has them.
// Derivatives are those of the same source on dual numbers; other devices read both from tables of
// the converter's durations, between whole ticks along a straight line.
//
//===----------------------------------------------------------------------===//
#include "Dual.h"
#include "Loops.h"
#include "Record.h"

#include "aimc/model/ReadNoise.h"

#include <cmath>

namespace aimc::ops {
namespace {

using at::Tensor;
using Two = std::tuple<Tensor, Tensor>;
using Signature = Two(const Tensor &, int64_t, double);

template <class T> std::pair<T, T> rowOf(T ns, double ratio0) {
  const auto line = model::readNoiseLine(ns);
  const T power = ns * line.slope * ns * line.slope;
  return {power, power * (line.ratio() - T(ratio0))};
}

double ratioOf(int64_t levels, double tickNs) {
  return model::readNoiseLine(static_cast<double>(levels) * tickNs).ratio();
}

/// Values or slopes per tick at `ticks` (either sign) of one pulse.
struct Row {
  double power, delta;
};
Row valueAt(double ticks, double tickNs, double ratio0) {
  if (ticks == 0.0)
    return {0, 0};
  const auto [power, delta] = rowOf(std::abs(ticks) * tickNs, ratio0);
  return {power, delta};
}
Row slopeAt(double ticks, double tickNs, double ratio0) {
  if (ticks == 0.0)
    return {0, 0};
  const Dual ns{std::abs(ticks) * tickNs, ticks < 0 ? -tickNs : tickNs};
  const auto [power, delta] = rowOf(ns, ratio0);
  return {power.slope, delta.slope};
}

template <class F> Two onCpu(const Tensor &ticks, int64_t levels, double tickNs, const F &at) {
  checkReal(ticks, "ticks");
  const double ratio0 = ratioOf(levels, tickNs);
  Tensor power, delta;
  auto it =
      at::TensorIteratorConfig().add_output(power).add_output(delta).add_const_input(ticks).build();
  // Almost all durations are whole ticks.
  std::vector<Row> table;
  for (int64_t k = -levels; k <= levels; ++k)
    table.push_back(at(static_cast<double>(k), tickNs, ratio0));
  AT_DISPATCH_FLOATING_TYPES(it.common_dtype(), "read_power", [&] {
    const auto top = static_cast<scalar_t>(levels);
    elementwise<scalar_t, 3>(it, [&](scalar_t *const *p) {
      const scalar_t k = *p[2];
      const bool whole = k == std::nearbyint(k) && k >= -top && k <= top;
      const Row row = whole ? table[static_cast<size_t>(static_cast<int64_t>(k) + levels)]
                            : at(static_cast<double>(k), tickNs, ratio0);
      *p[0] = static_cast<scalar_t>(row.power);
      *p[1] = static_cast<scalar_t>(row.delta);
    });
  });
  return {it.output(0), it.output(1)};
}

template <class F> Two fromTable(const Tensor &ticks, int64_t levels, double tickNs, const F &at) {
  const double ratio0 = ratioOf(levels, tickNs);
  std::vector<double> power, delta;
  for (int64_t k = -levels; k <= levels; ++k) {
    const Row row = at(static_cast<double>(k), tickNs, ratio0);
    power.push_back(row.power);
    delta.push_back(row.delta);
  }
  const auto options = at::TensorOptions().dtype(at::kDouble);
  const Tensor position = (ticks.to(at::kDouble) + static_cast<double>(levels))
                              .clamp(0.0, 2.0 * static_cast<double>(levels));
  const Tensor lower =
      at::nan_to_num(position).floor().clamp_max(2.0 * static_cast<double>(levels) - 1);
  const Tensor share = position - lower, index = lower.to(at::kLong);
  const auto read = [&](const std::vector<double> &values) {
    const Tensor table = at::tensor(values, options).to(ticks.device());
    return (table.take(index) * (1 - share) + table.take(index + 1) * share)
        .to(ticks.scalar_type());
  };
  return {read(power), read(delta)};
}

Two valueCpu(const Tensor &t, int64_t levels, double tickNs) {
  return onCpu(t, levels, tickNs, valueAt);
}
Two slopeCpu(const Tensor &t, int64_t levels, double tickNs) {
  return onCpu(t, levels, tickNs, slopeAt);
}
Two valueComposite(const Tensor &t, int64_t levels, double tickNs) {
  return fromTable(t, levels, tickNs, valueAt);
}
Two slopeComposite(const Tensor &t, int64_t levels, double tickNs) {
  return fromTable(t, levels, tickNs, slopeAt);
}
Two meta(const Tensor &t, int64_t, double) {
  return {at::empty_symint(t.sym_sizes(), t.options()),
          at::empty_symint(t.sym_sizes(), t.options())};
}

Two autograd(const Tensor &ticks, int64_t levels, double tickNs) {
  static const auto value =
      c10::Dispatcher::singleton().findSchemaOrThrow("aimc::read_power", "").typed<Signature>();
  static const auto slope = c10::Dispatcher::singleton()
                                .findSchemaOrThrow("aimc::read_power_slope", "")
                                .typed<Signature>();
  auto node = record("ReadPowerBackward", {ticks}, {ticks},
                     [=](const variable_list &grads, const variable_list &saved) -> variable_list {
                       const auto [power, delta] = slope.call(saved[0], levels, tickNs);
                       Tensor sum;
                       if (grads[0].defined())
                         sum = grads[0] * power;
                       if (grads[1].defined())
                         sum = sum.defined() ? sum + grads[1] * delta : grads[1] * delta;
                       return {sum};
                     });
  const auto out = [&] {
    at::AutoDispatchBelowADInplaceOrView below;
    return value.call(ticks, levels, tickNs);
  }();
  attach(node, std::get<0>(out));
  attach(node, std::get<1>(out));
  return out;
}

} // namespace
} // namespace aimc::ops

TORCH_LIBRARY_IMPL(aimc, CPU, m) {
  m.impl("read_power", aimc::ops::valueCpu);
  m.impl("read_power_slope", aimc::ops::slopeCpu);
}
TORCH_LIBRARY_IMPL(aimc, CompositeExplicitAutograd, m) {
  m.impl("read_power", aimc::ops::valueComposite);
  m.impl("read_power_slope", aimc::ops::slopeComposite);
}
TORCH_LIBRARY_IMPL(aimc, Meta, m) {
  m.impl("read_power", aimc::ops::meta);
  m.impl("read_power_slope", aimc::ops::meta);
}
TORCH_LIBRARY_IMPL(aimc, Autograd, m) { m.impl("read_power", aimc::ops::autograd); }
