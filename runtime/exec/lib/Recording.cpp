//===- Recording.cpp - what calibration learns from a run -----------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/exec/Recording.h"

#include <algorithm>
#include <cmath>

namespace aimc::exec {

void MagnitudeHistogram::add(const MagnitudeHistogram &other) {
  if (!other.counts.empty() && counts.empty())
    counts.assign(kBins, 0);
  for (size_t b = 0; b < other.counts.size(); ++b)
    counts[b] += other.counts[b];
  top = std::max(top, other.top);
}

int64_t MagnitudeHistogram::total() const {
  int64_t sum = 0;
  for (int64_t n : counts)
    sum += n;
  return sum;
}

float MagnitudeHistogram::quantile(double q) const {
  const auto wanted = static_cast<int64_t>(std::ceil(q * static_cast<double>(total())));
  int64_t sum = 0;
  for (size_t b = 0; b < counts.size(); ++b) {
    sum += counts[b];
    if (sum >= wanted && sum > 0)
      return std::min(top, std::bit_cast<float>(static_cast<uint32_t>(b + 1) << kShift));
  }
  return top;
}

std::array<float, model::kBodyShares.size()> MagnitudeHistogram::body() const {
  std::array<float, model::kBodyShares.size()> values{};
  std::transform(model::kBodyShares.begin(), model::kBodyShares.end(), values.begin(),
                 [&](double share) { return quantile(share); });
  return values;
}

std::array<float, 5> RecordedGrid::quantiles() const {
  return {input.quantile(0.99), input.quantile(0.999), input.quantile(0.9999),
          input.quantile(0.99999), input.largest()};
}

std::vector<float> RecordedWeight::activity() const {
  const size_t bins = model::kActivityBins;
  std::vector<float> rows(counts.size(), 0.0f);
  for (size_t row = 0; row < counts.size(); row += bins) {
    int64_t sum = 0;
    for (size_t b = 0; b < bins; ++b)
      sum += counts[row + b];
    rows[row] = 1.0f;
    for (size_t b = 0; sum > 0 && b < bins; ++b)
      rows[row + b] =
          static_cast<float>(static_cast<double>(counts[row + b]) / static_cast<double>(sum));
  }
  return rows;
}

std::array<float, 4> RecordedBlock::statistics() const {
  const double rms = count > 0 ? std::sqrt(power / static_cast<double>(count)) : 0.0;
  return {static_cast<float>(rms), charge.quantile(0.999), charge.quantile(0.9999),
          charge.largest()};
}

} // namespace aimc::exec
