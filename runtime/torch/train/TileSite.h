//===- TileSite.h - one product through its tiles ---------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/torch/Tiles.h"

namespace aimc::train {

/// What all sites of a run share: where the run is.
struct Clock {
  int64_t step = 0;
  std::optional<int64_t> chip; ///< an evaluation on this instance
  bool inspect = false;        ///< measure saturation in this pass
};

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

  const std::string &layer() const { return spec.layer; }
  /// Shares of inputs beyond the DAC's range and of readings beyond the ADC's, when inspected.
  double dacShare = 0, adcShare = 0;

private:
  std::optional<at::Tensor> histogram() const;
  at::Tensor scaleOf(const at::Tensor &weight) const;
  at::Tensor wide(const at::Tensor &scale) const;
  /// Names the draws of this step or chip for weight or site `number`.
  at::Tensor key(int64_t number) const;
  at::Tensor draw(c10::IntArrayRef size, int64_t part) const;
  at::Tensor deviceDraw(const at::Tensor &like, int64_t part, int64_t which,
                        std::optional<double> time) const;
  at::Tensor devices(const at::Tensor &target, int64_t which, std::optional<double> time) const;
  at::Tensor throughDevices(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &scale,
                            const std::optional<at::Tensor> &gain,
                            const std::optional<at::Tensor> &lsb, const ops::Circuit &circuit,
                            bool noisy) const;
  /// The fused operator knows the circuit.
  bool simple(const ops::Circuit &circuit) const;
  void follow(const at::Tensor &weight);
  void measure(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &scale,
               const std::optional<at::Tensor> &gain);
  std::optional<double> timeNow() const;

  SiteSpec spec;
  bool transposed, optimal, compensates, stale = true;
  int64_t unit, site;
  TileOptions options;
  std::shared_ptr<const Clock> clock;
  ops::Blocks blocks;
  std::vector<std::pair<int64_t, int64_t>> bands; ///< first row, rows
  std::string mode;                               ///< of compensation
  at::Tensor given;                               ///< [bands, cols], NaN where the spec has none
  at::Tensor scales, shape, gains;                ///< that follow the weights
  std::optional<at::Tensor> range, lsb;
  std::optional<ops::RowActivities> conducting; ///< of open rows
  mutable std::map<std::optional<double>, ops::DeviceLaw> laws;
};

} // namespace aimc::train
