//===- Read.cpp - reading folded tiles, with noise -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A composition: torch differentiates, batches and traces it by its parts. Per band
//   k = DAC(x) ticks,  Q = tick_ns k Weff + sqrt(Var) xi,  y += ADC(Q) digital range / levels
// with the variance as ReadNoise.h forms it: one product with rho at the longest pulse, plus the
// correction of first order.
//
//===----------------------------------------------------------------------===//
#include "Record.h"
#include "Strips.h"
#include "TensorScalar.h"

#include "aimc/model/Programming.h"
#include "aimc/model/ReadNoise.h"
#include "aimc/torch/Operators.h"

namespace aimc::ops {
namespace {

using at::Tensor;
using MaybeTensor = std::optional<Tensor>;
using MaybeGenerator = std::optional<at::Generator>;
using Signature = Tensor(const Tensor &, const Tensor &, const Tensor &, const MaybeTensor &,
                         const MaybeTensor &, const MaybeTensor &, const MaybeTensor &,
                         const MaybeTensor &, const MaybeTensor &, at::IntArrayRef, bool, double,
                         double, double, double, int64_t, int64_t, int64_t, int64_t, double,
                         const MaybeTensor &, int64_t, MaybeGenerator);
using Convert = Tensor(const Tensor &, const Tensor &, int64_t, int64_t);
using Power = std::tuple<Tensor, Tensor>(const Tensor &, int64_t, double);

template <class S> auto findOp(const char *name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<S>();
}

/// LSB per column from one per block, [bands, N].
Tensor perColumn(const Tensor &lsb, at::IntArrayRef blocks) {
  std::vector<Tensor> bands, parts;
  for (size_t i = 0; i < blocks.size(); i += 6) {
    if (i > 0 && blocks[i] != blocks[i - 6]) {
      bands.push_back(at::cat(parts, 0));
      parts.clear();
    }
    parts.push_back(lsb.select(0, static_cast<int64_t>(i / 6)).expand({blocks[i + 3]}));
  }
  bands.push_back(at::cat(parts, 0));
  return at::stack(bands, 0);
}

Tensor readImplicit(const Tensor &x, const Tensor &weff, const Tensor &scale,
                    const MaybeTensor &gain, const MaybeTensor &range, const MaybeTensor &lsb,
                    const MaybeTensor &plus, const MaybeTensor &minus, const MaybeTensor &transfer,
                    at::IntArrayRef blocks, bool transposed, double gMin, double gMax,
                    double readVolt, double tickNs, int64_t levels, int64_t dac, int64_t adc,
                    int64_t adcBits, double noiseScale, const MaybeTensor &key, int64_t noisePart,
                    MaybeGenerator generator) {
  static const auto toTicks = findOp<Convert>("aimc::dac"), toCode = findOp<Convert>("aimc::adc");
  static const auto power = findOp<Power>("aimc::read_power");
  static const auto named =
      findOp<Tensor(c10::SymIntArrayRef, const Tensor &, int64_t)>("aimc::noise");
  TORCH_CHECK_VALUE(plus.has_value() == minus.has_value() &&
                        plus.has_value() == transfer.has_value(),
                    "expected plus, minus and transfer for read noise, or none of them");
  TORCH_CHECK_VALUE(adc == static_cast<int64_t>(AdcMode::Ideal) || lsb,
                    "expected an LSB per block for an ADC, but got none");
  const auto upright = [&](const Tensor &t) { return transposed ? t.transpose(-2, -1) : t; };
  const Tensor matrix = upright(weff);
  Tensor digital = scale * model::digitalScale(1.0, readVolt, tickNs, gMin, gMax);
  if (gain)
    digital = digital * *gain;
  Tensor noise, slope;
  if (plus) {
    const double ratio0 = model::readNoiseLine(static_cast<double>(levels) * tickNs).ratio();
    const TensorScalar volt(readVolt), t(upright(*transfer)), p(upright(*plus)), m(upright(*minus)),
        rho(ratio0);
    noise = model::readNoiseWeight(volt, t, p, m, rho).value;
    slope = model::readNoiseSlope(volt, t, p, m, rho).value;
  }
  const Tensor lsbs = lsb ? perColumn(*lsb, blocks) : Tensor();
  Tensor y;
  int64_t b = -1;
  for (size_t i = 0; i < blocks.size(); i += 6) {
    if (i > 0 && blocks[i] == blocks[i - 6])
      continue;
    ++b;
    const int64_t row = blocks[i], rows = blocks[i + 1];
    const Tensor part = x.narrow(-1, row, rows);
    const Tensor full =
        range ? range->select(0, b) : part.detach().abs().amax({-1}, /*keepdim=*/true);
    const Tensor ticks = toTicks.call(part, full, levels, dac);
    Tensor charge = at::matmul(ticks, matrix.narrow(-2, row, rows)) * tickNs;
    if (plus) {
      const auto [square, delta] = power.call(ticks, levels, tickNs);
      const Tensor variance = at::matmul(square, noise.narrow(-2, row, rows)) +
                              delta.sum({-1}, true) * slope.narrow(-2, row, rows).mean({-2});
      // The root's slope at nothing pulsed is not a number; there is no noise either.
      const Tensor positive = variance > 0;
      const Tensor deviation = at::where(
          positive, at::sqrt(at::where(positive, variance, at::ones({}, variance.options()))),
          at::zeros({}, variance.options()));
      const Tensor xi =
          key ? named.call(charge.sym_sizes(), *key, noisePart + b).to(charge.scalar_type())
              : at::randn_symint(charge.sym_sizes(), generator, charge.options());
      charge = charge + deviation * xi * noiseScale;
    }
    if (adc != static_cast<int64_t>(AdcMode::Ideal))
      charge = toCode.call(charge, lsbs.select(0, b), adcBits, adc);
    const Tensor out = charge * digital.select(0, b) * (full / static_cast<double>(levels));
    y = y.defined() ? y + out : out;
  }
  return y;
}

} // namespace

Tensor read(const Tensor &x, const Tensor &weff, const Tensor &scale, const MaybeTensor &gain,
            const MaybeTensor &range, const MaybeTensor &lsb, const Blocks &blocks, bool transposed,
            const Circuit &c, const std::optional<ReadNoiseInputs> &noise) {
  static const auto op = findOp<Signature>("aimc::read");
  const auto part = [&](Tensor ReadNoiseInputs::*which) {
    return noise ? MaybeTensor((*noise).*which) : std::nullopt;
  };
  return op.call(x, weff, scale, gain, range, lsb, part(&ReadNoiseInputs::plus),
                 part(&ReadNoiseInputs::minus), part(&ReadNoiseInputs::transfer), blocks,
                 transposed, c.gMinUS, c.gMaxUS, c.readVolt, c.tickNs, c.levels,
                 static_cast<int64_t>(c.dac), static_cast<int64_t>(c.adc), c.adcBits,
                 noise ? noise->scale : 1.0, noise ? noise->key : std::nullopt,
                 noise ? noise->part : 0, noise ? noise->generator : std::nullopt);
}

} // namespace aimc::ops

TORCH_LIBRARY_IMPL(aimc, CompositeImplicitAutograd, m) { m.impl("read", aimc::ops::readImplicit); }
