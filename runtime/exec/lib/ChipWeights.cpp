//===- ChipWeights.cpp - which weights a chip takes -----------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/exec/Chip.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <limits>

namespace aimc::exec {

Result<void> Chip::checkWeights(Threads &threads) const {
  const auto &weights = manifest().weights;
  // Digital scales are floats: s / (V tick span), times the ADC's step. A factor of 1000 is left to
  // compensation, which divides by what wires leave of a column.
  auto limitOf = [&](const Weight &weight) {
    double limit = std::numeric_limits<float>::max();
    for (const Block &block : weight.blocks) {
      const Target &t = options.targets[static_cast<size_t>(block.target)];
      const double step = std::max({1.0, t.adc.unitFc(), block.lsbFc.value_or(0.0)});
      const double charge = t.readV * t.tickNs * (t.range.gMaxUS - t.range.gMinUS);
      limit =
          std::min(limit, std::numeric_limits<float>::max() / 1e3 * std::min(1.0, charge / step));
    }
    return limit;
  };
  std::vector<char> bad(weights.size(), 0);
  auto elements = [&](size_t w) { return weights[w].rows * weights[w].cols; };
  // As integers, magnitudes are in order, infinity and NaN above all; the loop has no branch, so it
  // runs at memory speed.
  constexpr uint32_t magnitude = 0x7fffffffu;
  threads.parallelFor(static_cast<int64_t>(weights.size()), [&](int64_t begin, int64_t end) {
    for (int64_t w = begin; w < end; ++w) {
      const auto *data = reinterpret_cast<const uint32_t *>(source.weights[size_t(w)].data);
      uint32_t largest = 0;
      for (int64_t i = 0; i < elements(size_t(w)); ++i)
        largest = std::max(largest, data[i] & magnitude);
      bad[size_t(w)] =
          !(static_cast<double>(std::bit_cast<float>(largest)) <= limitOf(weights[size_t(w)]));
    }
  });
  for (size_t w = 0; w < bad.size(); ++w) {
    if (!bad[w])
      continue;
    const float *data = source.weights[w].data;
    const double limit = limitOf(weights[w]);
    int64_t i = 0;
    while (std::fabs(static_cast<double>(data[i])) <= limit)
      ++i;
    const int64_t width = weights[w].transposed ? weights[w].rows : weights[w].cols;
    char most[32], got[32];
    std::snprintf(most, sizeof most, "%.3g", limit);
    std::snprintf(got, sizeof got, "%.3g", static_cast<double>(data[i]));
    return fail(source.name.empty() ? AIMC_INVALID_ARGUMENT : AIMC_BAD_PACKAGE,
                (source.name.empty() ? weights[w].tensor : source.name + quote(weights[w].tensor)) +
                    ": expected " +
                    (std::isfinite(data[i]) ? "magnitudes of at most " + std::string(most) +
                                                  ", for which the target has digital scales"
                                            : "finite values") +
                    ", but got " +
                    (std::isfinite(data[i]) ? got
                     : std::isnan(data[i])  ? "nan"
                                            : "inf") +
                    " at [" + std::to_string(i / width) + ", " + std::to_string(i % width) + "]");
  }
  return {};
}

} // namespace aimc::exec
