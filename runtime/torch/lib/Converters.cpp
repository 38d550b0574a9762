//===- Converters.cpp - DAC and ADC with gradients -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Rounding is passed straight through, saturation is not: an input beyond the range, a charge
// beyond the counter, has no gradient. What a range or an LSB gets is the derivative with the codes
// held: ticks * range / levels thus grows with the range by the saturated inputs, and by the
// rounding errors of the others, which is what makes ranges learnable.
//
//===----------------------------------------------------------------------===//
#include "Loops.h"
#include "Record.h"

#include "aimc/model/Adc.h"
#include "aimc/model/Converter.h"
#include "aimc/torch/Operators.h"

#include <ATen/ExpandUtils.h>

namespace aimc::ops {
namespace {

using at::Tensor;

template <class S> auto findOp(const char *name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<S>();
}

double maxCode(int64_t bits) {
  TORCH_CHECK_VALUE(bits >= 2 && bits <= 24, "expected an ADC of 2 to 24 bits, but got ", bits);
  return model::Adc{model::AdcKind::Linear, static_cast<int>(bits), 1.0}.maxCode();
}

Tensor broadcastMeta(const Tensor &a, const Tensor &b, int64_t, int64_t) {
  return broadcastLike(a, b);
}

//===----------------------------------------------------------------------===//
// DAC
//===----------------------------------------------------------------------===//

Tensor dacCpu(const Tensor &x, const Tensor &range, int64_t levels, int64_t mode) {
  checkReal(x, "x");
  Tensor out;
  auto it =
      at::TensorIteratorConfig().add_output(out).add_const_input(x).add_const_input(range).build();
  const auto top = static_cast<int32_t>(levels);
  AT_DISPATCH_FLOATING_TYPES(it.common_dtype(), "dac", [&] {
    elementwise<scalar_t, 3>(it, [&](scalar_t *const *p) {
      const scalar_t value = *p[1], full = *p[2];
      if (mode == static_cast<int64_t>(DacMode::Round)) {
        const float inverse = model::ticksPerUnit(static_cast<float>(full), top);
        *p[0] = static_cast<scalar_t>(model::quantise(static_cast<float>(value), inverse, top)) +
                nanUnlessFinite(value);
        return;
      }
      const scalar_t limit = static_cast<scalar_t>(top), k = full > 0 ? value * (limit / full) : 0;
      const bool clamp = mode == static_cast<int64_t>(DacMode::Clamp);
      *p[0] = (clamp && k > limit    ? limit
               : clamp && k < -limit ? -limit
                                     : k) +
              nanUnlessFinite(value);
    });
  });
  return it.output();
}

/// Ticks before clamping and rounding, the quotient in single precision where it is rounded.
Tensor unroundedTicks(const Tensor &x, const Tensor &range, int64_t levels, int64_t mode) {
  const bool single = mode == static_cast<int64_t>(DacMode::Round);
  const Tensor full = single ? range.to(at::kFloat) : range;
  const Tensor inverse = static_cast<double>(levels) / full;
  const Tensor usable =
      at::where((full > 0) & at::isfinite(inverse), inverse, at::zeros({}, inverse.options()));
  return (single ? x.to(at::kFloat) : x) * usable;
}

Tensor dacComposite(const Tensor &x, const Tensor &range, int64_t levels, int64_t mode) {
  Tensor k = unroundedTicks(x, range, levels, mode);
  if (mode == static_cast<int64_t>(DacMode::Round))
    k = at::round(k);
  if (mode != static_cast<int64_t>(DacMode::Off))
    k = at::clamp(k, -static_cast<double>(levels), static_cast<double>(levels));
  return k.to(x.scalar_type()) + nanUnlessFinite(x);
}

Tensor dacAutograd(const Tensor &x, const Tensor &range, int64_t levels, int64_t mode) {
  const bool wantX = wants(x), wantRange = wants(range);
  auto node =
      record("DacBackward", {x, range}, {x, range},
             [=](const variable_list &grads, const variable_list &saved) -> variable_list {
               const Tensor &x = saved[0], &range = saved[1];
               const Tensor inverse = at::where(range > 0, static_cast<double>(levels) / range,
                                                at::zeros({}, range.options()));
               Tensor g = grads[0] * inverse;
               if (mode != static_cast<int64_t>(DacMode::Off))
                 g = g * (x.abs() <= range);
               Tensor toX, toRange;
               if (wantX)
                 toX = at::sum_to(g, x.sym_sizes());
               if (wantRange)
                 toRange =
                     at::sum_to(at::where(range > 0, -g * x / range, at::zeros({}, g.options())),
                                range.sym_sizes());
               return {toX, toRange};
             });
  static const auto op =
      findOp<Tensor(const Tensor &, const Tensor &, int64_t, int64_t)>("aimc::dac");
  const Tensor out = [&] {
    at::AutoDispatchBelowADInplaceOrView below;
    return op.call(x, range, levels, mode);
  }();
  attach(node, out);
  return out;
}

//===----------------------------------------------------------------------===//
// ADC
//===----------------------------------------------------------------------===//

model::AdcKind kindOf(int64_t mode) {
  return mode == static_cast<int64_t>(AdcMode::Cco) ? model::AdcKind::Cco : model::AdcKind::Linear;
}

Tensor adcCpu(const Tensor &charge, const Tensor &lsb, int64_t bits, int64_t mode) {
  checkReal(charge, "charge");
  const double top = maxCode(bits);
  Tensor out;
  auto it = at::TensorIteratorConfig()
                .add_output(out)
                .add_const_input(charge)
                .add_const_input(lsb)
                .build();
  AT_DISPATCH_FLOATING_TYPES(it.common_dtype(), "adc", [&] {
    const auto limit = static_cast<scalar_t>(top);
    elementwise<scalar_t, 3>(it, [&](scalar_t *const *p) {
      const scalar_t step = *p[2], value = step > 0 ? *p[1] / step : scalar_t(0);
      if (mode == static_cast<int64_t>(AdcMode::Ideal))
        *p[0] = *p[1];
      else if (mode == static_cast<int64_t>(AdcMode::Clamp))
        *p[0] = step * (value > limit ? limit : value < -limit ? -limit : value);
      else
        *p[0] = step * model::adcCode(value, kindOf(mode), limit);
    });
  });
  return it.output();
}

/// Codes before saturation.
Tensor rawCodes(const Tensor &charge, const Tensor &lsb, int64_t mode) {
  const Tensor value = at::where(lsb > 0, charge / lsb, at::zeros({}, charge.options()));
  return mode == static_cast<int64_t>(AdcMode::Cco)      ? at::trunc(value)
         : mode == static_cast<int64_t>(AdcMode::Linear) ? at::round(value)
                                                         : value;
}

Tensor adcComposite(const Tensor &charge, const Tensor &lsb, int64_t bits, int64_t mode) {
  const double top = maxCode(bits);
  if (mode == static_cast<int64_t>(AdcMode::Ideal))
    return at::add(charge, at::zeros_like(lsb));
  return at::clamp(rawCodes(charge, lsb, mode), -top, top) * lsb;
}

Tensor adcAutograd(const Tensor &charge, const Tensor &lsb, int64_t bits, int64_t mode) {
  const bool wantCharge = wants(charge), wantLsb = wants(lsb);
  auto node =
      record("AdcBackward", {charge, lsb}, {charge, lsb},
             [=](const variable_list &grads, const variable_list &saved) -> variable_list {
               const Tensor &charge = saved[0], &lsb = saved[1], &g = grads[0];
               Tensor toCharge, toLsb;
               if (mode == static_cast<int64_t>(AdcMode::Ideal)) {
                 if (wantCharge)
                   toCharge = at::sum_to(g, charge.sym_sizes());
                 if (wantLsb)
                   toLsb = at::zeros_like(lsb);
                 return {toCharge, toLsb};
               }
               const double top = maxCode(bits);
               const Tensor code = rawCodes(charge, lsb, mode);
               const Tensor within = code.abs() <= top;
               if (wantCharge)
                 toCharge = at::sum_to(g * within, charge.sym_sizes());
               if (wantLsb) {
                 const Tensor value = at::where(lsb > 0, charge / lsb, at::zeros({}, g.options()));
                 toLsb =
                     at::sum_to(g * (at::clamp(code, -top, top) - value * within), lsb.sym_sizes());
               }
               return {toCharge, toLsb};
             });
  static const auto op =
      findOp<Tensor(const Tensor &, const Tensor &, int64_t, int64_t)>("aimc::adc");
  const Tensor out = [&] {
    at::AutoDispatchBelowADInplaceOrView below;
    return op.call(charge, lsb, bits, mode);
  }();
  attach(node, out);
  return out;
}

} // namespace
} // namespace aimc::ops

TORCH_LIBRARY_IMPL(aimc, CPU, m) {
  m.impl("dac", aimc::ops::dacCpu);
  m.impl("adc", aimc::ops::adcCpu);
}
TORCH_LIBRARY_IMPL(aimc, CompositeExplicitAutograd, m) {
  m.impl("dac", aimc::ops::dacComposite);
  m.impl("adc", aimc::ops::adcComposite);
}
TORCH_LIBRARY_IMPL(aimc, Meta, m) {
  m.impl("dac", aimc::ops::broadcastMeta);
  m.impl("adc", aimc::ops::broadcastMeta);
}
TORCH_LIBRARY_IMPL(aimc, Autograd, m) {
  m.impl("dac", aimc::ops::dacAutograd);
  m.impl("adc", aimc::ops::adcAutograd);
}
