//===- TileLinear.cpp - a linear layer through its tiles, on the CPU -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "TileLinear.h"
#include "Loops.h"

#include "aimc/model/Adc.h"
#include "aimc/model/Clones.h"
#include "aimc/model/Converter.h"
#include "aimc/model/Programming.h"

#include <algorithm>
#include <atomic>
#include <cmath>

namespace aimc::ops {

namespace {

using at::Tensor;

/// Vectors whose charges or masked gradients are held at a time. A product packs the weight once
/// per chunk, so few large ones cost less than many that fit the cache.
constexpr int64_t kChunk = 1024;

template <class S> S largest(const S *x, int64_t count) {
  S top[8] = {};
  for (int64_t i = 0; i + 8 <= count; i += 8)
    for (int64_t l = 0; l < 8; ++l)
      top[l] = std::abs(x[i + l]) > top[l] ? std::abs(x[i + l]) : top[l];
  for (int64_t i = count / 8 * 8; i < count; ++i)
    top[0] = std::max(top[0], std::abs(x[i]));
  return *std::max_element(top, top + 8);
}

/// What arrives at the array, in units of the input.
AIMC_CLONES
void roundInputs(const float *x, int64_t count, float inverse, int32_t levels, float step,
                 float *out) {
  for (int64_t i = 0; i < count; ++i)
    out[i] = step * (model::quantise(x[i], inverse, levels) + nanUnlessFinite(x[i]));
}
AIMC_CLONES
void roundInputs(const double *x, int64_t count, float inverse, int32_t levels, double step,
                 double *out) {
  for (int64_t i = 0; i < count; ++i)
    out[i] =
        step * (static_cast<double>(model::quantise(static_cast<float>(x[i]), inverse, levels)) +
                nanUnlessFinite(x[i]));
}

/// Inputs behind the DAC [vectors, K] and the input that one tick stands for [bands, vectors].
struct Converted {
  Tensor x, step;
};

Converted convert(const TileInputs &in, const TileParams &p) {
  const int64_t vectors = in.x.size(0), bands = static_cast<int64_t>(in.list.bands.size());
  Converted out{at::empty_like(in.x), at::empty({bands, vectors}, in.x.options())};
  const auto levels = static_cast<int32_t>(p.levels);
  AT_DISPATCH_FLOATING_TYPES(in.x.scalar_type(), "tile_linear", [&] {
    const scalar_t *x = in.x.const_data_ptr<scalar_t>();
    const scalar_t *range = in.range.defined() ? in.range.const_data_ptr<scalar_t>() : nullptr;
    scalar_t *to = out.x.mutable_data_ptr<scalar_t>(),
             *step = out.step.mutable_data_ptr<scalar_t>();
    at::parallel_for(0, vectors, 16, [&](int64_t begin, int64_t end) {
      for (int64_t v = begin; v < end; ++v)
        for (int64_t b = 0; b < bands; ++b) {
          const Band &band = in.list.bands[static_cast<size_t>(b)];
          const scalar_t *row = x + v * in.k + band.row;
          scalar_t *target = to + v * in.k + band.row;
          const scalar_t full = range ? range[b] : largest(row, band.rows);
          const float inverse = model::ticksPerUnit(static_cast<float>(full), levels);
          const scalar_t unit = full > 0 ? full / static_cast<scalar_t>(levels) : 0;
          step[b * vectors + v] = unit;
          if (p.dac == DacMode::Round)
            roundInputs(row, band.rows, inverse, levels, unit, target);
          else if (p.dac == DacMode::Clamp)
            for (int64_t i = 0; i < band.rows; ++i)
              target[i] = (row[i] > full    ? full
                           : row[i] < -full ? -full
                                            : row[i]) +
                          nanUnlessFinite(row[i]);
          else
            for (int64_t i = 0; i < band.rows; ++i)
              target[i] = row[i] + nanUnlessFinite(row[i]);
        }
    });
  });
  return out;
}

/// Turns one vector's charges `q` into what the ADCs make of them: `y` += codes, or, `first`, y =
/// codes, where q and y may be one. `lsb` [columns] in units of y per unit step. Returns how many
/// saturate, before anything is written.
template <model::AdcKind kKind, bool kRound, class S>
inline int64_t countSaturated(const S *q, const S *inverse, S inverseStep, S bound,
                              int64_t columns) {
  int32_t saturated = 0;
  for (int64_t j = 0; j < columns; ++j)
    saturated += std::abs(q[j] * inverseStep * inverse[j]) >= bound ? 1 : 0;
  return saturated;
}
template <model::AdcKind kKind, bool kRound, bool kFirst, class S>
inline void readRow(const S *q, const S *lsb, const S *inverse, S step, S inverseStep, S limit,
                    int64_t columns, S *y) {
#pragma GCC ivdep
  for (int64_t j = 0; j < columns; ++j) {
    const S value = q[j] * inverseStep * inverse[j];
    const S raw = !kRound ? value : model::adcCode(value, kKind, limit);
    const S code = raw > limit ? limit : (raw < -limit ? -limit : raw);
    const S out = code * (lsb[j] * step);
    y[j] = kFirst ? out : y[j] + out;
  }
}
using model::AdcKind;
#define AIMC_READ_ROW(NAME, KIND, ROUND, S)                                                        \
  AIMC_CLONES int64_t NAME(const S *q, const S *inverse, S inverseStep, S bound,                   \
                           int64_t columns) {                                                      \
    return countSaturated<KIND, ROUND, S>(q, inverse, inverseStep, bound, columns);                \
  }                                                                                                \
  AIMC_CLONES void NAME(const S *q, const S *lsb, const S *inverse, S step, S inverseStep,         \
                        S limit, int64_t columns, bool first, S *y) {                              \
    if (first)                                                                                     \
      readRow<KIND, ROUND, true, S>(q, lsb, inverse, step, inverseStep, limit, columns, y);        \
    else                                                                                           \
      readRow<KIND, ROUND, false, S>(q, lsb, inverse, step, inverseStep, limit, columns, y);       \
  }
AIMC_READ_ROW(readLinear, AdcKind::Linear, true, float)
AIMC_READ_ROW(readLinear, AdcKind::Linear, true, double)
AIMC_READ_ROW(readCco, AdcKind::Cco, true, float)
AIMC_READ_ROW(readCco, AdcKind::Cco, true, double)
AIMC_READ_ROW(readClamp, AdcKind::Linear, false, float)
AIMC_READ_ROW(readClamp, AdcKind::Linear, false, double)
#undef AIMC_READ_ROW

/// The converter's side of a band: LSB of every column in units of y and its inverse.
struct BandAdc {
  Tensor lsb, inverse; ///< [bands, N]
  Tensor power;        ///< magnification of the LSB that `inverse` is of; undefined: 1
  double limit;
  /// The least code before rounding that saturates.
  template <class S> S bound(AdcMode mode) const {
    const S top = static_cast<S>(limit);
    return mode == AdcMode::Linear ? top + S(0.5)
           : mode == AdcMode::Cco  ? top + S(1)
                                   : std::nextafter(top, 2 * top);
  }
};

BandAdc bandAdc(const TileInputs &in, const TileParams &p) {
  const model::Adc adc{AdcKind::Linear, static_cast<int>(p.adcBits), 1.0};
  // A charge of 1 fC stands for digitalScale(s) per unit step.
  Tensor unit = in.scale * model::digitalScale(1.0, p.readVolt, p.tickNs, p.gMin, p.gMax);
  if (in.gain.defined())
    unit = unit * in.gain;
  const Tensor lsb = (perColumn(in.lsb, in) * unit).contiguous();
  Tensor power = magnification(lsb), full = lsb;
  if (power.gt(1).any().item<bool>())
    full = lsb * power;
  else
    power = Tensor();
  return {lsb, at::where(full > 0, full.reciprocal(), at::zeros({}, lsb.options())).contiguous(),
          power, adc.maxCode()};
}

/// [K, N] view of a tensor in the weight's layout.
Tensor upright(const Tensor &tensor, const TileParams &p) {
  return p.transposed ? tensor.t() : tensor;
}

/// What charges are products with, in the weight's layout: as large as LSBs have to be.
Tensor magnified(const Tensor &folded, const BandAdc &adc, const TileInputs &in,
                 const TileParams &p) {
  if (!adc.power.defined())
    return folded;
  std::vector<Tensor> rows;
  for (size_t b = 0; b < in.list.bands.size(); ++b)
    rows.push_back(
        adc.power.narrow(0, static_cast<int64_t>(b), 1).expand({in.list.bands[b].rows, in.n}));
  return folded * upright(at::cat(rows, 0), p);
}

/// One chunk of vectors of one band: calls f(first vector, vectors, band, charges in units of y).
/// `first` [vectors, N], where defined, takes the charges of band 0.
template <class F>
void eachChunk(const TileInputs &in, const TileParams &p, const Tensor &x, const Tensor &folded,
               const Tensor &first, const F &f) {
  const int64_t vectors = x.size(0);
  Tensor buffer;
  const Tensor matrix = upright(folded, p);
  for (int64_t v = 0; v < vectors; v += kChunk) {
    const int64_t count = std::min(kChunk, vectors - v);
    for (size_t b = 0; b < in.list.bands.size(); ++b) {
      const Band &band = in.list.bands[b];
      const bool direct = b == 0 && first.defined();
      if (!direct && !buffer.defined())
        buffer = at::empty({count, in.n}, x.options());
      Tensor q = direct ? first.narrow(0, v, count) : buffer.narrow(0, 0, count);
      at::mm_out(q, x.narrow(0, v, count).narrow(1, band.row, band.rows),
                 matrix.narrow(0, band.row, band.rows));
      f(v, count, static_cast<int64_t>(b), q);
    }
  }
}

TileOutputs forwardCpu(const TileInputs &in, const TileParams &p) {
  const int64_t vectors = in.x.size(0), bytes = maskBytes(in.n),
                bands = static_cast<int64_t>(in.list.bands.size());
  Tensor folded = at::empty(in.weight.sizes(), in.weight.options());
  foldWeight(in, p, folded);
  const Converted converted = convert(in, p);
  if (p.adc == AdcMode::Ideal)
    return {at::mm(converted.x, upright(folded, p)),
            at::empty({0}, in.x.options().dtype(at::kByte)), folded};
  Tensor y = at::empty({vectors, in.n}, in.x.options());
  Tensor mask = at::zeros({bands, vectors, bytes}, in.x.options().dtype(at::kByte));
  const BandAdc adc = bandAdc(in, p);
  AT_DISPATCH_FLOATING_TYPES(in.x.scalar_type(), "tile_linear", [&] {
    const auto limit = static_cast<scalar_t>(adc.limit), bound = adc.bound<scalar_t>(p.adc);
    eachChunk(
        in, p, converted.x, magnified(folded, adc, in, p), y,
        [&](int64_t v0, int64_t count, int64_t b, const Tensor &q) {
          const scalar_t *charge = q.const_data_ptr<scalar_t>(),
                         *lsb = adc.lsb.const_data_ptr<scalar_t>() + b * in.n,
                         *inverse = adc.inverse.const_data_ptr<scalar_t>() + b * in.n,
                         *steps = converted.step.const_data_ptr<scalar_t>() + b * vectors + v0;
          scalar_t *out = y.mutable_data_ptr<scalar_t>() + v0 * in.n;
          uint8_t *bits = mask.mutable_data_ptr<uint8_t>() + (b * vectors + v0) * bytes;
          at::parallel_for(0, count, 4, [&](int64_t begin, int64_t end) {
            for (int64_t v = begin; v < end; ++v) {
              const scalar_t *row = charge + v * in.n, step = steps[v];
              const scalar_t inverseStep = step > 0 ? 1 / step : 0;
              const auto with = [&](auto read) {
                if (read(row, inverse, inverseStep, bound, in.n) > 0)
                  for (int64_t j = 0; j < in.n; ++j)
                    if (std::abs(row[j] * inverseStep * inverse[j]) >= bound)
                      bits[v * bytes + j / 8] |= static_cast<uint8_t>(1u << (j % 8));
                read(row, lsb, inverse, step, inverseStep, limit, in.n, b == 0, out + v * in.n);
              };
              if (p.adc == AdcMode::Linear)
                with([](auto... a) { return readLinear(a...); });
              else if (p.adc == AdcMode::Cco)
                with([](auto... a) { return readCco(a...); });
              else
                with([](auto... a) { return readClamp(a...); });
            }
          });
        });
  });
  return {y, mask, folded};
}

/// Whether any output of a band saturated.
bool anySaturated(const Tensor &mask) {
  if (mask.numel() == 0)
    return false;
  const uint8_t *bits = mask.const_data_ptr<uint8_t>();
  std::atomic<bool> any{false};
  at::parallel_for(0, mask.numel(), 1 << 16, [&](int64_t begin, int64_t end) {
    if (std::any_of(bits + begin, bits + end, [](uint8_t b) { return b != 0; }))
      any = true;
  });
  return any;
}

/// Gradients `grad` [count, N] of vectors v0.. with those of saturated outputs of band b set to 0.
template <class S>
void masked(const Tensor &grad, const Tensor &mask, int64_t b, int64_t v0, int64_t count,
            Tensor &out) {
  const int64_t n = grad.size(1), bytes = mask.size(2);
  const S *from = grad.const_data_ptr<S>() + v0 * n;
  const uint8_t *bits = mask.const_data_ptr<uint8_t>() + (b * mask.size(1) + v0) * bytes;
  S *to = out.mutable_data_ptr<S>();
  at::parallel_for(0, count, 8, [&](int64_t begin, int64_t end) {
    for (int64_t v = begin; v < end; ++v) {
      std::copy_n(from + v * n, n, to + v * n);
      for (int64_t k = 0; k < bytes; ++k)
        for (int64_t j = 8 * k; bits[v * bytes + k] && j < std::min(n, 8 * k + 8); ++j)
          if (bits[v * bytes + k] >> (j % 8) & 1)
            to[v * n + j] = 0;
    }
  });
}

/// dL/drange [bands] and, in place, dL/dx from the gradient behind the DAC.
template <class S>
void throughDac(const TileInputs &in, const TileParams &p, const Tensor &converted, Tensor &bar,
                Tensor &rangeBar) {
  if (p.dac == DacMode::Off || !in.range.defined())
    return;
  const int64_t vectors = in.x.size(0), bands = static_cast<int64_t>(in.list.bands.size());
  const S *x = in.x.const_data_ptr<S>(), *c = converted.const_data_ptr<S>(),
          *range = in.range.const_data_ptr<S>();
  S *g = bar.mutable_data_ptr<S>();
  const int64_t chunks = (vectors + 63) / 64;
  std::vector<double> sums(static_cast<size_t>(chunks * bands), 0.0);
  at::parallel_for(0, chunks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t chunk = begin; chunk < end; ++chunk)
      for (int64_t v = chunk * 64; v < std::min(vectors, chunk * 64 + 64); ++v)
        for (int64_t b = 0; b < bands; ++b) {
          const Band &band = in.list.bands[static_cast<size_t>(b)];
          const int64_t at = v * in.k + band.row;
          const S full = range[b];
          S sum = 0;
          for (int64_t i = at; i < at + band.rows; ++i) {
            const bool inside = std::abs(x[i]) <= full;
            sum += g[i] * (c[i] - (inside ? x[i] : S(0)));
            g[i] = inside ? g[i] : S(0);
          }
          if (full > 0)
            sums[static_cast<size_t>(chunk * bands + b)] += static_cast<double>(sum / full);
        }
  });
  if (!rangeBar.defined())
    return;
  for (int64_t b = 0; b < bands; ++b) {
    double sum = 0.0;
    for (int64_t chunk = 0; chunk < chunks; ++chunk)
      sum += sums[static_cast<size_t>(chunk * bands + b)];
    rangeBar.mutable_data_ptr<S>()[b] = static_cast<S>(sum);
  }
}

/// What the size of an LSB gets, codes held: dL/dlsb [bands, N] in units of y, and dL/drange
/// [bands], because a tick's worth scales the LSB. The charges are made once more.
struct AdcGradients {
  Tensor lsb, range;
};
AdcGradients throughAdc(const Tensor &grad, const TileInputs &in, const TileParams &p,
                        const Converted &converted, const Tensor &folded) {
  const BandAdc adc = bandAdc(in, p);
  Tensor sums = at::zeros_like(adc.lsb);
  Tensor ranges = at::zeros({static_cast<int64_t>(in.list.bands.size())}, grad.options());
  eachChunk(in, p, converted.x, magnified(folded, adc, in, p), {},
            [&](int64_t v0, int64_t count, int64_t b, const Tensor &q) {
              const Tensor step = converted.step.select(0, b).narrow(0, v0, count).unsqueeze(1);
              const Tensor value =
                  at::nan_to_num(q / step, 0.0, 0.0, 0.0) * adc.inverse.select(0, b);
              const Tensor raw = p.adc == AdcMode::Linear ? value.round()
                                 : p.adc == AdcMode::Cco  ? value.trunc()
                                                          : value;
              const Tensor within = raw.abs() <= adc.limit;
              const Tensor slope = raw.clamp(-adc.limit, adc.limit) - value * within;
              const Tensor part = grad.narrow(0, v0, count) * slope;
              sums.select(0, b).add_((part * step).sum(0));
              ranges.select(0, b).add_((part * adc.lsb.select(0, b)).sum(),
                                       1.0 / static_cast<double>(p.levels));
            });
  return {sums, ranges};
}

TileGradients backwardCpu(const Tensor &gradGiven, const TileInputs &in, const TileParams &p,
                          const Tensor &maskGiven, const Tensor &foldedGiven,
                          const Wanted &wanted) {
  const Tensor mask = maskGiven.contiguous(), folded = foldedGiven.contiguous();
  const Tensor grad = gradGiven.reshape({-1, in.n}).contiguous();
  const int64_t vectors = grad.size(0);
  TileGradients out;
  Converted converted;
  if (wanted.folded() || wanted.range || wanted.lsb)
    converted = convert(in, p);
  const bool toX = wanted.x || wanted.range;
  if (toX)
    out.x = at::empty_like(in.x);
  AdcGradients adcBar;
  if (p.adc != AdcMode::Ideal && (wanted.lsb || wanted.range || wanted.scale || wanted.gain))
    adcBar = throughAdc(grad, in, p, converted, folded);
  const Tensor &lsbBar = adcBar.lsb;
  if (wanted.lsb)
    out.lsb = at::zeros_like(in.lsb);
  const bool saturated = anySaturated(mask);
  if (!saturated) {
    if (toX)
      at::mm_out(out.x, grad, upright(folded, p).t());
    if (wanted.folded())
      out.weight = p.transposed ? at::mm(grad.t(), converted.x) : at::mm(converted.x.t(), grad);
  } else {
    if (wanted.folded())
      out.weight = at::zeros(in.weight.sizes(), in.weight.options());
    Tensor buffer = at::empty({std::min(kChunk, vectors), in.n}, grad.options());
    for (int64_t v = 0; v < vectors; v += kChunk) {
      const int64_t count = std::min(kChunk, vectors - v);
      Tensor g = buffer.narrow(0, 0, count);
      for (size_t b = 0; b < in.list.bands.size(); ++b) {
        const Band &band = in.list.bands[b];
        AT_DISPATCH_FLOATING_TYPES(grad.scalar_type(), "tile_linear_backward", [&] {
          masked<scalar_t>(grad, mask, static_cast<int64_t>(b), v, count, g);
        });
        if (toX) {
          Tensor part = out.x.narrow(0, v, count).narrow(1, band.row, band.rows);
          at::mm_out(part, g, upright(folded, p).narrow(0, band.row, band.rows).t());
        }
        if (wanted.folded()) {
          const Tensor inputs = converted.x.narrow(0, v, count).narrow(1, band.row, band.rows);
          if (p.transposed)
            out.weight.narrow(1, band.row, band.rows).addmm_(g.t(), inputs);
          else
            out.weight.narrow(0, band.row, band.rows).addmm_(inputs.t(), g);
        }
      }
    }
  }
  if (wanted.range)
    out.range = at::zeros_like(in.range);
  if (toX)
    AT_DISPATCH_FLOATING_TYPES(in.x.scalar_type(), "tile_linear_backward", [&] {
      if (p.dac != DacMode::Off && in.range.defined() && !converted.x.defined())
        converted = convert(in, p);
      throughDac<scalar_t>(in, p, converted.x, out.x, out.range);
    });
  if (wanted.range && adcBar.range.defined())
    out.range.add_(adcBar.range);
  if (wanted.folded()) {
    if (wanted.scale)
      out.scale = at::zeros_like(in.scale);
    if (wanted.gain)
      out.gain = at::zeros_like(in.gain);
    foldWeightAdjoint(in, p, out.weight, out.scale, out.gain);
  }
  // An LSB in units of y is lsb digital scale gain: each of the three has its share.
  if (lsbBar.defined()) {
    const double unit = model::digitalScale(1.0, p.readVolt, p.tickNs, p.gMin, p.gMax);
    const Tensor gain = in.gain.defined() ? in.gain : at::ones_like(in.scale);
    const Tensor lsb = perColumn(in.lsb, in);
    if (wanted.scale)
      out.scale.add_(lsbBar * lsb * gain * unit);
    if (wanted.gain)
      out.gain.add_(lsbBar * lsb * in.scale * unit);
    if (wanted.lsb) {
      const Tensor perOutput = lsbBar * in.scale * gain * unit;
      for (const Block &b : in.list.blocks)
        out.lsb.select(0, b.index).add_(perOutput.select(0, b.band).narrow(0, b.col, b.cols).sum());
    }
  }
  return out;
}

} // namespace

TileOutputs tileForwardCpu(const TileInputs &in, const TileParams &p) { return forwardCpu(in, p); }
TileGradients tileBackwardCpu(const Tensor &grad, const TileInputs &in, const TileParams &p,
                              const Tensor &maskGiven, const Tensor &foldedGiven,
                              const Wanted &wanted) {
  const Tensor mask = maskGiven.contiguous(), folded = foldedGiven.contiguous();
  return backwardCpu(grad, in, p, mask, folded, wanted);
}

} // namespace aimc::ops
