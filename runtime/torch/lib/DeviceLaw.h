//===- DeviceLaw.h - a device model as curves -------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// What DeviceCurves.cpp samples and Device.cpp evaluates: rows of a tensor over the conductance,
// and numbers that say what they mean. Curves of fits have points at equal distances from 0 to
// `high` and are constant beyond; those of tables bend where the table does, at points in a row of
// their own, so that lines between them, and past the last, are the table's own.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Torch.h"

#include "aimc/model/Device.h"

namespace aimc::ops {

constexpr int64_t kPoints = 4097; ///< at equal distances
/// Of g_max: curves are constant beyond, ten deviations of what programming leaves at most.
constexpr double kHighest = 2.0;

/// Rows of the curves; the last is absent where points are at equal distances.
enum Curve : int64_t { Mean, Sigma, Nu, NuSigma, Low, kCurves, Place = kCurves };
enum class Drift { None, Power, Add, Redraw };
enum class Fluctuation { None, Relative, Absolute };

struct Law {
  double high, logTime, gMin, gMax;
  Drift drift;
  Fluctuation low;
  bool programs;
  model::Distribution distribution; ///< of programming
};

inline std::vector<double> pack(const Law &l) {
  return {l.high,
          l.logTime,
          l.gMin,
          l.gMax,
          static_cast<double>(l.drift),
          static_cast<double>(l.low),
          static_cast<double>(l.programs),
          static_cast<double>(l.distribution)};
}
inline Law unpack(at::ArrayRef<double> v) {
  TORCH_CHECK_VALUE(v.size() == 8, "expected the law that device_curves returns, but got ",
                    v.size(), " numbers");
  return {v[0],
          v[1],
          v[2],
          v[3],
          static_cast<Drift>(v[4]),
          static_cast<Fluctuation>(v[5]),
          v[6] != 0,
          static_cast<model::Distribution>(v[7])};
}

/// The model of a target's device; `table` is the JSON of kind table and empty for all others. A
/// mistake is a ValueError.
model::DeviceModel deviceModel(c10::string_view kind, double gMinUS, double gMaxUS,
                               c10::string_view table);

inline c10::string_view orEmpty(const std::optional<c10::string_view> &text) {
  return text.value_or(c10::string_view());
}

} // namespace aimc::ops
