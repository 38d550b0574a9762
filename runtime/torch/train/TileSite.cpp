//===- TileSite.cpp - one product through its tiles -----------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The same steps as python/aimc/torch/layer.py, over the same operators: without noise both paths
// have the same outputs and gradients. Draws of training steps differ (TileSite.h).
//
//===----------------------------------------------------------------------===//
#include "TileSite.h"
#include "Checkpoint.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <cmath>
#include <sstream>

namespace aimc::train {

namespace {
/// Scale of a column of zeros, as in aimc.torch: its output is nothing beside any other's, but its
/// weights have their gradient, without which they would stay zero for good. Not where rows have
/// wires: its conductances, which know no scale, change what other columns see.
constexpr double kNothing = 1e-20;
} // namespace

TileSite::TileSite(SiteSpec given_, bool transposed, int64_t unit, int64_t site,
                   const TileOptions &options, std::shared_ptr<const Clock> clock)
    : spec(std::move(given_)), shares(model::pairShares(spec.target->significance)),
      transposed(transposed), optimal(options.scale == "optimal"), compensates(false), unit(unit),
      site(site), options(options), clock(std::move(clock)) {
  std::vector<float> steps;
  bool scaled = false;
  mode = options.compensate;
  for (const TileBlock &block : spec.blocks) {
    for (int64_t number : {block.row, block.rows, block.col, block.cols, block.atRow, block.atCol})
      blocks.push_back(number);
    if (bands.empty() || bands.back().first != block.row)
      bands.emplace_back(block.row, block.rows);
    steps.push_back(static_cast<float>(block.lsbFC.value_or(spec.target->lsbFC)));
    scaled |= block.scales.defined();
    if (mode.empty())
      mode = block.compensate;
  }
  auto count = static_cast<int64_t>(bands.size());
  if (scaled) {
    given = at::full({count, spec.cols}, std::nan(""));
    size_t band = 0;
    for (const TileBlock &block : spec.blocks) {
      while (bands[band].first != block.row)
        ++band;
      if (block.scales.defined())
        given[static_cast<int64_t>(band)].narrow(0, block.col, block.cols).copy_(block.scales);
    }
    optimal = false;
  }
  const ops::Circuit &circuit = spec.target->circuit;
  compensates = !mode.empty() && mode != "none" &&
                (circuit.columnOhm > 0 || circuit.adcOhm > 0 || circuit.plane());
  if (circuit.open)
    conducting = ops::rowActivity(histogram(), spec.rows, circuit);
  if (spec.inputRange)
    range = at::full({count}, *spec.inputRange, at::kFloat);
  if (circuit.adc != ops::AdcMode::Ideal)
    lsb = at::tensor(steps);
  if (optimal)
    scales = at::zeros({count, spec.cols});
  if (compensates) {
    for (size_t k = 0; k < shares.size(); ++k) {
      shape.push_back(at::ones(transposed ? at::IntArrayRef{spec.cols, spec.rows}
                                          : at::IntArrayRef{spec.rows, spec.cols}));
      gains.push_back(at::ones({count, spec.cols}));
    }
  }
}

std::optional<at::Tensor> TileSite::histogram() const {
  return spec.activity.defined() ? std::optional(spec.activity) : std::nullopt;
}

uint64_t TileSite::contents(uint64_t hash) const {
  std::ostringstream os;
  os.precision(17);
  os << spec.layer << ' ' << spec.initializer << ' ' << transposed << ' ' << unit << ' '
     << spec.rows << ' ' << spec.cols << ' ' << spec.inputRange.value_or(-1) << ' '
     << spec.target->text << spec.target->table;
  for (const TileBlock &block : spec.blocks) {
    for (int64_t number : {block.row, block.rows, block.col, block.cols, block.atRow, block.atCol,
                           block.stream.value_or(-1)})
      os << ' ' << number;
    os << ' ' << block.lsbFC.value_or(-1) << ' ' << block.compensate;
    if (block.scales.defined())
      hash = hashOf(block.scales, hash);
  }
  return hashOf(os.str(), spec.activity.defined() ? hashOf(spec.activity, hash) : hash);
}

std::map<std::string, at::Tensor> TileSite::state() const {
  std::map<std::string, at::Tensor> state;
  if (scales.defined())
    state["scales"] = scales;
  for (size_t k = 0; k < shape.size(); ++k) {
    const std::string pair = k == 0 ? std::string() : std::to_string(k);
    state["shape" + pair] = shape[k];
    state["gains" + pair] = gains[k];
  }
  return state;
}

void TileSite::keep() {
  keptStale = stale;
  for (const auto &[name, tensor] : state())
    kept[name] = tensor.clone();
}

void TileSite::restore() {
  stale = keptStale;
  for (auto &[name, tensor] : state())
    tensor.copy_(kept.at(name));
}

at::Tensor TileSite::scaleOf(const at::Tensor &weight) const {
  if (optimal)
    return scales;
  // Beside a spec's optimal scales, which stay as they are.
  const std::string rule = options.scale == "optimal" ? "max" : options.scale;
  at::Tensor own = ops::columnScales(weight, blocks, transposed, rule);
  return given.defined() ? at::where(given.isnan(), own, given) : own;
}

/// Scales per cell, in the weight's layout.
at::Tensor TileSite::wide(const at::Tensor &scale) const {
  at::Tensor cells = scale;
  if (bands.size() > 1) {
    std::vector<int64_t> heights;
    for (auto [row, height] : bands)
      heights.push_back(height);
    cells = at::repeat_interleave(scale, at::tensor(heights, at::kLong), 0);
  }
  return transposed ? cells.t() : cells;
}

model::ScaleReport TileSite::scaleReport(const at::Tensor &weight) const {
  model::ScaleReport report;
  if (const auto rule = model::parseScaleRule(options.scale);
      !rule || rule->kind != model::ScaleRule::Kind::Sigma)
    return report;
  c10::NoGradGuard guard;
  const at::Tensor values = weight.abs().to(at::kDouble);
  const at::Tensor own = given.defined()
                             ? wide(given).isnan().expand_as(values)
                             : at::ones_like(values, at::TensorOptions().dtype(at::kBool));
  const at::Tensor over =
      at::clamp_min(values - wide(scaleOf(weight)).to(at::kDouble), 0).masked_fill(~own, 0);
  report.cells = own.sum().item<int64_t>();
  report.clipped = (over > 0).sum().item<int64_t>();
  report.clipError = over.square().sum().item<double>();
  report.power = values.masked_fill(~own, 0).square().sum().item<double>();
  return report;
}

void TileSite::follow(const at::Tensor &weight) {
  stale = false;
  c10::NoGradGuard guard;
  const TileTarget &target = *spec.target;
  if (optimal)
    scales.copy_(ops::conductanceScales(
        weight, blocks, transposed, options.scale, target.device, target.circuit,
        target.programmingScale, target.acceptancePercent, target.significance, target.table));
  for (size_t k = 0; k < shape.size(); ++k) {
    at::Tensor wanted = weight, full = scaleOf(weight);
    if (shares.size() > 1) { // each pair is a crossbar of its own
      wanted = normalised(weight, full, k);
      full = at::ones_like(full);
    }
    auto [factors, outputs] =
        ops::compensation(wanted, full, blocks, transposed, target.circuit, mode, histogram());
    shape[k].copy_(factors.expand(shape[k].sizes()));
    gains[k].copy_(outputs.expand(gains[k].sizes()));
  }
}

/// The fused operator knows one pair, wires along columns and a single conversion.
bool TileSite::simple(const ops::Circuit &circuit) const {
  return !circuit.open && !circuit.plane() &&
         (circuit.passes.empty() || circuit.adc == ops::AdcMode::Ideal);
}

at::Tensor TileSite::shaped(const at::Tensor &weight, const at::Tensor &scale) const {
  if (!compensates)
    return weight;
  at::Tensor limit = wide(scale) * ops::kAtScale;
  // Not by minimum and maximum: the largest weight of a column is its limit, and they would give
  // the limit, which is a constant, half of its gradient.
  return at::clamp(weight, -limit, limit) * shape.front();
}

/// What pair k holds of the weight, in its own range from -1 to 1.
at::Tensor TileSite::normalised(const at::Tensor &weight, const at::Tensor &scale, size_t k) const {
  const ops::Circuit &circuit = spec.target->circuit;
  auto [plus, minus] =
      ops::targetPairs(weight, wide(scale), circuit.gMinUS, circuit.gMaxUS, shares[k]);
  return (plus - minus) / (circuit.gMaxUS - circuit.gMinUS);
}

std::tuple<at::Tensor, at::Tensor> TileSite::targets(const at::Tensor &weight,
                                                     const at::Tensor &scale, size_t k) const {
  const double low = spec.target->circuit.gMinUS, high = spec.target->circuit.gMaxUS;
  if (shares.size() == 1)
    return ops::targetPairs(shaped(weight, scale), wide(scale), low, high);
  if (!compensates)
    return ops::targetPairs(weight, wide(scale), low, high, shares[k]);
  return ops::targetPairs(normalised(weight, scale, k) * shape[k], at::ones({1, 1}), low, high);
}

std::optional<at::Tensor> TileSite::gainOf(size_t k) const {
  return compensates ? std::optional(gains[k]) : std::nullopt;
}

at::Tensor TileSite::throughDevices(const at::Tensor &x, const at::Tensor &weight,
                                    const at::Tensor &scale, const std::optional<at::Tensor> &steps,
                                    const ops::Circuit &given, bool noisy) const {
  const TileTarget &target = *spec.target;
  const double strength = noisy && target.noisyReads ? target.readScale * options.read : 0;
  ops::Circuit circuit = given;
  if (simple(circuit) && strength == 0)
    circuit.passes.clear(); // linear: passes add up to one
  std::vector<Pair> pairs, fresh;
  const bool compensated = noisy && options.compensateDrift && timeNow();
  for (size_t k = 0; k < shares.size(); ++k) {
    auto [plus, minus] = targets(weight, scale, k);
    const auto first = static_cast<int64_t>(2 * k);
    if (compensated) {
      c10::NoGradGuard guard;
      fresh.emplace_back(devices(plus, first, std::nullopt),
                         devices(minus, first + 1, std::nullopt));
    }
    if (noisy) {
      plus = devices(plus, first, timeNow());
      minus = devices(minus, first + 1, timeNow());
    }
    pairs.emplace_back(plus, minus);
  }
  std::optional<at::Tensor> lost;
  if (compensated)
    lost = driftFactor(fresh, pairs);
  at::Tensor total;
  for (size_t k = 0; k < shares.size(); ++k) {
    const auto &[plus, minus] = pairs[k];
    std::optional<at::Tensor> gain = gainOf(k);
    if (lost)
      gain = gain ? *gain * *lost : *lost;
    // Draws of this site: a weight that is read twice is read with other noise.
    at::Tensor y = ops::throughTiles(x, plus, minus, conducting, scale, gain, range, steps, blocks,
                                     transposed, circuit, compensates && mode == "weights+pulses",
                                     strength, key(site), kRead + kPair * static_cast<int64_t>(k),
                                     {pairs.front().first, pairs.front().second});
    if (shares.size() > 1)
      y = y * shares[k].share;
    total = total.defined() ? total + y : y;
  }
  return total;
}

void TileSite::count(const at::Tensor &x) {
  c10::NoGradGuard guard;
  at::Tensor vectors = x.detach().reshape({-1, spec.rows}).to(at::kDouble);
  const at::Tensor finite = vectors.isfinite().all(1); // others have no outputs either
  vectors = vectors.index_select(0, finite.nonzero().squeeze(1)).abs() / *spec.inputRange;
  const auto levels = static_cast<double>(spec.target->circuit.levels);
  clipped.inputs += vectors.numel();
  clipped.beyond += (vectors * levels).round().gt(levels).count_nonzero().item<int64_t>();
  clipped.power += vectors.square().sum().item<double>();
  clipped.lost += (vectors - 1).clamp_min(0).square().sum().item<double>();
}

/// Saturation shows as the difference between a reading that is only clamped and one that is not.
void TileSite::measure(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &scale) {
  c10::NoGradGuard guard;
  dacShare = adcShare = 0;
  if (range)
    dacShare = x.abs().gt(*spec.inputRange).to(at::kFloat).mean().item<double>();
  if (!lsb)
    return;
  ops::Circuit open = spec.target->circuit, clamped = open;
  open.adc = ops::AdcMode::Ideal;
  clamped.adc = ops::AdcMode::Clamp;
  // Readings grow with weights, and without a range with inputs. Neither must overflow here, as in
  // a run that diverges they do.
  auto zero = [](const at::Tensor &t) { return t.nan_to_num(0, 0, 0); };
  auto largest = [](const at::Tensor &t) { return t.abs().max().clamp_min(1e-30); };
  at::Tensor input = zero(x), devices = zero(weight), full = zero(scale), top = largest(devices);
  if (!range)
    input = input / largest(input);
  devices = devices / top;
  full = full / top;
  at::Tensor free = reading(input, devices, full, {}, open, false);
  at::Tensor held = reading(input, devices, full, lsb, clamped, false);
  at::Tensor beyond = (free - held).abs().gt(free.abs().max() * 1e-3);
  adcShare = beyond.to(at::kFloat).mean().item<double>();
}

at::Tensor TileSite::reading(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &scale,
                             const std::optional<at::Tensor> &steps, const ops::Circuit &circuit,
                             bool noisy) const {
  if (noisy || shares.size() > 1 || !simple(circuit))
    return throughDevices(x, weight, scale, steps, circuit, noisy);
  return ops::tileLinear(x, shaped(weight, scale), scale, gainOf(0), range, steps, blocks,
                         transposed, circuit);
}

at::Tensor TileSite::forward(const at::Tensor &x, const at::Tensor &stored) {
  at::Tensor weight = stored;
  if (stale && (optimal || compensates))
    follow(weight.detach());
  if (options.gaussian > 0) { // the paper's noise, in place of devices
    std::vector<int64_t> inputs{transposed ? 1 : 0};
    at::Tensor top = weight.detach().abs().amax(inputs, true);
    weight = weight + draw(weight.sizes(), kGaussian) * (top * options.gaussian);
  }
  at::Tensor scale = scaleOf(weight.detach());
  if (!spec.target->circuit.plane())
    scale = scale.masked_fill(scale.eq(0), kNothing);
  if (clock->counting && range && spec.target->circuit.dac != ops::DacMode::Off)
    count(x);
  if (clock->inspect)
    measure(x, weight.detach(), scale);
  const TileTarget &t = *spec.target;
  bool varied =
      t.chipSpread + t.tileSpread + t.columnSpread + t.deviceSpread + t.stuckOff + t.stuckOn > 0;
  bool ages = !options.times.empty() && options.drift > 0;
  // Spreads and stuck devices are the target's, whatever strength its noise has.
  bool draws = t.device != "ideal" && (options.programming > 0 || options.read > 0 || ages);
  bool noisy = options.gaussian == 0 && (draws || varied);
  return reading(x, weight, scale, lsb, t.circuit, noisy);
}

} // namespace aimc::train
