//===- Read.cpp - reading folded tiles, with noise -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A composition: torch differentiates, batches and traces it by its parts. Per band and pass
//   k = DAC(x) ticks,  Q = tick_ns (k through the circuit) + sqrt(Var) xi
//   y += 2^shift ADC(Q) digital range / levels
// with the variance as ReadNoise.h forms it: one product with rho at the longest pulse, plus the
// correction of first order. Rows that stay driven multiply k with the folded matrix; open rows
// let it arrive through reference columns first, pre-distorted for each block where they
// compensate.
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

constexpr int kPassBits = 28;   ///< of a read's number, before that of its pass
constexpr int64_t kReadKey = 4; ///< numbers of a key that names reads of a session (Noise.cpp)

using at::Tensor;
using MaybeTensor = std::optional<Tensor>;
using MaybeGenerator = std::optional<at::Generator>;
using Convert = Tensor(const Tensor &, const Tensor &, int64_t, int64_t);
using Power = std::tuple<Tensor, Tensor>(const Tensor &, int64_t, double);

template <class S> auto findOp(const char *name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<S>();
}

/// What both kinds of rows have. Matrices are [K, N].
struct Reading {
  const Tensor &x;
  Tensor matrix;
  const Tensor &scale;
  const MaybeTensor &gain, &range, &lsb;
  MaybeTensor plus, minus, transfer; ///< for read noise
  at::IntArrayRef blocks;
  double gMin, gMax, readVolt, tickNs;
  int64_t levels, dac, adc, adcBits;
  at::IntArrayRef passes; ///< shift and bits of each; empty: one
  double noiseScale;
  const MaybeTensor &key;
  int64_t noisePart;
  MaybeGenerator generator;
  MaybeTensor places; ///< [bands, N]: where a session has each column of a block
};

/// Blocks [begin, end) of a band that see the same pulses.
struct Group {
  int64_t row, rows, col, cols, band;
  std::vector<int64_t> blocks;                      ///< with rows and columns of the group
  std::vector<std::pair<int64_t, int64_t>> columns; ///< block, its columns
};

std::vector<Group> groupsOf(at::IntArrayRef blocks, bool single) {
  std::vector<Group> groups;
  int64_t band = -1;
  for (size_t i = 0; i < blocks.size(); i += 6) {
    const bool opens = i == 0 || blocks[i] != blocks[i - 6];
    band += opens;
    if (opens || single)
      groups.push_back({blocks[i], blocks[i + 1], blocks[i + 2], 0, band, {}, {}});
    Group &g = groups.back();
    for (int64_t number :
         {int64_t(0), g.rows, blocks[i + 2] - g.col, blocks[i + 3], blocks[i + 4], blocks[i + 5]})
      g.blocks.push_back(number);
    g.columns.emplace_back(static_cast<int64_t>(i / 6), blocks[i + 3]);
    g.cols += blocks[i + 3];
  }
  return groups;
}

/// Elements [start, start + length) of a dimension; the tensor itself where these are all.
Tensor cut(const Tensor &t, int64_t dim, int64_t start, int64_t length) {
  return t.sym_size(dim) == length ? t : t.narrow(dim, start, length);
}

/// Each vector's largest magnitude. One of zeros is nothing on any scale; its gradient needs one.
Tensor fullScale(const Tensor &x) {
  const Tensor top = x.abs().amax({-1}, /*keepdim=*/true);
  return at::where(top == 0, at::ones({}, top.options()), top);
}

/// A value whose gradient is that of something else.
Tensor withGradientOf(const Tensor &value, const Tensor &soft) {
  return value.detach() + (soft - soft.detach());
}

/// Ticks of one pass of signed codes. A code's gradient is spread over the passes by the ticks that
/// each has, so that their sum with its digital factors is the code's own.
Tensor passTicks(const Tensor &code, int64_t shift, int64_t bits, int64_t levels) {
  const auto low = static_cast<double>(int64_t(1) << shift),
             high = static_cast<double>(int64_t(1) << bits);
  const Tensor above = (code.detach().abs() / low).floor();
  const Tensor size = above - (above / high).floor() * high;
  return withGradientOf(size * code.detach().sign(),
                        code * ((high - 1.0) / static_cast<double>(levels)));
}

/// `product(group, ticks, part of x, full scale)` gives charges [..., columns of the group] and,
/// where pulses are not those of the DAC, `ticks` and `factor` that charges are due.
struct Driven {
  Tensor charge, ticks;
  MaybeTensor factor;
};
template <class Product> Tensor readWith(const Reading &r, bool single, const Product &product) {
  static const auto toTicks = findOp<Convert>("aimc::dac"), toCode = findOp<Convert>("aimc::adc");
  static const auto power = findOp<Power>("aimc::read_power");
  static const auto named = findOp<Tensor(c10::SymIntArrayRef, const Tensor &, int64_t,
                                          at::IntArrayRef, const MaybeTensor &)>("aimc::noise");
  TORCH_CHECK_VALUE(r.adc == static_cast<int64_t>(AdcMode::Ideal) || r.lsb,
                    "expected an LSB per block for an ADC, but got none");
  Tensor digital = r.scale * model::digitalScale(1.0, r.readVolt, r.tickNs, r.gMin, r.gMax);
  if (r.gain)
    digital = digital * *r.gain;
  Tensor noise, slope;
  if (r.plus) {
    const double ratio0 = model::readNoiseLine(static_cast<double>(r.levels) * r.tickNs).ratio();
    const TensorScalar volt(r.readVolt), t(*r.transfer), p(*r.plus), m(*r.minus), rho(ratio0);
    noise = model::readNoiseWeight(volt, t, p, m, rho).value;
    slope = model::readNoiseSlope(volt, t, p, m, rho).value;
  }
  const auto groups = groupsOf(r.blocks, single);
  const auto passes = static_cast<int64_t>(r.passes.size() / 2);
  std::vector<Tensor> bands;
  for (size_t i = 0; i < groups.size(); ++i) {
    const Group &g = groups[i];
    const Tensor part = cut(r.x, -1, g.row, g.rows);
    const Tensor full = r.range ? r.range->select(0, g.band) : fullScale(part.detach());
    const Tensor code = toTicks.call(part, full, r.levels, r.dac);
    Tensor sum;
    for (int64_t p = 0; p < std::max<int64_t>(passes, 1); ++p) {
      const auto at = static_cast<size_t>(2 * p);
      const Tensor pulses =
          passes > 1 ? passTicks(code, r.passes[at], r.passes[at + 1], r.levels) : code;
      const Driven driven = product(g, pulses, part, full);
      Tensor charge = driven.charge;
      if (r.plus) {
        const auto [square, delta] = power.call(driven.ticks, r.levels, r.tickNs);
        const auto cells = [&](const Tensor &t) {
          return cut(cut(t, -2, g.row, g.rows), -1, g.col, g.cols);
        };
        const Tensor variance =
            at::matmul(square, cells(noise)) + delta.sum({-1}, true) * cells(slope).mean({-2});
        // The root's slope at nothing pulsed is not a number; there is no noise either.
        const Tensor positive = variance > 0;
        const Tensor deviation = at::where(
            positive, at::sqrt(at::where(positive, variance, at::ones({}, variance.options()))),
            at::zeros({}, variance.options()));
        const int64_t drawn =
            r.noisePart + static_cast<int64_t>(i) + p * static_cast<int64_t>(groups.size());
        std::vector<int64_t> names; // as a session's reads name blocks
        for (const auto &[block, cols] : g.columns)
          names.insert(names.end(), {block | p << kPassBits, cols});
        const MaybeTensor places =
            r.places ? MaybeTensor(cut(r.places->select(0, g.band), 0, g.col, g.cols))
                     : std::nullopt;
        const Tensor xi = r.key
                              ? named.call(charge.sym_sizes(), *r.key, drawn, names, places)
                                    .to(charge.scalar_type())
                              : at::randn_symint(charge.sym_sizes(), r.generator, charge.options());
        charge = charge + deviation * xi * r.noiseScale;
      }
      if (r.adc != static_cast<int64_t>(AdcMode::Ideal)) {
        std::vector<Tensor> lsbs;
        for (const auto &[block, cols] : g.columns)
          lsbs.push_back(r.lsb->select(0, block).expand({cols}));
        charge =
            toCode.call(charge, lsbs.size() > 1 ? at::cat(lsbs, 0) : lsbs[0], r.adcBits, r.adc);
      }
      if (driven.factor)
        charge = charge * *driven.factor;
      if (passes > 1)
        charge = charge * static_cast<double>(int64_t(1) << r.passes[at]);
      sum = sum.defined() ? sum + charge : charge;
    }
    const Tensor out = sum * cut(digital.select(0, g.band), 0, g.col, g.cols) *
                       (full / static_cast<double>(r.levels));
    if (single && g.col > 0)
      bands.back() = at::cat({bands.back(), out}, -1);
    else
      bands.push_back(out);
  }
  Tensor y = bands[0];
  for (size_t b = 1; b < bands.size(); ++b)
    y = y + bands[b];
  return y;
}

using Signature = Tensor(const Tensor &, const Tensor &, const Tensor &, const MaybeTensor &,
                         const MaybeTensor &, const MaybeTensor &, const MaybeTensor &,
                         const MaybeTensor &, const MaybeTensor &, at::IntArrayRef, bool, double,
                         double, double, double, int64_t, int64_t, int64_t, int64_t, double,
                         const MaybeTensor &, int64_t, MaybeGenerator, at::IntArrayRef);

Tensor readImplicit(const Tensor &x, const Tensor &weff, const Tensor &scale,
                    const MaybeTensor &gain, const MaybeTensor &range, const MaybeTensor &lsb,
                    const MaybeTensor &plus, const MaybeTensor &minus, const MaybeTensor &transfer,
                    at::IntArrayRef blocks, bool transposed, double gMin, double gMax,
                    double readVolt, double tickNs, int64_t levels, int64_t dac, int64_t adc,
                    int64_t adcBits, double noiseScale, const MaybeTensor &key, int64_t noisePart,
                    MaybeGenerator generator, at::IntArrayRef passes) {
  TORCH_CHECK_VALUE(plus.has_value() == minus.has_value() &&
                        plus.has_value() == transfer.has_value(),
                    "expected plus, minus and transfer for read noise, or none of them");
  const auto upright = [&](const Tensor &t) { return transposed ? t.transpose(-2, -1) : t; };
  const auto maybe = [&](const MaybeTensor &t) { return t ? MaybeTensor(upright(*t)) : t; };
  const Reading r{x,
                  upright(weff),
                  scale,
                  gain,
                  range,
                  lsb,
                  maybe(plus),
                  maybe(minus),
                  maybe(transfer),
                  blocks,
                  gMin,
                  gMax,
                  readVolt,
                  tickNs,
                  levels,
                  dac,
                  adc,
                  adcBits,
                  passes,
                  noiseScale,
                  key,
                  noisePart,
                  std::move(generator)};
  return readWith(
      r, false, [&](const Group &g, const Tensor &ticks, const Tensor &, const Tensor &) {
        return Driven{at::matmul(ticks, cut(r.matrix, -2, g.row, g.rows)) * tickNs, ticks, {}};
      });
}

using OpenSignature = Tensor(const Tensor &, const Tensor &, const Tensor &, const Tensor &,
                             const Tensor &, const Tensor &, const MaybeTensor &,
                             const MaybeTensor &, const MaybeTensor &, at::IntArrayRef, bool,
                             int64_t, double, double, bool, double, double, double, double, int64_t,
                             int64_t, int64_t, int64_t, bool, double, const MaybeTensor &, int64_t,
                             at::IntArrayRef, const MaybeTensor &, const MaybeTensor &);

Tensor openImplicit(const Tensor &x, const Tensor &plus, const Tensor &minus,
                    const Tensor &probability, const Tensor &share, const Tensor &scale,
                    const MaybeTensor &gain, const MaybeTensor &range, const MaybeTensor &lsb,
                    at::IntArrayRef blocks, bool transposed, int64_t tileRows, double columnOhm,
                    double adcOhm, bool alternating, double gMin, double gMax, double readVolt,
                    double tickNs, int64_t levels, int64_t dac, int64_t adc, int64_t adcBits,
                    bool predistort, double noiseScale, const MaybeTensor &key, int64_t noisePart,
                    at::IntArrayRef passes, const MaybeTensor &pulsePlus,
                    const MaybeTensor &pulseMinus) {
  TORCH_CHECK_VALUE(pulsePlus.has_value() == pulseMinus.has_value(),
                    "expected pulse_plus and pulse_minus, or neither");
  static const auto fold = findOp<std::tuple<Tensor, Tensor, Tensor>(
      const Tensor &, const Tensor &, const Tensor &, const Tensor &, at::IntArrayRef, bool,
      int64_t, double, double, bool, double)>("aimc::open_fold");
  static const auto through =
      findOp<Tensor(const Tensor &, const Tensor &, const Tensor &, const MaybeTensor &,
                    at::IntArrayRef, int64_t, double, double, bool, int64_t)>("aimc::open_product");
  static const auto distort = findOp<std::tuple<Tensor, Tensor, Tensor>(
      const Tensor &, const Tensor &, const Tensor &, const Tensor &, const Tensor &,
      const Tensor &, at::IntArrayRef, int64_t, double, double, bool, int64_t)>(
      "aimc::open_pulses");
  static const auto clamp = findOp<Convert>("aimc::dac");
  const auto [matrix, transfer, reference] =
      fold.call(plus, minus, probability, share, blocks, transposed, tileRows, columnOhm, adcOhm,
                alternating, readVolt * tickNs);
  const Tensor references = reference;
  const auto upright = [&](const Tensor &t) { return transposed ? t.transpose(-2, -1) : t; };
  static const auto order =
      findOp<Tensor(const Tensor &, const Tensor &, at::IntArrayRef, bool, int64_t, bool)>(
          "aimc::open_places");
  const bool noisy = noiseScale > 0;
  MaybeTensor places;
  // Without wires nothing is loaded, and a session leaves columns where they are.
  const bool wired = columnOhm > 0 || adcOhm > 0;
  if (noisy && wired && key && key->sym_numel() == kReadKey)
    places = order.call(plus.detach(), minus.detach(), blocks, transposed, tileRows, alternating);
  const auto maybe = [&](const Tensor &t) {
    return noisy ? MaybeTensor(upright(t)) : MaybeTensor();
  };
  const Reading r{x,
                  upright(matrix),
                  scale,
                  gain,
                  range,
                  lsb,
                  maybe(plus),
                  maybe(minus),
                  maybe(transfer),
                  blocks,
                  gMin,
                  gMax,
                  readVolt,
                  tickNs,
                  levels,
                  dac,
                  adc,
                  adcBits,
                  passes,
                  noiseScale,
                  key,
                  noisePart,
                  std::nullopt,
                  places};
  const bool single = predistort && passes.size() <= 2 && dac != static_cast<int64_t>(DacMode::Off);
  return readWith(
      r, single, [&](const Group &g, const Tensor &ticks, const Tensor &part, const Tensor &full) {
        const auto cells = [&](const Tensor &t) {
          return cut(cut(t, 0, g.row, g.rows), 1, g.col, g.cols);
        };
        const Tensor own = cut(references.select(0, g.band), 0, g.col, g.cols);
        if (!single)
          return Driven{through.call(ticks, cells(r.matrix), own, {}, g.blocks, tileRows, columnOhm,
                                     adcOhm, alternating, levels),
                        ticks,
                        {}};
        const auto rowsOf = [&](const Tensor &t) { return t.narrow(1, g.row, g.rows); };
        const auto [pulses, factor, mean] =
            distort.call(part, full, cells(upright(pulsePlus.value_or(plus))),
                         cells(upright(pulseMinus.value_or(minus))), rowsOf(probability),
                         rowsOf(share), g.blocks, tileRows, columnOhm, adcOhm, alternating, levels);
        const Tensor soft =
            clamp.call(part, full, levels, static_cast<int64_t>(DacMode::Clamp)) / factor;
        const Tensor aimed = withGradientOf(pulses, soft);
        return Driven{through.call(aimed, cells(r.matrix), own, mean, g.blocks, tileRows, columnOhm,
                                   adcOhm, alternating, levels),
                      aimed, factor};
      });
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
                 noise ? noise->part : 0, noise ? noise->generator : std::nullopt, c.passes);
}

Tensor openRead(const Tensor &x, const Tensor &plus, const Tensor &minus,
                const RowActivities &activity, const Tensor &scale, const MaybeTensor &gain,
                const MaybeTensor &range, const MaybeTensor &lsb, const Blocks &blocks,
                bool transposed, const Circuit &c, bool predistort, double noiseScale,
                const MaybeTensor &key, int64_t part, const PulsePair &pulses) {
  static const auto op = findOp<OpenSignature>("aimc::open_read");
  return op.call(x, plus, minus, activity.probability, activity.share, scale, gain, range, lsb,
                 blocks, transposed, c.tileRows, c.columnOhm, c.adcOhm, c.alternating, c.gMinUS,
                 c.gMaxUS, c.readVolt, c.tickNs, c.levels, static_cast<int64_t>(c.dac),
                 static_cast<int64_t>(c.adc), c.adcBits, predistort, noiseScale, key, part,
                 c.passes, pulses.plus, pulses.minus);
}

Tensor throughTiles(const Tensor &x, const Tensor &plus, const Tensor &minus,
                    const std::optional<RowActivities> &activity, const Tensor &scale,
                    const MaybeTensor &gain, const MaybeTensor &range, const MaybeTensor &lsb,
                    const Blocks &blocks, bool transposed, const Circuit &c, bool predistort,
                    double noiseScale, const MaybeTensor &key, int64_t part,
                    const PulsePair &pulses) {
  if (c.open)
    return openRead(x, plus, minus, activity ? *activity : rowActivity({}, x.size(-1), c), scale,
                    gain, range, lsb, blocks, transposed, c, predistort, noiseScale, key, part,
                    pulses);
  const auto [folded, transfer] = c.plane() ? foldCrossbar(plus, minus, blocks, transposed, c)
                                            : fold(plus, minus, {}, blocks, transposed, c);
  std::optional<ReadNoiseInputs> noise;
  if (noiseScale > 0)
    noise = ReadNoiseInputs{plus, minus, transfer, noiseScale, key, part, {}};
  return read(x, folded, scale, gain, range, lsb, blocks, transposed, c, noise);
}

RowActivities rowActivity(const MaybeTensor &histogram, int64_t rows, const Circuit &c) {
  static const auto op = findOp<std::tuple<Tensor, Tensor>(
      const MaybeTensor &, int64_t, int64_t, at::IntArrayRef, int64_t)>("aimc::row_activity");
  int64_t bits = 1;
  while ((int64_t(1) << bits) - 1 < c.levels)
    ++bits;
  const auto [p, u] = op.call(histogram, rows, bits + 1, c.passes, 24);
  return {p, u};
}

} // namespace aimc::ops

TORCH_LIBRARY_IMPL(aimc, CompositeImplicitAutograd, m) {
  m.impl("read", aimc::ops::readImplicit);
  m.impl("open_read", aimc::ops::openImplicit);
}
