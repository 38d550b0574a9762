//===- TileLinearComposite.cpp - a linear layer through its tiles, on any device -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "FoldComposite.h"
#include "Loops.h"
#include "TileLinear.h"

#include "aimc/model/Adc.h"
#include "aimc/model/Programming.h"

namespace aimc::ops {

namespace {

using at::Tensor;

/// Numbers per band and column as a [K, N] tensor.
Tensor spread(const Tensor &perBand, const TileInputs &in) {
  std::vector<Tensor> parts;
  for (size_t b = 0; b < in.list.bands.size(); ++b)
    parts.push_back(perBand.select(0, static_cast<int64_t>(b))
                        .unsqueeze(0)
                        .expand({in.list.bands[b].rows, in.n}));
  return at::cat(parts, 0);
}
/// Sums of a [K, N] tensor over each band's rows, [bands, N].
Tensor sumBands(const Tensor &cells, const TileInputs &in) {
  std::vector<Tensor> parts;
  for (const Band &band : in.list.bands)
    parts.push_back(cells.narrow(0, band.row, band.rows).sum(0));
  return at::stack(parts, 0);
}

Tensor orOnes(const Tensor &gain, const TileInputs &in) {
  return gain.defined() ? gain : at::ones_like(in.scale);
}
Tensor zeroLike(const Tensor &tensor) { return at::zeros({}, tensor.options()); }

/// Everything about the weight, [K, N] in double precision.
struct Folded {
  Tensor u, difference, load, transfer, scale, inverse, gain, product; ///< product: Wd
};
Folded foldAll(const TileInputs &in, const TileParams &p) {
  Folded f;
  const Tensor w = (p.transposed ? in.weight.t() : in.weight).to(at::kDouble);
  f.scale = spread(in.scale, in).to(at::kDouble);
  f.gain = spread(orOnes(in.gain, in), in).to(at::kDouble);
  f.inverse = at::where(f.scale > 0, f.scale.reciprocal(), zeroLike(f.scale));
  f.u = w * f.inverse;
  const double span = p.gMax - p.gMin;
  f.load = f.u.abs().clamp_max(1.0) * span + 2 * p.gMin;
  f.difference = f.u.clamp(-1.0, 1.0) * span;
  f.transfer = transferComposite(f.load, std::nullopt, in.list, p.array);
  f.product = f.transfer * f.difference * f.scale * f.gain / span;
  return f;
}

/// One band's inputs behind the DAC and the worth of a tick [vectors, 1].
struct Input {
  Tensor x, converted, step, range;
};
Input bandInput(const TileInputs &in, const TileParams &p, size_t b) {
  const Band &band = in.list.bands[b];
  Input out;
  out.x = in.x.narrow(1, band.row, band.rows);
  out.range = in.range.defined() ? in.range.select(0, static_cast<int64_t>(b))
                                 : out.x.abs().amax({1}, true);
  out.step = (out.range / static_cast<double>(p.levels)).expand({in.x.size(0), 1});
  out.converted = out.x + nanUnlessFinite(out.x);
  if (p.dac != DacMode::Off) {
    static const auto op = c10::Dispatcher::singleton()
                               .findSchemaOrThrow("aimc::dac", "")
                               .typed<Tensor(const Tensor &, const Tensor &, int64_t, int64_t)>();
    out.converted = op.call(out.x, out.range, p.levels, static_cast<int64_t>(p.dac)) * out.step;
  }
  return out;
}

/// LSB of a band's columns in units of y per unit step, [N].
Tensor bandLsb(const TileInputs &in, const TileParams &p, int64_t b) {
  const double unit = model::digitalScale(1.0, p.readVolt, p.tickNs, p.gMin, p.gMax);
  return (perColumn(in.lsb, in) * in.scale * orOnes(in.gain, in) * unit).select(0, b);
}

/// The folded weight that charges are products with, [K, N], as large as LSBs have to be.
Tensor magnified(const TileInputs &in, const TileParams &p, const Tensor &product) {
  std::vector<Tensor> power;
  for (size_t b = 0; b < in.list.bands.size(); ++b)
    power.push_back(magnification(bandLsb(in, p, static_cast<int64_t>(b))));
  return (product * spread(at::stack(power, 0), in)).to(in.x.scalar_type());
}

/// Charges of a band, as products with `magnified` have them, as codes: value, code before and
/// after saturation.
struct Codes {
  Tensor value, within, code, lsb; ///< lsb in units of y
};
Codes codes(const TileInputs &in, const TileParams &p, int64_t b, const Tensor &q,
            const Tensor &step) {
  const model::Adc adc{model::AdcKind::Linear, static_cast<int>(p.adcBits), 1.0};
  Codes c;
  const Tensor lsb = bandLsb(in, p, b);
  c.lsb = lsb * step;
  c.value = at::where((lsb > 0) & (step > 0), q / step / (lsb * magnification(lsb)), zeroLike(q));
  const Tensor raw = p.adc == AdcMode::Linear ? c.value.round()
                     : p.adc == AdcMode::Cco  ? c.value.trunc()
                                              : c.value;
  c.within = raw.abs() <= adc.maxCode();
  c.code = raw.clamp(-adc.maxCode(), adc.maxCode());
  return c;
}

} // namespace

TileOutputs tileForwardComposite(const TileInputs &in, const TileParams &p) {
  const Tensor product = foldAll(in, p).product, folded = product.to(in.x.scalar_type());
  Tensor y = at::zeros({in.x.size(0), in.n}, in.x.options());
  const bool ideal = p.adc == AdcMode::Ideal;
  const Tensor matrix = ideal ? folded : magnified(in, p, product);
  for (size_t b = 0; b < in.list.bands.size(); ++b) {
    const Band &band = in.list.bands[b];
    const Input input = bandInput(in, p, b);
    const Tensor q = at::mm(input.converted, matrix.narrow(0, band.row, band.rows));
    if (ideal) {
      y.add_(q);
      continue;
    }
    const Codes c = codes(in, p, static_cast<int64_t>(b), q, input.step);
    y.add_(c.code * c.lsb);
  }
  const auto bands = static_cast<int64_t>(in.list.bands.size());
  const auto bytes = in.x.options().dtype(at::kByte);
  // The backward pass finds saturated outputs by itself here.
  return {y,
          ideal ? at::empty({0}, bytes) : at::zeros({bands, in.x.size(0), maskBytes(in.n)}, bytes),
          (p.transposed ? folded.t() : folded).contiguous()};
}

TileGradients tileBackwardComposite(const Tensor &gradGiven, const TileInputs &in,
                                    const TileParams &p, const Wanted &wanted) {
  const Tensor grad = gradGiven.reshape({-1, in.n});
  const auto type = in.x.scalar_type();
  const Folded f = foldAll(in, p);
  const Tensor folded = f.product.to(type);
  const Tensor matrix = p.adc == AdcMode::Ideal ? folded : magnified(in, p, f.product);
  const double unit = model::digitalScale(1.0, p.readVolt, p.tickNs, p.gMin, p.gMax);
  Tensor xBar = at::zeros_like(in.x), foldedBar = at::zeros_like(f.product),
         lsbBar = at::zeros_like(in.scale);
  Tensor rangeBar = at::zeros({static_cast<int64_t>(in.list.bands.size())}, in.x.options());
  for (size_t index = 0; index < in.list.bands.size(); ++index) {
    const Band &band = in.list.bands[index];
    const auto b = static_cast<int64_t>(index);
    const Input input = bandInput(in, p, index);
    Tensor g = grad;
    if (p.adc != AdcMode::Ideal) {
      const Tensor q = at::mm(input.converted, matrix.narrow(0, band.row, band.rows));
      const Codes c = codes(in, p, b, q, input.step);
      const Tensor slope = grad * (c.code - c.value * c.within);
      lsbBar.select(0, b).add_((slope * input.step).sum(0));
      rangeBar.select(0, b).add_((slope * bandLsb(in, p, b)).sum() / static_cast<double>(p.levels));
      g = grad * c.within;
    }
    const Tensor behind = at::mm(g, folded.narrow(0, band.row, band.rows).t());
    foldedBar.narrow(0, band.row, band.rows).add_(at::mm(input.converted.t(), g).to(at::kDouble));
    Tensor part = behind;
    if (p.dac != DacMode::Off && in.range.defined()) {
      const Tensor inside = input.x.abs() <= input.range;
      rangeBar.select(0, b).add_((behind * (input.converted - input.x * inside)).sum() /
                                 input.range);
      part = behind * inside;
    }
    xBar.narrow(1, band.row, band.rows).copy_(part);
  }
  TileGradients out;
  if (wanted.x)
    out.x = xBar;
  if (wanted.range)
    out.range = rangeBar;
  const double span = p.gMax - p.gMin;
  if (wanted.folded()) {
    const Tensor bar = foldedBar * f.scale * f.gain / span;
    const Tensor loadBar =
        transferAdjointComposite(f.load, bar * f.difference, std::nullopt, in.list, p.array);
    const Tensor direct = bar * f.transfer;
    const Tensor inside = f.u.abs() <= kAtScale;
    const Tensor uBar = at::where(f.u >= 0, direct + loadBar, direct - loadBar) * inside * span;
    const Tensor wBar = (uBar * f.inverse).to(in.weight.scalar_type());
    if (wanted.weight)
      out.weight = (p.transposed ? wBar.t() : wBar).contiguous();
    const Tensor product = foldedBar * f.transfer * f.difference / span;
    const Tensor lsb = in.lsb.defined() ? perColumn(in.lsb, in) * unit : zeroLike(in.scale);
    if (wanted.scale)
      out.scale = sumBands(product * f.gain - uBar * f.u * f.inverse, in).to(type) +
                  lsbBar * lsb * orOnes(in.gain, in);
    if (wanted.gain)
      out.gain = sumBands(product * f.scale, in).to(type) + lsbBar * lsb * in.scale;
  }
  if (wanted.lsb && p.adc == AdcMode::Ideal)
    out.lsb = at::zeros_like(in.lsb);
  if (wanted.lsb && p.adc != AdcMode::Ideal) {
    const Tensor perOutput = lsbBar * in.scale * orOnes(in.gain, in) * unit;
    std::vector<Tensor> parts;
    for (const Block &b : in.list.blocks)
      parts.push_back(perOutput.select(0, b.band).narrow(0, b.col, b.cols).sum());
    out.lsb = at::stack(parts);
  }
  return out;
}

} // namespace aimc::ops
