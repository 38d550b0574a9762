//===- DeviceTable.h - a device given by tables -----------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// What a user's device file says (docs/Devices.md), as numbers: how a programmed conductance is
// distributed about its target (one law, or tables over the target, for one time or several), how
// it drifts, and how it fluctuates. Curves are linear between their points and constant beyond.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/model/Programming.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace aimc::model {

/// y over g: points in ascending order of g, uS. One point is a constant.
struct Curve {
  std::vector<double> g, y;

  bool empty() const { return g.empty(); }
  double at(double x) const {
    if (x <= g.front())
      return y.front();
    for (size_t i = 1; i < g.size(); ++i)
      if (x <= g[i])
        return y[i - 1] + (y[i] - y[i - 1]) * ((x - g[i - 1]) / (g[i] - g[i - 1]));
    return y.back();
  }
};

/// Distribution of the conductance of a device programmed to g. `mean` (uS) is empty where the
/// mean is the target itself; `deviation` is the standard deviation in uS, or a fraction of g.
struct ProgrammingLaw {
  double timeS = 0; ///< since programming; the smallest is what programming leaves
  Curve mean, deviation;
  bool proportional = false;
};

enum class Distribution : uint8_t { Normal, Uniform };

/// A draw of mean 0 and deviation 1 as `distribution` makes it of xi ~ N(0,1).
double unitDraw(Distribution distribution, float xi);

struct DeviceTable {
  DeviceRange range{0, 1000}; ///< conductances that the device is characterised for, uS
  Distribution distribution = Distribution::Normal;
  std::vector<ProgrammingLaw> programming; ///< in ascending order of time; empty: exact
  bool betweenTimes = false; ///< laws are interpolated over log(time); else only these times

  Curve driftMean, driftDeviation; ///< of the exponent over the programmed g; empty: no drift
  double driftStartS = 20;

  Curve readCoefficient; ///< Q of the low-frequency noise over the programmed g; empty: none
  double readS = 250e-9;
  bool nanosecondReadNoise = false; ///< the PCM model of ReadNoise.h applies

  double stuckOff = 0, stuckOn = 0; ///< probabilities where the target names none
};

} // namespace aimc::model
