//===- PackImpl.h - inputs to pulses ---------------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Converts rows of inputs to ticks, in the layout that the register blocks read, and finds the
// rows' read-noise powers on the way. A row's powers are stored as integers relative to the power
// of its longest pulse. Included after one of the Lanes headers.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "ArriveImpl.h"
#include "KernelTable.h"

namespace {

using aimc::exec::kPowerSteps;
using aimc::exec::RawDac;
using aimc::exec::RawNoise;

/// What one row's inputs need: their largest magnitude, and whether all are finite.
struct RowExtent {
  float top;
  bool finite;
};

inline RowExtent extent(const float *x, int64_t n) {
  F16 top = set1(0.0f), zero = set1(0.0f);
  for (int64_t k = 0; k < n; k += 16) {
    const F16 v = n - k < 16 ? loadPart(x + k, static_cast<int>(n - k)) : load(x + k);
    top = max(abs(v), top);
    zero = add(zero, mul(v, set1(0.0f))); // NaN as soon as one input is not finite
  }
  alignas(64) float tops[16], zeros[16];
  store(tops, top);
  store(zeros, zero);
  RowExtent result = {0.0f, true};
  for (int i = 0; i < 16; ++i) {
    result.top = tops[i] > result.top ? tops[i] : result.top;
    result.finite &= zeros[i] == zeros[i];
  }
  return result;
}

/// The noise table of a converter of up to 8 bits, one array per field.
struct SmallTable {
  alignas(64) float power[128], delta[128];
};

/// Powers of sixteen pulses of whole or (without a DAC) any length.
inline void powersOf(const RawNoise &noise, const SmallTable *small, bool whole, F16 magnitude,
                     F16 &power, F16 &delta) {
  if (whole) {
    const I16 index = toInt(magnitude);
    if (small) {
      power = lookup128(small->power, index);
      delta = lookup128(small->delta, index);
      return;
    }
    power = gatherPairs(noise.rows, index);
    delta = gatherPairs(noise.rows + 1, index);
    return;
  }
  alignas(64) float t[16], p[16], d[16];
  store(t, magnitude);
  for (int i = 0; i < 16; ++i)
    aimc::exec::fractionalPower(static_cast<double>(t[i]), noise.tickNs, noise.ratio0, p + i,
                                d + i);
  power = load(p);
  delta = load(d);
}

/// sign(k) ((|k| >> shift) & (2^bits - 1)), exact in single precision.
inline F16 passTicks(F16 code, int32_t shift, int32_t bits) {
  const auto power = [](int32_t e) { return __builtin_ldexpf(1.0f, e); };
  const F16 above = trunc(mul(abs(code), set1(power(-shift))));
  const F16 high = mul(trunc(mul(above, set1(power(-bits)))), set1(power(bits)));
  const I16 sign = andi(asInt(code), seti(static_cast<int32_t>(0x80000000u)));
  return asFloat(xori(asInt(sub(above, high)), sign));
}

/// Ticks that arrive as if `x` times `inverse` had come through no wire: a fixed point of a few
/// sweeps, in place of rounding. `ticks` is [chunks][16] at `stride`. Where a pulse would have to
/// outlast the converter all of the vector's are shortened alike; returns by what, at least 1.
float predistortRow(const RawDac &dac, const float *x, int64_t inputs, float inverse, float *ticks,
                    int64_t stride) {
  const auto levels = static_cast<float>(dac.levels);
  const F16 top = set1(levels), zero = set1(0.0f);
  float arrivedTicks[kMaxRows], wanted[kMaxRows], exact[kMaxRows];
  const F16 scale = set1(inverse);
  const int64_t chunks = (inputs + 15) / 16;
  float factor = 1.0f;
  // From the lengths that `exact` asks for, in units of 1 / factor, to whole ticks.
  const auto round = [&](F16 most) {
    const float needed = largest(most) / levels;
    factor = needed > 1.0f ? needed : 1.0f;
    const F16 shorten = set1(factor);
    for (int64_t c = 0; c < chunks; ++c)
      store(ticks + c * stride, rint(max(min(div(load(exact + c * 16), shorten), top), zero)));
  };
  F16 most = zero;
  for (int64_t c = 0; c < chunks; ++c) {
    const int64_t n = inputs - c * 16;
    const F16 v = n < 16 ? loadPart(x + c * 16, static_cast<int>(n)) : load(x + c * 16);
    const F16 want = min(abs(mul(v, scale)), top);
    store(wanted + c * 16, want);
    store(exact + c * 16, want);
    most = max(most, want);
  }
  round(most);
  float got[kMaxRows];
  for (int sweep = 0; sweep < dac.sweeps; ++sweep) {
    int sides = 0;
    for (int side = 0; side < 2; ++side) {
      if (!dac.predistort[side])
        continue;
      float leak;
      arriveRow(dac.predistort[side], 1, ticks, stride, arrivedTicks, 0, 16, &leak, 0, dac.levels);
      for (int64_t c = 0; c < chunks; ++c) {
        const int64_t n = inputs - c * 16;
        const float *means = dac.referenceMean[side] + c * 16;
        const F16 mean = n < 16 ? loadPart(means, static_cast<int>(n)) : load(means);
        const F16 part = div(load(arrivedTicks + c * 16), max(mean, set1(1e-30f)));
        store(got + c * 16, sides == 0 ? part : add(load(got + c * 16), part));
      }
      ++sides;
    }
    const F16 each = set1(static_cast<float>(sides));
    most = zero;
    for (int64_t c = 0; c < chunks; ++c) {
      const F16 g = load(got + c * 16), want = load(wanted + c * 16);
      // No pulse, nothing to learn: the wanted length stays.
      const F16 ratio = div(mul(load(ticks + c * stride), each), max(g, set1(1e-30f)));
      alignas(64) float through[16], gain[16];
      store(through, g);
      store(gain, ratio);
      for (int i = 0; i < 16; ++i)
        gain[i] = through[i] > 0.0f ? gain[i] : 1.0f;
      const F16 length = mul(want, load(gain));
      store(exact + c * 16, length);
      most = max(most, length);
    }
    round(most);
  }
  for (int64_t c = 0; c < chunks; ++c) {
    const int64_t n = inputs - c * 16;
    const F16 v = n < 16 ? loadPart(x + c * 16, static_cast<int>(n)) : load(x + c * 16);
    const I16 sign = andi(asInt(v), seti(static_cast<int32_t>(0x80000000u)));
    store(ticks + c * stride, asFloat(xori(asInt(load(ticks + c * stride)), sign)));
  }
  return factor;
}

int64_t packRow(const RawInput &out, const float *x, int64_t row, int64_t offset, int64_t stride,
                const RawDac &dac, const RawNoise *noise, const SmallTable *small) {
  const int64_t inputs = out.inputs;
  const RowExtent found = extent(x, inputs);
  const auto levels = static_cast<float>(dac.levels);
  const float range = dac.range > 0.0f ? dac.range : found.top;
  float inverse = range > 0.0f ? levels / range : 0.0f;
  if (!(inverse <= __FLT_MAX__) || !found.finite)
    inverse = 0.0f;
  const bool distort = dac.quantise && (dac.predistort[0] || dac.predistort[1]);
  const bool part = dac.quantise && dac.bits > 0;
  float rowScale = found.finite ? range / levels : __builtin_nanf("");
  if (distort && found.finite)
    rowScale *= predistortRow(dac, x, inputs, inverse, out.ticks + offset, stride);
  if (part)
    rowScale *= static_cast<float>(1 << dac.shift);
  out.rowScale[row] = rowScale;

  float steps = 0.0f;
  if (noise) {
    F16 power, delta;
    F16 longest = mul(set1(found.finite ? found.top : 0.0f), set1(inverse));
    if (dac.quantise)
      longest = min(rint(longest), set1(levels));
    if (distort || part)
      longest = set1(part ? static_cast<float>((1 << dac.bits) - 1) : levels);
    powersOf(*noise, small, dac.quantise, longest, power, delta);
    alignas(64) float most[16];
    store(most, power);
    steps = most[0] > 0.0f ? static_cast<float>(kPowerSteps) / most[0] : 0.0f;
    out.powerScale[row] = most[0] / static_cast<float>(kPowerSteps);
  }

  int64_t clipped = 0;
  F16 deltaSum = set1(0.0f);
  const F16 scale = set1(inverse), top = set1(levels), bottom = set1(-levels);
  for (int64_t k = 0; k < inputs; k += 16) {
    F16 v = set1(0.0f);
    if (found.finite)
      v = inputs - k < 16 ? loadPart(x + k, static_cast<int>(inputs - k)) : load(x + k);
    F16 ticks = mul(v, scale);
    if (dac.quantise) {
      ticks = rint(ticks);
      if (dac.range > 0.0f)
        clipped += countGreater(abs(ticks), top);
      ticks = max(min(ticks, top), bottom);
      if (distort && found.finite)
        ticks = load(out.ticks + offset + k / 16 * stride);
      if (part)
        ticks = passTicks(ticks, dac.shift, dac.bits);
    }
    store(out.ticks + offset + k / 16 * stride, ticks);
    if (noise) {
      F16 power, delta;
      powersOf(*noise, small, dac.quantise, abs(ticks), power, delta);
      deltaSum = add(deltaSum, delta);
      // Two chunks of ticks share one chunk of powers.
      storeInt16(out.power + 2 * offset + k / 32 * 2 * stride + k % 32,
                 toInt(rint(mul(power, set1(steps)))));
    }
  }
  if (noise) {
    if ((inputs + 15) / 16 % 2 == 1)
      storeInt16(out.power + 2 * offset + inputs / 32 * 2 * stride + 16, seti(0));
    alignas(64) float sums[16];
    store(sums, deltaSum);
    for (int width = 8; width > 0; width /= 2)
      for (int i = 0; i < width; ++i)
        sums[i] += sums[i + width];
    out.powerDelta[row] = sums[0];
  }
  return clipped;
}

int64_t packInput(const RawInput &out, const float *x, int64_t ldx, const RawDac &dac,
                  const RawNoise *noise) {
  SmallTable table;
  const int32_t longest = dac.bits > 0 ? (int32_t(1) << dac.bits) - 1 : dac.levels;
  const SmallTable *small = noise && longest < 128 ? &table : nullptr;
  if (small)
    for (int k = 0; k < 128; ++k) {
      table.power[k] = k <= longest ? noise->rows[2 * k] : 0.0f;
      table.delta[k] = k <= longest ? noise->rows[2 * k + 1] : 0.0f;
    }
  int64_t clipped = 0;
  forGroups(out.rows, [&](int64_t row0, int64_t rows) {
    const int64_t base = row0 * paddedInputs(out.inputs);
    for (int64_t r = 0; r < rows; ++r) {
      RawInput group = out;
      group.ticks += base;
      group.power += base;
      clipped +=
          packRow(group, x + (row0 + r) * ldx, row0 + r, r * 16, rows * 16, dac, noise, small);
    }
  });
  return clipped;
}

void packPlain(const RawInput &out, const float *x, int64_t ldx) {
  forGroups(out.rows, [&](int64_t row0, int64_t rows) {
    for (int64_t r = 0; r < rows; ++r) {
      const float *source = x + (row0 + r) * ldx;
      float *target = out.ticks + row0 * paddedInputs(out.inputs) + r * 16;
      for (int64_t k = 0; k < out.inputs; k += 16)
        store(target + k * rows, out.inputs - k < 16
                                     ? loadPart(source + k, static_cast<int>(out.inputs - k))
                                     : load(source + k));
    }
  });
}

} // namespace
