//===- Programming.cpp - from weights to programmed conductances -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/model/Programming.h"

#include "aimc/model/Clones.h"

#include <algorithm>
#include <cmath>

namespace aimc::model {

namespace {

constexpr int64_t kStrip = 64;

/// Copies n <= kStrip neighbours of a row, whatever the stride.
void gather(const float *source, int64_t stride, int64_t n, float *strip) {
  if (stride == 1)
    std::copy_n(source, n, strip);
  else
    for (int64_t j = 0; j < n; ++j)
      strip[j] = source[j * stride];
}

AIMC_CLONES
void maxMagnitude(const float *w, int64_t n, float *top) {
  for (int64_t j = 0; j < n; ++j) {
    const float a = w[j] < 0.0f ? -w[j] : w[j];
    top[j] = a > top[j] ? a : top[j];
  }
}

AIMC_CLONES
void targetRow(const float *w, const float *scale, int64_t n, float gMin, float gMax, float *plus,
               float *minus) {
  for (int64_t j = 0; j < n; ++j) {
    const auto pair = targetPair(w[j], scale[j], gMin, gMax);
    plus[j] = pair.plus;
    minus[j] = pair.minus;
  }
}

AIMC_CLONES
void pairRow(const float *w, const float *scale, int64_t n, PairShare share, float gMin, float gMax,
             float *plus, float *minus) {
  for (int64_t j = 0; j < n; ++j) {
    const auto pair = targetPairOf(scale[j] > 0.0f ? w[j] / scale[j] : 0.0f, share, gMin, gMax);
    plus[j] = pair.plus;
    minus[j] = pair.minus;
  }
}

AIMC_CLONES
void programRow(float *g, const float *xi, int64_t n, float gMax) {
  for (int64_t j = 0; j < n; ++j)
    g[j] = pcmProgrammed(g[j], gMax, xi[j]);
}

} // namespace

void columnScales(const WeightView &w, float *scale) {
  std::fill_n(scale, w.cols, 0.0f);
  float strip[kStrip];
  for (int64_t j = 0; j < w.cols; j += kStrip) {
    const int64_t n = std::min(kStrip, w.cols - j);
    for (int64_t i = 0; i < w.rows; ++i) {
      gather(w.data + i * w.rowStride + j * w.colStride, w.colStride, n, strip);
      maxMagnitude(strip, n, scale + j);
    }
  }
}

void targetBlock(const WeightView &w, const float *scale, DeviceRange range, float *gPlus,
                 float *gMinus, int64_t stride) {
  const auto gMin = static_cast<float>(range.gMinUS), gMax = static_cast<float>(range.gMaxUS);
  float strip[kStrip];
  for (int64_t j = 0; j < w.cols; j += kStrip) {
    const int64_t n = std::min(kStrip, w.cols - j);
    for (int64_t i = 0; i < w.rows; ++i) {
      gather(w.data + i * w.rowStride + j * w.colStride, w.colStride, n, strip);
      targetRow(strip, scale + j, n, gMin, gMax, gPlus + i * stride + j, gMinus + i * stride + j);
    }
  }
}

void targetBlockOfPair(const WeightView &w, const float *scale, DeviceRange range, PairShare pair,
                       float *gPlus, float *gMinus, int64_t stride) {
  const auto gMin = static_cast<float>(range.gMinUS), gMax = static_cast<float>(range.gMaxUS);
  float strip[kStrip];
  for (int64_t j = 0; j < w.cols; j += kStrip) {
    const int64_t n = std::min(kStrip, w.cols - j);
    for (int64_t i = 0; i < w.rows; ++i) {
      gather(w.data + i * w.rowStride + j * w.colStride, w.colStride, n, strip);
      pairRow(strip, scale + j, n, pair, gMin, gMax, gPlus + i * stride + j,
              gMinus + i * stride + j);
    }
  }
}

void pcmProgramRow(float *g, const float *xi, int64_t n, DeviceRange range) {
  programRow(g, xi, n, static_cast<float>(range.gMaxUS));
}

} // namespace aimc::model
