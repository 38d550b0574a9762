//===- TileDrift.cpp - digital factors of aged columns --------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// What the runtime's drift compensation finds per column by reading calibration vectors, here from
// all of a column's devices, as python/aimc/torch/devices.py does: the factor that brings outputs
// to inputs without correlation closest to what they were when they were programmed, both through
// the wires, which take less of smaller currents.
//
//===----------------------------------------------------------------------===//
#include "TileSite.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

namespace aimc::train {

/// A pair as outputs see it, up to a factor; open rows under their mean load.
at::Tensor TileSite::arriving(const at::Tensor &plus, const at::Tensor &minus) const {
  const ops::Circuit &circuit = spec.target->circuit;
  if (circuit.open && circuit.columnOhm > 0) {
    at::Tensor mean = (conducting->share * conducting->probability).sum(0) /
                      conducting->share.sum(0).clamp_min(1e-30);
    at::Tensor load = mean.to(plus.scalar_type()).unsqueeze(transposed ? 0 : 1);
    auto [folded, transfer] = ops::fold(plus * load, minus * load, {}, blocks, transposed, circuit);
    return transfer * (plus - minus);
  }
  if (circuit.plane())
    return std::get<0>(ops::foldCrossbar(plus, minus, blocks, transposed, circuit));
  if (circuit.columnOhm > 0 || circuit.adcOhm > 0)
    return std::get<0>(ops::fold(plus, minus, {}, blocks, transposed, circuit));
  return plus - minus;
}

at::Tensor TileSite::driftFactor(const at::Tensor &plusTarget, const at::Tensor &minusTarget,
                                 const at::Tensor &plus, const at::Tensor &minus,
                                 int64_t which) const {
  c10::NoGradGuard guard;
  at::Tensor before = arriving(devices(plusTarget, which, std::nullopt),
                               devices(minusTarget, which + 1, std::nullopt)),
             now = arriving(plus, minus);
  std::vector<at::Tensor> factors;
  for (auto [row, height] : bands) {
    auto band = [&, row = row, height = height](const at::Tensor &t) {
      return transposed ? t.narrow(1, row, height).t() : t.narrow(0, row, height);
    };
    at::Tensor then = band(before), aged = band(now), power = (aged * aged).sum(0);
    factors.push_back(at::where(power > 0, ((then * aged).sum(0) / power).clamp_min(0.0),
                                at::ones({}, power.options())));
  }
  return at::stack(factors);
}

} // namespace aimc::train
