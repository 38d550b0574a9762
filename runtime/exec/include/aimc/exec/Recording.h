//===- Recording.h - what calibration learns from a run ---------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Counts of a session with option `record` (docs/Contracts.md 7). Everything is an integer count,
// or a sum in an order that threads do not change, so that a record is the same on any machine.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/model/Activity.h"
#include "aimc/model/Quantiles.h"

#include <array>
#include <bit>
#include <cstdint>
#include <vector>

namespace aimc::exec {

/// Magnitudes counted in bins of a float's exponent and first five bits of its mantissa: values
/// are known to 1.6%, over the whole range of float.
class MagnitudeHistogram {
public:
  void add(float value) {
    const uint32_t bin = (std::bit_cast<uint32_t>(value) & 0x7fffffffu) >> kShift;
    if (bin >= kBins)
      return; // infinities and NaN are reported where they enter
    if (counts.empty())
      counts.assign(kBins, 0);
    ++counts[bin];
    const float size = value < 0 ? -value : value;
    top = size > top ? size : top;
  }
  void add(const MagnitudeHistogram &other);
  int64_t total() const;
  float largest() const { return top; }
  /// Upper edge of the bin that the quantile lies in, at most the largest value.
  float quantile(double q) const;
  /// At model::kBodyShares.
  std::array<float, model::kBodyShares.size()> body() const;

private:
  static constexpr int kShift = 18;
  static constexpr uint32_t kBins = 0x7f800000u >> kShift;
  std::vector<int64_t> counts; ///< empty: nothing yet
  float top = 0;
};

struct RecordedGrid {
  int64_t vectors = 0;
  MagnitudeHistogram input; ///< of abs(x)
  /// 0.99, 0.999, 0.9999, 0.99999, largest.
  std::array<float, 5> quantiles() const;
};

struct RecordedWeight {
  /// [rows x kActivityBins]: vectors whose abs(x) of a row lies in a bin of [0, range].
  std::vector<int64_t> counts;
  /// The same with row sums 1; a row without vectors is all in the first bin.
  std::vector<float> activity() const;
};

struct RecordedBlock {
  int64_t count = 0;
  double power = 0;          ///< sum of squared charges, fC^2
  MagnitudeHistogram charge; ///< fC, of a longest pass
  /// rms, 0.999 and 0.9999 quantile, largest, fC.
  std::array<float, 4> statistics() const;
};

struct Recording {
  std::vector<RecordedGrid> grids;
  std::vector<RecordedWeight> weights;
  std::vector<std::vector<RecordedBlock>> blocks; ///< [weight][block]
};

} // namespace aimc::exec
