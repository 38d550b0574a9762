//===- Compensation.cpp - targets that a tile's wires turn into the wanted ones -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/model/Compensation.h"

#include "aimc/model/Crossbar.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace aimc::model {

std::optional<Compensate> parseCompensate(std::string_view text) {
  if (text == "none")
    return Compensate::None;
  if (text == "gain")
    return Compensate::Gain;
  if (text == "weights")
    return Compensate::Weights;
  if (text == "weights+pulses" || text == "weights_pulses")
    return Compensate::WeightsAndPulses;
  return std::nullopt;
}

namespace {

/// The tile with the present targets of all blocks, and what each block multiplies with.
class Tile {
public:
  Tile(const CompensationTile &settings, std::span<const CompensationBlock> blocks)
      : settings(settings), blocks(blocks) {
    const auto cells = static_cast<size_t>(settings.rows * settings.cols);
    plus.assign(cells, static_cast<float>(settings.range.gMinUS));
    minus.assign(cells, static_cast<float>(settings.range.gMinUS));
    passes = settings.passes.empty() ? onePass(8) : settings.passes;
    for (const CompensationBlock &block : blocks) {
      const auto size = static_cast<size_t>(block.window.rows * block.window.cols);
      Present now;
      for (int64_t i = 0; i < block.window.rows; ++i)
        for (int64_t j = 0; j < block.window.cols; ++j)
          now.wanted.push_back(static_cast<double>(block.target[i * block.targetStride + j]));
      now.target = now.wanted;
      now.effective.assign(size, 0.0);
      now.transfer.assign(size, 1.0f);
      now.factor.assign(static_cast<size_t>(block.window.cols), 1.0);
      now.power = secondMoments(block.histogram, block.window.rows);
      if (settings.idle == Idle::Open)
        now.activity = meanActivity(block.histogram, block.window.rows, passes);
      present.push_back(std::move(now));
    }
  }

  struct Present {
    std::vector<double> wanted, target, effective; ///< u, u' and Weff / (g_max - g_min)
    std::vector<float> transfer;
    std::vector<double> factor, power;
    RowActivity activity;
  };
  std::vector<Present> present;

  /// Folds the tile as it is now.
  void fold() {
    const auto gMin = static_cast<float>(settings.range.gMinUS);
    const double span = settings.range.gMaxUS - settings.range.gMinUS;
    for (size_t b = 0; b < blocks.size(); ++b) {
      const BlockWindow &w = blocks[b].window;
      for (int64_t i = 0; i < w.rows; ++i)
        for (int64_t j = 0; j < w.cols; ++j) {
          const double u = present[b].target[static_cast<size_t>(i * w.cols + j)];
          const auto at = static_cast<size_t>((w.row + i) * settings.cols + w.col + j);
          plus[at] = u > 0 ? static_cast<float>(settings.range.gMinUS + span * u) : gMin;
          minus[at] = u < 0 ? static_cast<float>(settings.range.gMinUS - span * u) : gMin;
        }
    }
    const TileView view{plus.data(), minus.data(), settings.rows, settings.cols, settings.cols};
    std::vector<float> weff;
    for (size_t b = 0; b < blocks.size(); ++b) {
      const BlockWindow &w = blocks[b].window;
      Present &now = present[b];
      if (settings.idle == Idle::Open) {
        meanField(view, settings.wires, settings.readout, w, now.activity, now.transfer.data(),
                  w.cols);
      } else if (settings.wires.rows()) {
        weff.resize(now.target.size());
        foldCrossbar(view, settings.wires, settings.readout, w, weff.data(), now.transfer.data(),
                     w.cols, {1e-5, 16});
        for (size_t c = 0; c < weff.size(); ++c)
          now.effective[c] = static_cast<double>(weff[c]) / span;
        continue;
      } else {
        std::vector<float> column(static_cast<size_t>(settings.rows * w.cols));
        foldTile(view, settings.wires, settings.readout, w.col, w.cols, column.data(), w.cols);
        std::copy_n(column.begin() + w.row * w.cols, now.transfer.size(), now.transfer.begin());
      }
      for (size_t c = 0; c < now.target.size(); ++c)
        now.effective[c] = static_cast<double>(now.transfer[c]) * now.target[c];
    }
  }

private:
  const CompensationTile &settings;
  std::span<const CompensationBlock> blocks;
  std::vector<float> plus, minus;
  std::vector<DacPass> passes;
};

/// Relative error of effective / factor to the wanted matrix, weighted with input power.
double errorOf(const Tile::Present &now, int64_t cols) {
  double error = 0.0, power = 0.0;
  const auto n = static_cast<size_t>(cols);
  for (size_t row = 0; row < now.wanted.size(); row += n)
    for (size_t j = 0; j < n; ++j) {
      const size_t c = row + j;
      const double weight = now.power[row / n],
                   d = now.effective[c] / now.factor[j] - now.wanted[c];
      error += weight * d * d;
      power += weight * now.wanted[c] * now.wanted[c];
    }
  return power > 0.0 ? std::sqrt(error / power) : 0.0;
}

/// One fixed-point step: new targets, scaled such that the largest of each column fills the range.
/// Returns the largest relative change of a column's factor or full-range deviation of its matrix.
double step(Tile::Present &now, int64_t cols) {
  const auto n = static_cast<size_t>(cols);
  std::vector<double> top(n, 0.0), wanted(n, 0.0);
  double change = 0.0;
  for (size_t row = 0; row < now.wanted.size(); row += n)
    for (size_t j = 0; j < n; ++j) {
      const size_t c = row + j;
      const auto t = static_cast<double>(now.transfer[c]);
      const double missing = now.factor[j] * now.wanted[c] - now.effective[c];
      change = std::max(change, std::abs(missing));
      now.target[c] += t > 0.0 ? missing / t : 0.0;
      top[j] = std::max(top[j], std::abs(now.target[c]));
      wanted[j] = std::max(wanted[j], std::abs(now.wanted[c]));
    }
  for (size_t j = 0; j < n; ++j) {
    const bool usable = top[j] > 0.0 && wanted[j] > 0.0;
    top[j] = usable ? 1.0 / top[j] : 1.0; // now the scale of the column
    change = std::max(change, std::abs(top[j] - 1.0));
    now.factor[j] *= top[j];
  }
  for (size_t row = 0; row < now.wanted.size(); row += n)
    for (size_t j = 0; j < n; ++j)
      now.target[row + j] *= top[j];
  return change;
}

/// Sweeps end when a step changed nothing by more than this share of the range.
constexpr double kSettled = 1e-5;

/// Which load columns of a block are brought down to: a quantile of their loads at full range, but
/// no less than this part of the middle one, or a few light columns would cost all others their
/// signal; those read through references of their own (OneProduct.h).
constexpr double kEqualLoad = 0.1, kLeastOfMiddle = 0.9;

/// Lowers the heavier columns of a block. What arrives through the reference column is what arrives
/// through every column only as far as columns load alike; a few percent of signal buy that.
void equaliseLoads(Tile::Present &now, int64_t cols) {
  const auto n = static_cast<size_t>(cols);
  std::vector<double> load(n, 0.0);
  for (size_t row = 0; row < now.target.size(); row += n)
    for (size_t j = 0; j < n; ++j)
      load[j] += std::abs(now.target[row + j]);
  std::vector<double> sorted;
  for (double l : load)
    if (l > 0.0)
      sorted.push_back(l);
  if (sorted.empty())
    return;
  const auto at = [&](double share) {
    const auto place =
        sorted.begin() + static_cast<ptrdiff_t>(share * static_cast<double>(sorted.size() - 1));
    std::nth_element(sorted.begin(), place, sorted.end());
    return *place;
  };
  const double equal = std::max(at(kEqualLoad), kLeastOfMiddle * at(0.5));
  for (size_t j = 0; j < n; ++j) {
    load[j] = load[j] > equal ? equal / load[j] : 1.0; // now the scale of the column
    now.factor[j] *= load[j];
  }
  for (size_t row = 0; row < now.target.size(); row += n)
    for (size_t j = 0; j < n; ++j)
      now.target[row + j] *= load[j];
}

/// The digital gain that fits a column best: effective / factor in least squares.
void fitGain(Tile::Present &now, int64_t cols) {
  const auto n = static_cast<size_t>(cols);
  std::vector<double> cross(n, 0.0), power(n, 0.0);
  for (size_t row = 0; row < now.wanted.size(); row += n)
    for (size_t j = 0; j < n; ++j) {
      const double weighted = now.power[row / n] * now.effective[row + j];
      cross[j] += weighted * now.wanted[row + j];
      power[j] += weighted * now.effective[row + j];
    }
  for (size_t j = 0; j < n; ++j)
    now.factor[j] = cross[j] > 0.0 && power[j] > 0.0 ? power[j] / cross[j] : 1.0;
}

} // namespace

std::vector<CompensatedBlock> compensateTile(const CompensationTile &settings,
                                             std::span<const CompensationBlock> blocks) {
  Tile tile(settings, blocks);
  std::vector<CompensatedBlock> results(blocks.size());
  tile.fold();
  bool iterate = false;
  for (size_t b = 0; b < blocks.size(); ++b) {
    results[b].errorBefore = errorOf(tile.present[b], blocks[b].window.cols);
    iterate |= blocks[b].mode >= Compensate::Weights;
  }
  for (int sweep = 0; iterate && sweep < settings.sweeps; ++sweep) {
    double change = 0.0;
    for (size_t b = 0; b < blocks.size(); ++b) {
      if (blocks[b].mode < Compensate::Weights)
        continue;
      Tile::Present &now = tile.present[b];
      const double ofBlock = step(now, blocks[b].window.cols);
      const bool equal =
          blocks[b].mode == Compensate::WeightsAndPulses && settings.idle == Idle::Open;
      if (equal)
        equaliseLoads(now, blocks[b].window.cols);
      // Equal loads undo part of what a step does to the factors, for good: no sign of the end.
      change = std::max(change, equal ? 1.0 : ofBlock);
    }
    tile.fold();
    if (change < kSettled)
      break;
  }
  for (size_t b = 0; b < blocks.size(); ++b) {
    Tile::Present &now = tile.present[b];
    if (blocks[b].mode == Compensate::Gain)
      fitGain(now, blocks[b].window.cols);
    results[b].errorAfter = errorOf(now, blocks[b].window.cols);
    results[b].target.assign(now.target.begin(), now.target.end());
    results[b].columnFactor.assign(now.factor.begin(), now.factor.end());
  }
  return results;
}

double predistortPulses(std::span<const MeanReference> sides, std::span<const double> wanted,
                        int32_t longest, std::span<double> pulses, double headroom) {
  const size_t n = wanted.size();
  const bool adaptive = headroom <= 0.0;
  const auto top = static_cast<double>(longest);
  double factor = adaptive ? 1.0 : headroom;
  std::vector<double> arrived(n), got(n), exact(n), aim(n);
  for (size_t i = 0; i < n; ++i) {
    aim[i] = std::min(wanted[i], top);
    exact[i] = aim[i] / factor;
  }
  const auto round = [&] {
    if (adaptive && n > 0) {
      const double most = *std::max_element(exact.begin(), exact.end());
      const double needed = std::max(factor * most / top, 1.0);
      for (double &e : exact)
        e *= factor / needed;
      factor = needed;
    }
    for (size_t i = 0; i < n; ++i)
      pulses[i] = std::nearbyint(std::clamp(exact[i], 0.0, top));
  };
  round();
  Arrival arrival;
  for (int sweep = 0; sweep < kPulseSweeps; ++sweep) {
    arrival.set(pulses.data(), static_cast<int64_t>(n), longest);
    std::fill(got.begin(), got.end(), 0.0);
    int counted = 0;
    for (const MeanReference &side : sides) {
      if (side.mean.empty())
        continue;
      arrival.through(side.column, arrived.data());
      for (size_t i = 0; i < n; ++i)
        got[i] += arrived[i] / side.mean[i];
      ++counted;
    }
    for (size_t i = 0; i < n; ++i) {
      // No pulse, nothing to learn: the wanted length stays.
      const double gain = got[i] > 0.0 ? pulses[i] * counted / got[i] : 1.0;
      exact[i] = gain * aim[i] / factor;
    }
    round();
  }
  return factor;
}

} // namespace aimc::model
