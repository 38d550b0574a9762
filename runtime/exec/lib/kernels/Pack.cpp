//===- Pack.cpp - blocks to panels -----------------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/exec/Kernels.h"

#include "KernelTable.h"
#include "PackOpen.h"
#include "aimc/model/Clones.h"
#include "aimc/model/Ladder.h"

#include <algorithm>
#include <cmath>

namespace aimc::exec {

namespace {

/// Charge of `n` cells of a row, ADC units per tick.
AIMC_CLONES
void chargeRow(const float *plus, const float *minus, const float *transfer, int64_t n, float volt,
               float perUnit, float *out) {
  for (int64_t j = 0; j < n; ++j)
    out[j] = model::effectiveWeight(volt, transfer[j], plus[j], minus[j]) * perUnit;
}

/// Read-noise weight and slope of `n` cells of a row, fC^2.
AIMC_CLONES
void varianceRow(const float *plus, const float *minus, const float *transfer, int64_t n,
                 float volt, float ratio0, float *weight, float *slopeSum) {
  for (int64_t j = 0; j < n; ++j) {
    weight[j] = model::readNoiseWeight(volt, transfer[j], plus[j], minus[j], ratio0);
    slopeSum[j] += model::readNoiseSlope(volt, transfer[j], plus[j], minus[j], ratio0);
  }
}

AIMC_CLONES
void maxRow(const float *x, int64_t n, float *top) {
  for (int64_t j = 0; j < n; ++j)
    top[j] = x[j] > top[j] ? x[j] : top[j];
}

AIMC_CLONES
void quantiseRow(const float *x, const float *steps, int64_t n, int16_t *out) {
  for (int64_t j = 0; j < n; ++j) // positive: adding a half and truncating rounds
    out[2 * j] = static_cast<int16_t>(static_cast<int32_t>(x[j] * steps[j] + 0.5f));
}

void packVariance(const BlockSource &s, float volt, const float *ones, PackedBlock &block) {
  const int64_t panels = block.panels(), pairs = (s.rows + 1) / 2;
  const auto columns = static_cast<size_t>(panels * kPanelCols);
  block.variance.assign(static_cast<size_t>(panels * pairs * kPanelCols * 2), 0);
  block.varianceScale.assign(columns, 0.0f);
  block.varianceSlope.assign(columns, 0.0f);
  const auto ratio0 = static_cast<float>(s.noise->ratio0);
  const double unit = s.adc.unitFc();
  AlignedVector<float> weights(static_cast<size_t>(s.rows * kPanelCols));
  for (int64_t p = 0; p < panels; ++p) {
    const int64_t n = std::min(kPanelCols, s.cols - p * kPanelCols);
    float top[kPanelCols] = {}, slope[kPanelCols] = {}, steps[kPanelCols];
    for (int64_t i = 0; i < s.rows; ++i) {
      const int64_t at = i * s.gStride + p * kPanelCols;
      const float *transfer =
          s.transfer ? s.transfer + i * s.transferStride + p * kPanelCols : ones;
      float *row = weights.data() + i * kPanelCols;
      varianceRow(s.gPlus + at, s.gMinus + at, transfer, n, volt, ratio0, row, slope);
      maxRow(row, n, top);
    }
    for (int64_t j = 0; j < n; ++j) {
      steps[j] = top[j] > 0.0f ? static_cast<float>(kWeightSteps) / top[j] : 0.0f;
      const auto column = static_cast<size_t>(p * kPanelCols + j);
      block.varianceScale[column] = static_cast<float>(top[j] / (kWeightSteps * unit * unit));
      block.varianceSlope[column] =
          static_cast<float>(slope[j] / (static_cast<double>(s.rows) * unit * unit));
    }
    int16_t *out = block.variance.data() + p * pairs * kPanelCols * 2;
    for (int64_t i = 0; i < s.rows; ++i)
      quantiseRow(weights.data() + i * kPanelCols, steps, n, out + i / 2 * kPanelCols * 2 + i % 2);
  }
}

} // namespace

PackedBlock packFolded(const BlockSource &s) {
  PackedBlock block;
  block.rows = s.rows;
  block.cols = s.cols;
  block.adc = s.adc.kind;
  block.maxCode = static_cast<float>(s.adc.maxCode());
  block.significance = static_cast<float>(s.significance);
  const int64_t panels = block.panels();
  const double unit = block.unitFc = s.adc.unitFc();
  const auto volt = static_cast<float>(s.readVolt);
  const auto perUnit = static_cast<float>(s.tickNs / unit);
  const bool real = s.adc.kind != model::AdcKind::Ideal;
  const float *gain = real ? s.adcGain : nullptr;
  float ones[kPanelCols];
  std::fill_n(ones, kPanelCols, 1.0f);

  block.charge.assign(static_cast<size_t>(panels * s.rows * kPanelCols), 0.0f);
  for (int64_t i = 0; i < s.rows; ++i)
    for (int64_t p = 0; p < panels; ++p) {
      const int64_t n = std::min(kPanelCols, s.cols - p * kPanelCols);
      const int64_t at = i * s.gStride + p * kPanelCols;
      float *out = block.charge.data() + (p * s.rows + i) * kPanelCols;
      if (s.weff)
        for (int64_t j = 0; j < n; ++j)
          out[j] = volt * s.weff[i * s.weffStride + p * kPanelCols + j] * perUnit;
      else
        chargeRow(s.gPlus + at, s.gMinus + at,
                  s.transfer ? s.transfer + i * s.transferStride + p * kPanelCols : ones, n, volt,
                  perUnit, out);
      if (gain)
        for (int64_t j = 0; j < n; ++j)
          out[j] *= gain[p * kPanelCols + j];
    }

  const auto columns = static_cast<size_t>(panels * kPanelCols);
  block.scale.assign(columns, 0.0f);
  for (int64_t j = 0; j < s.cols; ++j) {
    double scale = unit * s.significance *
                   model::digitalScale(static_cast<double>(s.columnScale[j]), s.readVolt, s.tickNs,
                                       s.range.gMinUS, s.range.gMaxUS);
    if (gain && s.adcCalibrated && gain[j] > 0.0f)
      scale /= static_cast<double>(gain[j]);
    block.scale[static_cast<size_t>(j)] = static_cast<float>(scale);
  }
  if (real && s.adcOffsetLsb) {
    block.offset.assign(columns, 0.0f);
    std::copy_n(s.adcOffsetLsb, s.cols, block.offset.begin());
    if (s.adcCalibrated) {
      block.correction.assign(columns, 0.0f);
      for (size_t j = 0; j < static_cast<size_t>(s.cols); ++j)
        block.correction[j] = -block.offset[j];
    }
  }
  if (s.vOffV != 0.0 && s.columnOutUS) {
    block.leak.assign(columns, 0.0f);
    for (size_t j = 0; j < static_cast<size_t>(s.cols); ++j)
      block.leak[j] =
          static_cast<float>(-static_cast<double>(s.columnOutUS[j]) * s.vOffV * s.tickNs / unit *
                             (gain ? static_cast<double>(gain[j]) : 1.0));
  }
  if (s.noise && s.rows > 0) {
    packVariance(s, volt, ones, block);
    const double factor = s.readNoiseScale * s.readNoiseScale;
    for (size_t j = 0; j < static_cast<size_t>(s.cols); ++j) {
      const double g = gain ? static_cast<double>(gain[j]) : 1.0;
      block.varianceScale[j] = static_cast<float>(block.varianceScale[j] * (factor * g * g));
      block.varianceSlope[j] = static_cast<float>(block.varianceSlope[j] * (factor * g * g));
    }
  }
  return block;
}

PackedBlock packBlock(const BlockSource &source) {
  return source.open ? packOpenBlock(source) : packFolded(source);
}

PackedBlock packWeights(const model::WeightView &w) {
  PackedBlock block;
  block.rows = w.rows;
  block.cols = w.cols;
  const int64_t panels = block.panels();
  block.charge.assign(static_cast<size_t>(panels * w.rows * kPanelCols), 0.0f);
  for (int64_t p = 0; p < panels; ++p) {
    const int64_t n = std::min(kPanelCols, w.cols - p * kPanelCols);
    for (int64_t i = 0; i < w.rows; ++i) {
      const float *row = w.data + i * w.rowStride + p * kPanelCols * w.colStride;
      float *out = block.charge.data() + (p * w.rows + i) * kPanelCols;
      for (int64_t j = 0; j < n; ++j)
        out[j] = row[j * w.colStride];
    }
  }
  return block;
}

} // namespace aimc::exec
