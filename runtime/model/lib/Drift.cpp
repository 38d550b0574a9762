//===- Drift.cpp - PCM conductance drift -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/model/Drift.h"

namespace aimc::model {

void pcmDriftRow(float *g, const float *xi, int64_t n, DeviceRange range, double seconds) {
  const auto gMax = static_cast<float>(range.gMaxUS);
  for (int64_t j = 0; j < n; ++j)
    g[j] = pcmDrifted(g[j], pcmDriftExponent(g[j], gMax, xi[j]), static_cast<float>(seconds));
}

} // namespace aimc::model
