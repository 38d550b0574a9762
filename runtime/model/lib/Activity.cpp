//===- Activity.cpp - how long rows conduct -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/model/Activity.h"

#include "aimc/model/Converter.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

namespace aimc::model {

namespace {

using Bins = std::array<double, kActivityBins>;

/// |x| / range of a Gaussian whose magnitudes beyond the range are clamped to it.
Bins defaultBins() {
  Bins bins;
  const double toErf = 1.0 / (kDefaultActivitySigma * std::sqrt(2.0));
  double below = 0.0;
  for (size_t b = 0; b < bins.size(); ++b) {
    const double above =
        std::erf(static_cast<double>(b + 1) / static_cast<double>(kActivityBins) * toErf);
    bins[b] = above - below;
    below = above;
  }
  bins.back() += 1.0 - below;
  return bins;
}

Bins rowBins(const float *histogram, int64_t row) {
  if (!histogram)
    return defaultBins();
  Bins bins;
  double sum = 0.0;
  for (size_t b = 0; b < bins.size(); ++b) {
    bins[b] = static_cast<double>(histogram[row * kActivityBins + static_cast<int64_t>(b)]);
    sum += bins[b];
  }
  if (!(sum > 0.0))
    return defaultBins();
  for (double &bin : bins)
    bin /= sum;
  return bins;
}

/// P(code = k) for k in 0..levels of a converter that rounds |x| / range * levels.
std::vector<double> codeDistribution(const Bins &bins, int32_t levels) {
  std::vector<double> below(static_cast<size_t>(levels) + 2, 0.0); // P(code < k)
  for (int32_t k = 1; k <= levels; ++k) {
    const double at = (k - 0.5) / levels * static_cast<double>(kActivityBins);
    const auto bin = std::min<size_t>(static_cast<size_t>(at), bins.size() - 1);
    double sum = 0.0;
    for (size_t b = 0; b < bin; ++b)
      sum += bins[b];
    below[static_cast<size_t>(k)] = sum + bins[bin] * (at - static_cast<double>(bin));
  }
  below.back() = 1.0;
  std::vector<double> p(static_cast<size_t>(levels) + 1);
  for (size_t k = 0; k < p.size(); ++k)
    p[k] = std::max(0.0, below[k + 1] - below[k]);
  return p;
}

} // namespace

int32_t DacPass::longest() const {
  const int32_t mask = (int32_t(1) << bits) - 1;
  return std::min(mask, levels >> shift);
}

std::vector<DacPass> onePass(int bits) { return {{converterLevels(bits), 0, bits - 1}}; }

std::vector<DacPass> splitPasses(int bits, int lsbBits) {
  const int32_t levels = converterLevels(bits);
  return {{levels, 0, lsbBits}, {levels, lsbBits, bits - 1 - lsbBits}};
}

std::vector<DacPass> bitSerialPasses(int bits) {
  std::vector<DacPass> passes;
  for (int b = 0; b < bits - 1; ++b)
    passes.push_back({converterLevels(bits), b, 1});
  return passes;
}

RowActivity rowActivity(const float *histogram, int64_t rows, const DacPass &pass,
                        int64_t maxSlots) {
  const int32_t longest = std::max(pass.longest(), 1);
  RowActivity activity;
  activity.rows = rows;
  activity.slots = std::min<int64_t>(longest, std::max<int64_t>(maxSlots, 1));
  const auto n = static_cast<size_t>(rows), slots = static_cast<size_t>(activity.slots);
  // Slot boundaries in whole ticks, as even as they can be.
  std::vector<int32_t> edge(slots + 1);
  for (size_t s = 0; s <= slots; ++s)
    edge[s] = static_cast<int32_t>(static_cast<int64_t>(longest) * static_cast<int64_t>(s) /
                                   activity.slots);
  for (size_t s = 0; s < slots; ++s)
    activity.width.push_back(edge[s + 1] - edge[s]);
  activity.probability.assign(slots * n, 0.0f);
  activity.share.assign(slots * n, 0.0f);
  activity.power.assign(n, 0.0);

  std::vector<double> meanShare(slots, 0.0);
  std::vector<size_t> silent;
  std::vector<double> atLeast(static_cast<size_t>(longest) + 2), moment(atLeast.size());
  for (size_t i = 0; i < n; ++i) {
    const auto code = codeDistribution(rowBins(histogram, static_cast<int64_t>(i)), pass.levels);
    std::fill(atLeast.begin(), atLeast.end(), 0.0);
    std::fill(moment.begin(), moment.end(), 0.0);
    double power = 0.0;
    for (size_t k = 0; k < code.size(); ++k) {
      const int32_t d = pass.ticks(static_cast<int32_t>(k));
      atLeast[static_cast<size_t>(d)] += code[k];
      moment[static_cast<size_t>(d)] += code[k] * d;
      power += code[k] * d * d;
    }
    for (size_t d = atLeast.size() - 1; d-- > 0;) {
      atLeast[d] += atLeast[d + 1];
      moment[d] += moment[d + 1];
    }
    activity.power[i] = power;
    for (size_t s = 0; s < slots; ++s) {
      double p = 0.0, u = 0.0;
      for (int32_t t = edge[s] + 1; t <= edge[s + 1]; ++t) {
        p += atLeast[static_cast<size_t>(t)];
        u += moment[static_cast<size_t>(t)];
      }
      activity.probability[s * n + i] = static_cast<float>(p / activity.width[s]);
      if (power > 0.0) {
        activity.share[s * n + i] = static_cast<float>(u / power);
        meanShare[s] += u / power;
      }
    }
    if (!(power > 0.0))
      silent.push_back(i);
  }
  const auto loud = static_cast<double>(n - silent.size());
  for (size_t i : silent)
    for (size_t s = 0; s < slots; ++s)
      activity.share[s * n + i] = static_cast<float>(
          loud > 0 ? meanShare[s] / loud : activity.width[s] / static_cast<double>(longest));
  return activity;
}

RowActivity meanActivity(const float *histogram, int64_t rows, std::span<const DacPass> passes,
                         int64_t maxSlots) {
  RowActivity all;
  all.rows = rows;
  all.power.assign(static_cast<size_t>(rows), 0.0);
  std::vector<RowActivity> list;
  std::vector<double> weight(static_cast<size_t>(rows), 0.0);
  // A row that never conducts counts alike in all passes.
  const auto share = [](const RowActivity &one, const DacPass &pass, size_t row) {
    return (one.power[row] + 1e-9) * pass.factor() * pass.factor();
  };
  for (const DacPass &pass : passes) {
    list.push_back(rowActivity(histogram, rows, pass, maxSlots));
    for (size_t i = 0; i < weight.size(); ++i)
      weight[i] += share(list.back(), pass, i);
  }
  for (size_t p = 0; p < list.size(); ++p) {
    const RowActivity &one = list[p];
    all.slots += one.slots;
    all.width.insert(all.width.end(), one.width.begin(), one.width.end());
    all.probability.insert(all.probability.end(), one.probability.begin(), one.probability.end());
    for (size_t c = 0; c < one.share.size(); ++c) {
      const size_t i = c % weight.size();
      all.share.push_back(static_cast<float>(static_cast<double>(one.share[c]) *
                                             (share(one, passes[p], i) / weight[i])));
    }
    for (size_t i = 0; i < weight.size(); ++i)
      all.power[i] += one.power[i] * passes[p].factor() * passes[p].factor();
  }
  return all;
}

std::vector<double> secondMoments(const float *histogram, int64_t rows) {
  std::vector<double> moments(static_cast<size_t>(rows));
  for (size_t i = 0; i < moments.size(); ++i) {
    const Bins bins = rowBins(histogram, static_cast<int64_t>(i));
    for (size_t b = 0; b < bins.size(); ++b) {
      const double lo = static_cast<double>(b) / static_cast<double>(kActivityBins),
                   hi = static_cast<double>(b + 1) / static_cast<double>(kActivityBins);
      moments[i] += bins[b] * (lo * lo + lo * hi + hi * hi) / 3.0;
    }
  }
  return moments;
}

} // namespace aimc::model
