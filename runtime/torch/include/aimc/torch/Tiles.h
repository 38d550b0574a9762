//===- Tiles.h - training through the tiles of a target ---------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The circuit of a training run: every product with a constant matrix goes through tiles as
// aimc-compile mapped them (a noise spec, docs/Contracts.md 10) or as a target's geometry cuts
// them.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/model/WithoutEffect.h"
#include "aimc/torch/Circuit.h"
#include "aimc/torch/Model.h"
#include "aimc/torch/Operators.h"

#include <nlohmann/json_fwd.hpp>
#include <optional>

namespace aimc::exec {
struct TargetSource;
}

namespace aimc::train {

/// What training models of a target, in the manifest's terms and units.
struct TileTarget {
  std::string name;
  int64_t rows = 512, cols = 512;
  std::vector<double> significance{1}; ///< one factor per pair, low to high
  std::string device = "pcm";
  std::string table; ///< of kind table: the device file's JSON
  std::string text;  ///< the object with all that it leaves out, of one form for one content
  std::string summary;
  double programmingScale = 1, readScale = 1, driftScale = 1, acceptancePercent = 2;
  double stuckOff = 0, stuckOn = 0; ///< a table's where the target names none
  bool noisyReads = true;           ///< its devices have read noise of nanoseconds
  double chipSpread = 0, tileSpread = 0, columnSpread = 0, deviceSpread = 0;
  double lsbFC = 1;
  ops::Circuit circuit;   ///< geometry, wires and converters, as the operators take them
  model::InForce inForce; ///< what options can do on it
};

/// A target's object. What training has no model of is refused instead of being left out, where
/// `source` says so.
Result<TileTarget> readTarget(const nlohmann::json &object, const exec::TargetSource &source);

struct TileBlock {
  int64_t row = 0, rows = 0, col = 0, cols = 0, atRow = 0, atCol = 0;
  std::optional<double> lsbFC;
  std::string compensate;
  at::Tensor scales;             ///< undefined, or [cols]
  std::optional<int64_t> stream; ///< what the runtime's draws name its tile by; none: not placed
};

/// One call site of a weight.
struct SiteSpec {
  std::string file; ///< the spec that it comes from
  std::string layer, weight, initializer;
  int64_t rows = 0, cols = 0;
  std::optional<double> inputRange;
  at::Tensor activity; ///< undefined, or [rows, 32]: how often |x| / range lies in each of its bins
  std::shared_ptr<const TileTarget> target;
  std::vector<TileBlock> blocks; ///< band by band
};

/// A noise spec with the tensors beside it.
Result<std::vector<SiteSpec>> readSpec(const std::string &path);

struct TileOptions {
  int64_t seed = 0;
  double programming = 1, read = 1, drift = 1; ///< factors; 0: off
  std::vector<double> times;                   ///< seconds since programming, one a step in turn
  bool compensateDrift = false;    ///< scale columns digitally by what drift took from them
  std::string scale = "max";       ///< max, sigma:<q> or optimal; a spec's scales win
  std::string compensate;          ///< none, gain, weights, weights+pulses; "": the spec's
  int64_t refresh = 50;            ///< steps between updates of what follows weights
  double gaussian = 0;             ///< instead of devices: of a column's largest weight
  std::vector<model::Asked> asked; ///< by name, of which the circuit says what does nothing
};

/// `sites` empty: every site of the model, cut by `target`. Otherwise the sites that the spec names
/// are analog; one that the model does not have, or has in another shape, is an error.
Result<std::unique_ptr<Circuit>> tileCircuit(const Model &model, const TileTarget *target,
                                             std::vector<SiteSpec> sites, TileOptions options);

} // namespace aimc::train
