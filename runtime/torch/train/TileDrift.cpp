//===- TileDrift.cpp - digital factors of aged columns --------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// What the runtime's drift compensation finds per column by reading calibration vectors
// (runtime/model's DriftFactor.h), here from all of a column's devices, as
// python/aimc/torch/devices.py does: the factor that brings outputs to inputs without correlation
// closest to what they were when they were programmed, all pairs of a weight together and through
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

at::Tensor TileSite::driftFactor(const std::vector<Pair> &before,
                                 const std::vector<Pair> &now) const {
  c10::NoGradGuard guard;
  std::vector<at::Tensor> whole[2]; // per pair, then and now
  for (size_t k = 0; k < now.size(); ++k) {
    whole[0].push_back(arriving(before[k].first, before[k].second));
    whole[1].push_back(arriving(now[k].first, now[k].second));
  }
  // What a band makes of its inputs, all pairs together.
  auto output = [&](const std::vector<at::Tensor> &pairs, size_t b) {
    const auto [row, height] = bands[b];
    at::Tensor total;
    for (size_t k = 0; k < pairs.size(); ++k) {
      at::Tensor own = pairs[k];
      own = transposed ? own.narrow(1, row, height).t() : own.narrow(0, row, height);
      own = own * shares[k].share;
      if (const auto gain = gainOf(k))
        own = own * (*gain)[static_cast<int64_t>(b)];
      total = total.defined() ? total + own : own;
    }
    return total;
  };
  std::vector<at::Tensor> factors;
  for (size_t b = 0; b < bands.size(); ++b) {
    at::Tensor then = output(whole[0], b), aged = output(whole[1], b), power = (aged * aged).sum(0);
    factors.push_back(at::where(power > 0, ((then * aged).sum(0) / power).clamp_min(0.0),
                                at::ones({}, power.options())));
  }
  return at::stack(factors);
}

} // namespace aimc::train
