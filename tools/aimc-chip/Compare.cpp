//===- Compare.cpp - aimc-chip compare ------------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Two chips of one mapping, or one chip at two times: what differs in the devices, and what that
// does to the weights that they stand for, w = sum_k f_k d_k (G+_k - G-_k) / (sum f (g_max -
// g_min)).
//
//===----------------------------------------------------------------------===//
#include "Commands.h"

#include "aimc/exec/ChipFile.h"
#include "aimc/exec/Options.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>

namespace aimc::chip {

using namespace aimc::exec;
using nlohmann::json;

namespace {
struct Sums {
  double devices = 0, shift = 0, square = 0, largest = 0; ///< of conductance, uS
  double weightPower = 0, weightError = 0, weightLargest = 0;
};

/// A chip file at a time, one tile at a time.
struct Reader {
  const ChipFile &file;
  std::optional<double> time;
  std::vector<TileBlock> list;
  TileState state;

  void read(const ChipTile &tile) {
    file.restore(tile, list, state);
    state.setTime(time);
  }
};

double weightAt(const TileState &state, const Target &target, size_t block, int64_t i, int64_t j) {
  const model::BlockWindow window = state.window(block);
  double total = 0, sum = 0;
  for (size_t k = 0; k < state.planes().size(); ++k) {
    const model::TileView now = state.now(k);
    const int64_t cell = (window.row + i) * now.stride + window.col + j;
    const double difference =
        static_cast<double>(now.gPlus[cell]) - static_cast<double>(now.gMinus[cell]);
    total += target.significance[k];
    sum += target.significance[k] *
           static_cast<double>(state.digitalScales(block, k)[static_cast<size_t>(j)]) * difference;
  }
  return sum / (total * (target.range.gMaxUS - target.range.gMinUS));
}

bool sameBlocks(const ChipTile &a, const ChipTile &b) {
  return a.key == b.key && std::equal(a.blocks.begin(), a.blocks.end(), b.blocks.begin(),
                                      b.blocks.end(), [](const ChipBlock &x, const ChipBlock &y) {
                                        return x.weight == y.weight && x.row == y.row &&
                                               x.rows == y.rows && x.col == y.col &&
                                               x.cols == y.cols && x.atRow == y.atRow &&
                                               x.atCol == y.atCol;
                                      });
}

void addBlock(const Reader &a, const Reader &b, const Target &targetA, const Target &targetB,
              size_t block, Sums &sums) {
  const model::BlockWindow window = a.state.window(block);
  for (size_t k = 0; k < a.state.planes().size(); ++k) {
    const model::TileView x = a.state.now(k), y = b.state.now(k);
    for (int64_t i = 0; i < window.rows; ++i)
      for (int64_t j = 0; j < window.cols; ++j) {
        const int64_t cell = (window.row + i) * x.stride + window.col + j;
        for (auto [p, q] : {std::pair{x.gPlus, y.gPlus}, {x.gMinus, y.gMinus}}) {
          const double d = static_cast<double>(q[cell]) - static_cast<double>(p[cell]);
          sums.devices += 1;
          sums.shift += d;
          sums.square += d * d;
          sums.largest = std::max(sums.largest, std::fabs(d));
        }
      }
  }
  for (int64_t i = 0; i < window.rows; ++i)
    for (int64_t j = 0; j < window.cols; ++j) {
      const double x = weightAt(a.state, targetA, block, i, j);
      const double d = weightAt(b.state, targetB, block, i, j) - x;
      sums.weightPower += x * x;
      sums.weightError += d * d;
      sums.weightLargest = std::max(sums.weightLargest, std::fabs(d));
    }
}
} // namespace

Result<void> compare(const Arguments &arguments) {
  auto first = openChip(arguments.chip);
  if (!first)
    return tl::unexpected(first.error());
  auto second = openChip(arguments.other);
  if (!second)
    return tl::unexpected(second.error());
  Reader a{**first, arguments.time ? arguments.time : (*first)->timeS(), {}, {}};
  Reader b{**second, arguments.otherTime ? arguments.otherTime : (*second)->timeS(), {}, {}};
  for (const Reader *reader : {&a, &b})
    if (reader->time)
      if (auto known = checkTime(reader->file.targets(), *reader->time); !known)
        return fail(known.error().status, reader->file.path() + ": " + known.error().message);
  const auto &tilesA = a.file.tiles(), &tilesB = b.file.tiles();
  if (tilesA.size() != tilesB.size() ||
      !std::equal(tilesA.begin(), tilesA.end(), tilesB.begin(), sameBlocks))
    return fail(AIMC_INVALID_ARGUMENT, arguments.other +
                                           ": expected a chip of the same mapping as " +
                                           arguments.chip + ", but weights lie elsewhere");
  std::map<std::string, Sums> weights;
  for (size_t t = 0; t < tilesA.size(); ++t) {
    const Target &targetA = a.file.targets()[tilesA[t].target];
    const Target &targetB = b.file.targets()[tilesB[t].target];
    if (targetA.rows != targetB.rows || targetA.cols != targetB.cols ||
        targetA.pairs() != targetB.pairs())
      return fail(AIMC_INVALID_ARGUMENT, arguments.other + ": expected target " +
                                             quote(targetA.name) +
                                             " with the geometry that it has in " + arguments.chip);
    a.read(tilesA[t]);
    b.read(tilesB[t]);
    for (size_t block = 0; block < tilesA[t].blocks.size(); ++block)
      addBlock(a, b, targetA, targetB, block, weights[tilesA[t].blocks[block].weight]);
  }
  json list = json::array();
  for (const auto &[name, sums] : weights)
    list.push_back(
        {{"weight", name},
         {"mean_difference_us", sums.shift / sums.devices},
         {"rms_difference_us", std::sqrt(sums.square / sums.devices)},
         {"largest_difference_us", sums.largest},
         {"relative_weight_difference",
          sums.weightPower > 0 ? json(std::sqrt(sums.weightError / sums.weightPower)) : json()},
         {"largest_weight_difference", sums.weightLargest}});
  if (arguments.json) {
    std::printf("%s\n", list.dump(2).c_str());
    return {};
  }
  std::printf("%-48s %12s %12s %12s %14s %12s\n", "weight", "mean dG/uS", "rms dG/uS", "max dG/uS",
              "rel. rms dW", "max dW");
  for (const json &row : list) {
    const json &relative = row["relative_weight_difference"];
    std::printf("%-48s %12.4g %12.4g %12.4g %14.4g %12.4g\n",
                row["weight"].get_ref<const std::string &>().c_str(),
                row["mean_difference_us"].get<double>(), row["rms_difference_us"].get<double>(),
                row["largest_difference_us"].get<double>(),
                relative.is_number() ? relative.get<double>() : 0.0,
                row["largest_weight_difference"].get<double>());
  }
  return {};
}

} // namespace aimc::chip
