//===- DeviceVariation.cpp - stuck devices and spreads -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/model/DeviceVariation.h"

#include "aimc/model/Clones.h"

namespace aimc::model {

namespace {

AIMC_CLONES
void scaleBy(float *g, float factor, int64_t n) {
  for (int64_t j = 0; j < n; ++j)
    g[j] *= factor;
}

AIMC_CLONES
void scaleEach(float *g, const float *factor, int64_t n) {
  for (int64_t j = 0; j < n; ++j)
    g[j] *= factor[j];
}

AIMC_CLONES
void scaleDevices(float *g, float deviation, const float *xi, int64_t n) {
  for (int64_t j = 0; j < n; ++j)
    g[j] *= spreadFactor(static_cast<double>(deviation), xi[j]);
}

AIMC_CLONES
void stick(float *g, const float *uniform, int64_t n, float off, float on, float gMin, float gMax) {
  for (int64_t j = 0; j < n; ++j) {
    const float high = uniform[j] >= on ? gMax : g[j];
    g[j] = uniform[j] < off ? gMin : high;
  }
}

} // namespace

void spreadRow(float *g, float common, const float *column, double deviation, const float *xi,
               int64_t n) {
  if (common != 1.0f)
    scaleBy(g, common, n);
  if (column)
    scaleEach(g, column, n);
  if (deviation > 0)
    scaleDevices(g, static_cast<float>(deviation), xi, n);
}

void stuckRow(float *g, const float *uniform, int64_t n, double off, double on, DeviceRange range) {
  stick(g, uniform, n, static_cast<float>(off), static_cast<float>(1.0 - on),
        static_cast<float>(range.gMinUS), static_cast<float>(range.gMaxUS));
}

} // namespace aimc::model
