//===- ReferencePanels.cpp - columns that share a reference -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// What a reference column stands for should load as it does: columns of a side are sorted by their
// load and cut into panels.
//
//===----------------------------------------------------------------------===//
#include "aimc/model/OneProduct.h"

#include <algorithm>
#include <cmath>

namespace aimc::model {

namespace {

/// Steps of the reference that pulses are pre-distorted by, per factor e. Errors of g_ref are
/// second order there: the ratio of mean fields takes it back.
constexpr double kPulseSteps = 24.0;

/// Steps of panels' references in a block of some mean: equal ones, because an error counts
/// against the load of the whole, of a size that blocks share.
constexpr double kPanelSteps = 10.0; ///< about so many between 0 and the mean

double panelStep(double mean) {
  return mean > 0.0 ? std::exp2(std::round(2.0 * std::log2(mean / kPanelSteps)) / 2.0) : 0.0;
}
double panelConductance(double g, double step) {
  return step > 0.0 ? step * std::max(1.0, std::round(g / step)) : 0.0;
}

/// One side's columns; returns the number of panels. Where they load alike they stay as they come,
/// with one reference. A few columns far lighter than the rest get a panel that is not full: they
/// hold a few large weights, so their outputs may be the largest of a layer.
int64_t placeSide(std::vector<int64_t> side, std::span<const double> loads, double step,
                  ReferencePanels &panels) {
  const auto loadOf = [&](int64_t column) { return loads[static_cast<size_t>(column)]; };
  auto sorted = side;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [&](int64_t a, int64_t b) { return loadOf(a) < loadOf(b); });
  const size_t n = side.size(), full = (n + kReferencePanel - 1) / kReferencePanel;
  size_t extra = full >= 8 ? 2 : 1;
  std::vector<size_t> begins;
  for (size_t begin = 0; begin < n;) {
    begins.push_back(begin);
    const double limit = 2.0 * loadOf(sorted[begin]);
    size_t end = std::min<size_t>(n, begin + kReferencePanel);
    if (step > 0.0 && extra > 0 && loadOf(sorted[end - 1]) > limit + step) {
      while (loadOf(sorted[end - 1]) > limit)
        --end;
      --extra;
    }
    begin = end;
  }
  begins.push_back(n);
  std::vector<double> means;
  double total = 0.0;
  for (size_t p = 0; p + 1 < begins.size(); ++p) {
    double sum = 0.0;
    for (size_t c = begins[p]; c < begins[p + 1]; ++c)
      sum += loadOf(sorted[c]);
    means.push_back(sum / static_cast<double>(begins[p + 1] - begins[p]));
    total += sum;
  }
  if (means.empty() || step <= 0.0 || means.back() - means.front() <= step) {
    sorted = side;
    means.assign(full, n > 0 ? total / static_cast<double>(n) : 0.0);
    begins.clear();
    for (size_t p = 0; p < full; ++p)
      begins.push_back(p * kReferencePanel);
    begins.push_back(n);
  }
  for (size_t p = 0; p < means.size(); ++p) {
    for (size_t c = begins[p]; c < begins[p + 1]; ++c)
      panels.order.push_back(sorted[c]);
    panels.order.resize(
        (panels.order.size() + kReferencePanel - 1) / kReferencePanel * kReferencePanel, -1);
    panels.conductance.push_back(panelConductance(means[p], step));
  }
  return static_cast<int64_t>(means.size());
}

} // namespace

double pulseConductance(double mean) {
  return mean > 0.0 ? std::exp(std::round(std::log(mean) * kPulseSteps) / kPulseSteps) : 0.0;
}

std::vector<double> columnLoads(const TileView &tile, const BlockWindow &window) {
  std::vector<double> loads(static_cast<size_t>(window.cols), 0.0);
  for (int64_t i = window.row; i < window.row + window.rows; ++i)
    for (int64_t j = 0; j < window.cols; ++j) {
      const int64_t cell = i * tile.stride + window.col + j;
      loads[static_cast<size_t>(j)] +=
          static_cast<double>(tile.gPlus[cell]) + static_cast<double>(tile.gMinus[cell]);
    }
  for (double &load : loads)
    load /= static_cast<double>(std::max<int64_t>(window.rows, 1));
  return loads;
}

ReferencePanels referencePanels(std::span<const double> loads, double mean, Readout readout,
                                int64_t col) {
  const double step = panelStep(mean);
  ReferencePanels panels;
  for (int side = 0; side < kReadSides; ++side) {
    std::vector<int64_t> columns;
    for (int64_t j = 0; j < static_cast<int64_t>(loads.size()); ++j)
      if (readAtFirstRow(readout, col + j) == (side == 1))
        columns.push_back(j);
    panels.sidePanels[side] = placeSide(std::move(columns), loads, step, panels);
  }
  return panels;
}

} // namespace aimc::model
