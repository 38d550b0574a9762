//===- TileSite.h - one product through its tiles ---------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/model/Scale.h"
#include "aimc/torch/Tiles.h"

namespace aimc::train {

/// What all sites of a run share: where the run is.
struct Clock {
  int64_t step = 0;
  std::optional<int64_t> chip; ///< an evaluation on this instance
  bool inspect = false;        ///< measure saturation in this pass
  bool counting = true;        ///< what ranges take of inputs; until it is said
};

/// Parts of a site's noise: the generator keys draws by them. aimc.torch has the same parts, but
/// numbers weights, calls and steps by other rules: from one spec, seed and step it draws other
/// noise of the same law. Where blocks have places, the devices of a chip instance are a session's
/// in both.
enum Part : int64_t {
  kGaussian = 0,
  kProgram = 1,
  kLife = 3,
  kLow = 5,
  kSpread = 7,
  kStuck = 9,
  kChip = 11,
  kTile = 12,
  kColumn = 13,
  kRead = 14
};
constexpr int64_t kPair = int64_t(1) << 16; ///< from one pair of a weight to the next

class TileSite final : public LinearLayer {
public:
  /// `unit` numbers the devices: sites of one weight share them. `site` numbers reads.
  TileSite(SiteSpec spec, bool transposed, int64_t unit, int64_t site, const TileOptions &options,
           std::shared_ptr<const Clock> clock);

  at::Tensor forward(const at::Tensor &x, const at::Tensor &weight) override;

  /// Scales and compensation that follow the weights at intervals, by name; part of a checkpoint.
  std::map<std::string, at::Tensor> state() const;
  /// Follow the weights again at the next read.
  void markStale() { stale = true; }
  void clearStale() { stale = false; }
  /// What follows the weights, put aside for an evaluation, which has its own, and taken up again.
  void keep();
  void restore();

  const std::string &layer() const { return spec.layer; }
  const TileTarget &target() const { return *spec.target; }
  /// Scales or compensation follow the weights at intervals.
  bool follows() const { return optimal || compensates; }
  /// Whether scales follow the rule, where the spec has none.
  bool ruled() const { return !given.defined() || given.isnan().any().item<bool>(); }
  /// What a rule sigma:<q> leaves of a weight, where the spec has no scales; empty by other rules,
  /// which clip nothing, or what noise would take.
  model::ScaleReport scaleReport(const at::Tensor &weight) const;
  /// Continues a hash with everything that the spec says of this site.
  uint64_t contents(uint64_t hash) const;
  /// Shares of inputs beyond the DAC's range and of readings beyond the ADC's, when inspected.
  double dacShare = 0, adcShare = 0;
  /// What the DAC's range takes of the inputs that were counted, as a session has it.
  struct Clipping {
    double power = 0, lost = 0;
    int64_t inputs = 0, beyond = 0;
  };
  const Clipping &clipping() const { return clipped; }

private:
  std::optional<at::Tensor> histogram() const;
  at::Tensor scaleOf(const at::Tensor &weight) const;
  at::Tensor wide(const at::Tensor &scale) const;
  /// Names the draws of this step or chip for weight or site `number`.
  at::Tensor key(int64_t number) const;
  /// N(0,1) of this step or chip; of devices `which` = 2 k (plus) or 2 k + 1 (minus) of pair k.
  at::Tensor draw(c10::IntArrayRef size, Part part, int64_t which = 0) const;
  /// The devices are the runtime's.
  bool placed() const;
  template <class Draw> at::Tensor ofBlocks(const Draw &draw) const;
  at::Tensor deviceDraw(const at::Tensor &like, Part part, int64_t which,
                        std::optional<double> time) const;
  /// Factors of chip, tile, column and device on what is programmed; absent: all 1.
  std::optional<at::Tensor> spread(const at::Tensor &like, int64_t which) const;
  at::Tensor stuck(const at::Tensor &g, int64_t which) const;
  at::Tensor devices(const at::Tensor &target, int64_t which, std::optional<double> time) const;
  at::Tensor arriving(const at::Tensor &plus, const at::Tensor &minus) const;
  using Pair = std::pair<at::Tensor, at::Tensor>;
  /// What drift compensation multiplies columns with [bands, cols], from the devices of all pairs
  /// as they were programmed and as they are now.
  at::Tensor driftFactor(const std::vector<Pair> &before, const std::vector<Pair> &now) const;
  at::Tensor normalised(const at::Tensor &weight, const at::Tensor &scale, size_t pair) const;
  /// The weight as the one pair that holds it is told, clipped and pre-distorted.
  at::Tensor shaped(const at::Tensor &weight, const at::Tensor &scale) const;
  std::tuple<at::Tensor, at::Tensor> targets(const at::Tensor &weight, const at::Tensor &scale,
                                             size_t pair) const;
  std::optional<at::Tensor> gainOf(size_t pair) const;
  at::Tensor throughDevices(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &scale,
                            const std::optional<at::Tensor> &lsb, const ops::Circuit &circuit,
                            bool noisy) const;
  at::Tensor reading(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &scale,
                     const std::optional<at::Tensor> &lsb, const ops::Circuit &circuit,
                     bool noisy) const;
  bool simple(const ops::Circuit &circuit) const;
  void follow(const at::Tensor &weight);
  void count(const at::Tensor &x);
  void measure(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &scale);
  std::optional<double> timeNow() const;

  SiteSpec spec;
  std::vector<model::PairShare> shares; ///< of the pairs of a weight
  bool transposed, optimal, compensates, stale = true;
  int64_t unit, site;
  TileOptions options;
  std::shared_ptr<const Clock> clock;
  ops::Blocks blocks;
  std::vector<std::pair<int64_t, int64_t>> bands; ///< first row, rows
  std::string mode;                               ///< of compensation
  at::Tensor given;                               ///< [bands, cols], NaN where the spec has none
  at::Tensor scales;                              ///< that follow the weights, as what follows
  std::vector<at::Tensor> shape, gains;           ///< of compensation, one per pair
  std::map<std::string, at::Tensor> kept;
  bool keptStale = true;
  Clipping clipped;
  std::optional<at::Tensor> range, lsb;
  std::optional<ops::RowActivities> conducting; ///< of open rows
  mutable std::map<std::optional<double>, ops::DeviceLaw> laws;
};

} // namespace aimc::train
