//===- Operators.h - the tile circuit as operators of torch ----*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The functions behind torch.ops.aimc, for C++. Each goes through torch's dispatcher: autograd,
// autocast, any device. Formulas are those of runtime/model. All in uS, V, ns, fC.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/model/Programming.h"

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace aimc::ops {

/// What an input converter does, for training: nothing; clamp only; clamp and round.
enum class DacMode : int64_t { Off = 0, Clamp = 1, Round = 2 };
/// As model::AdcKind, and `Clamp`: saturation without rounding.
enum class AdcMode : int64_t { Ideal = 0, Linear = 1, Cco = 2, Clamp = 3 };

/// Where a weight's blocks lie: six numbers per block, row, rows, col, cols (in the weight),
/// at_row, at_col (in the tile). Blocks form bands: equal row ranges that follow each other.
using Blocks = std::vector<int64_t>;

/// The array that blocks lie in, and its converters.
struct Circuit {
  int64_t tileRows = 512, tileCols = 512;
  double columnOhm = 0, adcOhm = 0;
  double rowOhm = 0, driverOhm = 0; ///< either: rows and columns are one network (foldCrossbar)
  bool open = false;                ///< idle rows are disconnected (openRead)
  bool alternating = false;
  double gMinUS = 0.1, gMaxUS = 25, readVolt = 0.2, tickNs = 1;
  int64_t levels = 127;
  DacMode dac = DacMode::Round;
  AdcMode adc = AdcMode::Ideal;
  int64_t adcBits = 12;
  std::vector<int64_t> passes; ///< shift and bits of each pass of the DAC; empty: one pass

  bool plane() const { return rowOhm > 0 || driverOhm > 0; }
};

/// y = x through the tiles that hold `weight`, without noise: pairs, fold, DAC, product, ADC, sum
/// over bands. `weight` is [K, N] or, `transposed`, [N, K]; `scale` [bands, N]; `gain` [bands, N] a
/// digital factor per column; `range` [bands] full-scale inputs, absent: each vector's largest
/// magnitude; `lsb` [blocks] in fC.
at::Tensor tileLinear(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &scale,
                      const std::optional<at::Tensor> &gain, const std::optional<at::Tensor> &range,
                      const std::optional<at::Tensor> &lsb, const Blocks &blocks, bool transposed,
                      const Circuit &circuit);

/// |w| / s up to which a weight is at its scale and not beyond it: what is clipped and shaped in
/// single precision is off by a few roundings, and a weight at the scale keeps its gradient.
constexpr double kAtScale = 1.0 + 1e-6;

/// Target pair of a weight under a scale that broadcasts to it; of several, the one with `share`.
std::tuple<at::Tensor, at::Tensor> targetPairs(const at::Tensor &weight, const at::Tensor &scale,
                                               double gMinUS, double gMaxUS,
                                               model::PairShare share = {});

/// (Weff in uA per unit input, T) of pairs [..., K, N] or, `transposed`, [..., N, K]. `background`
/// [blocks, tile rows, block columns at most] holds conductances of cells outside a block, uS;
/// absent: 2 g_min.
std::tuple<at::Tensor, at::Tensor> fold(const at::Tensor &plus, const at::Tensor &minus,
                                        const std::optional<at::Tensor> &background,
                                        const Blocks &blocks, bool transposed,
                                        const Circuit &circuit);

/// y = x through folded tiles. `plus`, `minus`, `transfer` are needed for read noise alone, whose
/// draws are noise(key, part + band) where a key is given, and else come from `generator`. A key of
/// four numbers, seed, call, read and pair, means those of a session's reads (Noise.cpp).
struct ReadNoiseInputs {
  at::Tensor plus, minus, transfer;
  double scale = 1;
  std::optional<at::Tensor> key;
  int64_t part = 0;
  std::optional<at::Generator> generator;
};
at::Tensor read(const at::Tensor &x, const at::Tensor &weff, const at::Tensor &scale,
                const std::optional<at::Tensor> &gain, const std::optional<at::Tensor> &range,
                const std::optional<at::Tensor> &lsb, const Blocks &blocks, bool transposed,
                const Circuit &circuit, const std::optional<ReadNoiseInputs> &noise = {});

/// As fold, for wires along rows too: implicit gradients, for small layers.
std::tuple<at::Tensor, at::Tensor> foldCrossbar(const at::Tensor &plus, const at::Tensor &minus,
                                                const Blocks &blocks, bool transposed,
                                                const Circuit &circuit);

/// How rows of K inputs conduct over all passes of the DAC, [slots, K]; from a histogram [K, 32] of
/// |x| / range, or by default.
struct RowActivities {
  at::Tensor probability, share;
};
RowActivities rowActivity(const std::optional<at::Tensor> &histogram, int64_t rows,
                          const Circuit &circuit);

/// The devices that pulses are pre-distorted for: all pairs of a weight are read with the pulses of
/// the first. Absent: those that are read.
struct PulsePair {
  std::optional<at::Tensor> plus, minus;
};

/// y = x through tiles whose idle rows are disconnected, as fidelity one_product has it. Pairs are
/// [K, N] or, `transposed`, [N, K]. `predistort`: pulses are pre-distorted per vector against each
/// block's mean attenuation. Read noise where `noiseScale` > 0, with draws noise(key, part + band).
at::Tensor openRead(const at::Tensor &x, const at::Tensor &plus, const at::Tensor &minus,
                    const RowActivities &activity, const at::Tensor &scale,
                    const std::optional<at::Tensor> &gain, const std::optional<at::Tensor> &range,
                    const std::optional<at::Tensor> &lsb, const Blocks &blocks, bool transposed,
                    const Circuit &circuit, bool predistort = false, double noiseScale = 0,
                    const std::optional<at::Tensor> &key = {}, int64_t part = 0,
                    const PulsePair &pulses = {});

/// Whichever of fold, foldCrossbar and openRead the circuit asks for, and the read. `activity` of
/// open rows, absent: the default.
at::Tensor throughTiles(const at::Tensor &x, const at::Tensor &plus, const at::Tensor &minus,
                        const std::optional<RowActivities> &activity, const at::Tensor &scale,
                        const std::optional<at::Tensor> &gain,
                        const std::optional<at::Tensor> &range,
                        const std::optional<at::Tensor> &lsb, const Blocks &blocks, bool transposed,
                        const Circuit &circuit, bool predistort = false, double noiseScale = 0,
                        const std::optional<at::Tensor> &key = {}, int64_t part = 0,
                        const PulsePair &pulses = {});

/// What a target's device says beside its noise. `table`: the JSON of a device file, for the kind
/// table; with mistakes in it, or a range that the kind is not known in, a c10::ValueError.
struct DeviceFacts {
  bool noisyReads;          ///< reads of nanoseconds are noisy
  double stuckOff, stuckOn; ///< probabilities: the target's, or the table's where it has none
};
DeviceFacts deviceFacts(const std::string &kind, double gMinUS, double gMaxUS, double stuckOff,
                        double stuckOn, const std::string &table = "");

/// A device model as curves over the conductance, sampled from runtime/model for one time since
/// programming (absent: right after it).
struct DeviceLaw {
  at::Tensor curves;
  std::vector<double> law;
};
DeviceLaw deviceCurves(const std::string &kind, double gMinUS, double gMaxUS,
                       double programmingScale, double readScale, double driftScale,
                       double acceptancePercent, std::optional<double> timeS,
                       const std::string &table = "");

/// Conductances of devices with target `target`, from N(0,1) draws (absent: none happens) and
/// factors on what is programmed.
at::Tensor deviceState(const at::Tensor &target, const std::optional<at::Tensor> &programming,
                       const std::optional<at::Tensor> &life,
                       const std::optional<at::Tensor> &lowFrequency, const DeviceLaw &device,
                       const std::optional<at::Tensor> &spread = {});

/// The runtime's own N(0,1) draws for cells [row, row + rows) x [col, col + cols); of what is drawn
/// anew at each time, those at `timeS`.
at::Tensor normals(int64_t seed, int64_t stream, int64_t id, int64_t sub, int64_t row, int64_t col,
                   int64_t rows, int64_t cols, std::optional<double> timeS = {});
/// The same, uniform in [0, 1).
at::Tensor uniforms(int64_t seed, int64_t stream, int64_t id, int64_t sub, int64_t row, int64_t col,
                    int64_t rows, int64_t cols);

/// N(0,1) of a shape as a function of `key` (int64: seed, site, step) and `part` alone.
at::Tensor noise(at::IntArrayRef size, const at::Tensor &key, int64_t part = 0);

/// s_j [bands, N] by a rule of the compiler, `max`, `sigma:<q>` or `optimal`. No gradient.
at::Tensor conductanceScales(const at::Tensor &weight, const Blocks &blocks, bool transposed,
                             const std::string &rule, const std::string &kind,
                             const Circuit &circuit, double programmingScale = 1,
                             double acceptancePercent = 2,
                             const std::vector<double> &significance = {},
                             const std::string &table = "");

/// The same by a rule that knows no noise, `max` or `sigma:<q>`, on the weight's own device.
at::Tensor columnScales(const at::Tensor &weight, const Blocks &blocks, bool transposed,
                        const std::string &rule);

/// Full tiles first, the remainder last, each at the rows next to the ADC.
Blocks cutBlocks(int64_t rows, int64_t cols, const Circuit &circuit);

/// Closed-form compensation, each block alone in its tile: factors for the clipped weight, in its
/// layout, and for the outputs, [bands, N]. `histogram` of open rows as in rowActivity. No
/// gradient.
std::tuple<at::Tensor, at::Tensor> compensation(const at::Tensor &weight, const at::Tensor &scale,
                                                const Blocks &blocks, bool transposed,
                                                const Circuit &circuit, const std::string &mode,
                                                const std::optional<at::Tensor> &histogram = {});

} // namespace aimc::ops
