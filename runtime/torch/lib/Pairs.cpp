//===- Pairs.cpp - target pairs of weights -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Weights beyond the scale are clipped and get no gradient; at exactly zero the gradient is that
// of the plus device, at the scale that of the inside.
//
//===----------------------------------------------------------------------===//
#include "Loops.h"
#include "Record.h"

#include "aimc/model/Programming.h"
#include "aimc/torch/Operators.h"

#include <ATen/ExpandUtils.h>

namespace aimc::ops {
namespace {

using at::Tensor;
using Pair = std::tuple<Tensor, Tensor>;
using Signature = Pair(const Tensor &, const Tensor &, double, double, double, double);

Pair callPairs(const Tensor &weight, const Tensor &scale, double gMin, double gMax, double start,
               double share) {
  static const auto op =
      c10::Dispatcher::singleton().findSchemaOrThrow("aimc::target_pairs", "").typed<Signature>();
  return op.call(weight, scale, gMin, gMax, start, share);
}

Pair pairsMeta(const Tensor &weight, const Tensor &scale, double, double, double, double) {
  return {broadcastLike(weight, scale), broadcastLike(weight, scale)};
}

Pair pairsCpu(const Tensor &weight, const Tensor &scale, double gMin, double gMax, double start,
              double share) {
  checkReal(weight, "weight");
  Tensor plus, minus;
  auto it = at::TensorIteratorConfig()
                .add_output(plus)
                .add_output(minus)
                .add_const_input(weight)
                .add_const_input(scale)
                .build();
  AT_DISPATCH_FLOATING_TYPES(it.common_dtype(), "target_pairs", [&] {
    const auto lo = static_cast<scalar_t>(gMin), hi = static_cast<scalar_t>(gMax);
    const model::PairShare part{start, share};
    elementwise<scalar_t, 4>(it, [&](scalar_t *const *p) {
      const scalar_t s = *p[3], u = s > 0 ? *p[2] / s : scalar_t(0);
      const auto pair = model::targetPairOf(u, part, lo, hi);
      *p[0] = pair.plus;
      *p[1] = pair.minus;
    });
  });
  return {it.output(0), it.output(1)};
}

Tensor normalised(const Tensor &weight, const Tensor &scale) {
  return at::where(scale > 0, weight / scale, at::zeros({}, weight.options()));
}

Pair pairsComposite(const Tensor &weight, const Tensor &scale, double gMin, double gMax,
                    double start, double share) {
  const Tensor u = normalised(weight, scale);
  const auto part = [&](const Tensor &x) {
    return at::clamp((x - start) / share, 0.0, 1.0) * (gMax - gMin) + gMin;
  };
  return {part(at::clamp_min(u, 0.0)), part(at::clamp_min(-u, 0.0))};
}

Pair pairsAutograd(const Tensor &weight, const Tensor &scale, double gMin, double gMax,
                   double start, double share) {
  const bool wantWeight = wants(weight), wantScale = wants(scale);
  auto node = record("TargetPairsBackward", {weight, scale}, {weight, scale},
                     [=](const variable_list &grads, const variable_list &saved) -> variable_list {
                       const Tensor &w = saved[0], &s = saved[1];
                       const Tensor u = normalised(w, s), x = u.abs();
                       // A pair's part of the range, open towards smaller weights but for the
                       // first. Shares add up to one but for rounding.
                       const double end = start + share < 1 - 1e-9 ? start + share : kAtScale;
                       const Tensor inside = (start > 0 ? x > start : x >= start) & (x <= end);
                       const Tensor plus = grads[0].defined() ? grads[0] : at::zeros_like(u);
                       const Tensor minus = grads[1].defined() ? grads[1] : at::zeros_like(u);
                       const Tensor g =
                           at::where(u >= 0, plus, -minus) * inside * ((gMax - gMin) / share);
                       const Tensor perWeight = at::where(s > 0, g / s, at::zeros({}, g.options()));
                       Tensor toWeight, toScale;
                       if (wantWeight)
                         toWeight = at::sum_to(perWeight, w.sym_sizes());
                       if (wantScale)
                         toScale = at::sum_to(-perWeight * u, s.sym_sizes());
                       return {toWeight, toScale};
                     });
  const auto out = [&] {
    at::AutoDispatchBelowADInplaceOrView below;
    return callPairs(weight, scale, gMin, gMax, start, share);
  }();
  attach(node, std::get<0>(out));
  attach(node, std::get<1>(out));
  return out;
}

} // namespace

Pair targetPairs(const Tensor &weight, const Tensor &scale, double gMin, double gMax,
                 model::PairShare share) {
  return callPairs(weight, scale, gMin, gMax, share.start, share.share);
}

} // namespace aimc::ops

TORCH_LIBRARY_IMPL(aimc, CPU, m) { m.impl("target_pairs", aimc::ops::pairsCpu); }
TORCH_LIBRARY_IMPL(aimc, CompositeExplicitAutograd, m) {
  m.impl("target_pairs", aimc::ops::pairsComposite);
}
TORCH_LIBRARY_IMPL(aimc, Meta, m) { m.impl("target_pairs", aimc::ops::pairsMeta); }
TORCH_LIBRARY_IMPL(aimc, Autograd, m) { m.impl("target_pairs", aimc::ops::pairsAutograd); }
