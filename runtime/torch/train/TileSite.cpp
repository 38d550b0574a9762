//===- TileSite.cpp - one product through its tiles -----------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The same steps as python/aimc/torch/layer.py, over the same operators and with the same numbers
// for parts of the noise: both paths train for one chip.
//
//===----------------------------------------------------------------------===//
#include "TileSite.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <cmath>

namespace aimc::train {

namespace {
/// Parts of a site's noise: the generator keys draws by them.
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
/// model::StreamKind of the runtime's draws for Programming, Drift and OneOverF.
constexpr std::pair<int64_t, int64_t> kStreams[] = {{kProgram, 1}, {kLife, 3}, {kLow, 5}};
constexpr int64_t kEvaluation = int64_t(1) << 31; ///< in place of a step: no step is as late
} // namespace

TileSite::TileSite(SiteSpec given_, bool transposed, int64_t unit, int64_t site,
                   const TileOptions &options, std::shared_ptr<const Clock> clock)
    : spec(std::move(given_)), transposed(transposed), optimal(options.scale == "optimal"),
      compensates(false), unit(unit), site(site), options(options), clock(std::move(clock)) {
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
    shape = at::ones(transposed ? at::IntArrayRef{spec.cols, spec.rows}
                                : at::IntArrayRef{spec.rows, spec.cols});
    gains = at::ones({count, spec.cols});
  }
}

std::optional<at::Tensor> TileSite::histogram() const {
  return spec.activity.defined() ? std::optional(spec.activity) : std::nullopt;
}

std::map<std::string, at::Tensor> TileSite::state() const {
  std::map<std::string, at::Tensor> state;
  for (auto [name, tensor] :
       {std::pair("scales", scales), std::pair("shape", shape), std::pair("gains", gains)})
    if (tensor.defined())
      state[name] = tensor;
  return state;
}

at::Tensor TileSite::key(int64_t number) const {
  return clock->chip ? at::tensor({*clock->chip, number, kEvaluation}, at::kLong)
                     : at::tensor({options.seed, number, clock->step}, at::kLong);
}

at::Tensor TileSite::draw(c10::IntArrayRef size, int64_t part) const {
  return ops::noise(size, key(unit), part);
}

at::Tensor TileSite::scaleOf(const at::Tensor &weight) const {
  if (optimal)
    return scales;
  c10::NoGradGuard guard;
  std::vector<at::Tensor> rows;
  bool sigma = options.scale.rfind("sigma:", 0) == 0;
  for (auto [row, height] : bands) {
    at::Tensor band =
        transposed ? weight.narrow(1, row, height).t() : weight.narrow(0, row, height);
    at::Tensor top = band.abs().amax(0);
    if (sigma)
      top = at::minimum(top, band.std(0, false) * std::strtod(options.scale.c_str() + 6, nullptr));
    rows.push_back(top);
  }
  at::Tensor own = at::stack(rows);
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

void TileSite::follow(const at::Tensor &weight) {
  stale = false;
  c10::NoGradGuard guard;
  const TileTarget &target = *spec.target;
  if (optimal)
    scales.copy_(ops::conductanceScales(weight, blocks, transposed, options.scale, target.device,
                                        target.circuit, target.programmingScale));
  if (compensates) {
    auto [factors, outputs] = ops::compensation(weight, scaleOf(weight), blocks, transposed,
                                                target.circuit, mode, histogram());
    shape.copy_(factors.expand(shape.sizes()));
    gains.copy_(outputs.expand(gains.sizes()));
  }
}

std::optional<double> TileSite::timeNow() const {
  if (options.times.empty())
    return std::nullopt;
  auto position = static_cast<size_t>(clock->chip ? *clock->chip : clock->step);
  return options.times[position % options.times.size()];
}

/// N(0,1) for the plus (0) or minus (1) devices. A chip instance of placed tiles has the runtime's
/// devices: those that a session with the chip's number as its seed has.
at::Tensor TileSite::deviceDraw(const at::Tensor &like, int64_t part, int64_t which,
                                std::optional<double> time) const {
  if (!clock->chip || !spec.blocks.front().stream)
    return draw(like.sizes(), part + which);
  int64_t kind = 0;
  for (auto [own, stream] : kStreams)
    kind = own == part ? stream : kind;
  at::Tensor out = at::empty({spec.rows, spec.cols}, at::kFloat);
  for (const TileBlock &b : spec.blocks)
    out.narrow(0, b.row, b.rows)
        .narrow(1, b.col, b.cols)
        .copy_(ops::normals(*clock->chip, kind, *b.stream, which, b.atRow, b.atCol, b.rows, b.cols,
                            part == kLow ? time : std::nullopt));
  return transposed ? out.t() : out;
}

at::Tensor TileSite::devices(const at::Tensor &target, int64_t which,
                             std::optional<double> time) const {
  const TileTarget &t = *spec.target;
  at::Tensor g = target;
  if (t.device != "ideal") {
    auto law = laws.find(time);
    if (law == laws.end())
      law = laws.emplace(time,
                         ops::deviceCurves(t.device, t.circuit.gMinUS, t.circuit.gMaxUS,
                                           t.programmingScale * options.programming,
                                           t.readScale * options.read, t.driftScale * options.drift,
                                           t.acceptancePercent, time))
                .first;
    std::optional<at::Tensor> life, low;
    if (time) {
      life = deviceDraw(target, kLife, which, time);
      low = deviceDraw(target, kLow, which, time);
    }
    at::Tensor programming = deviceDraw(target, kProgram, which, time);
    g = ops::deviceState(target, programming, life, low, law->second);
  }
  auto vary = [&](double deviation, c10::IntArrayRef size, int64_t part) {
    if (deviation > 0)
      g = g * (draw(size, part) * deviation + 1).clamp_min(0.0);
  };
  vary(t.chipSpread, {1, 1}, kChip);
  vary(t.tileSpread, {1, 1}, kTile);
  vary(t.columnSpread, transposed ? at::IntArrayRef{spec.cols, 1} : at::IntArrayRef{1, spec.cols},
       kColumn);
  vary(t.deviceSpread, g.sizes(), kSpread + which);
  if (t.stuckOff + t.stuckOn > 0) {
    at::Tensor level = at::special_ndtr(draw(g.sizes(), kStuck + which));
    g = g.masked_fill(level.lt(t.stuckOff), t.circuit.gMinUS);
    g = g.masked_fill(level.ge(1.0 - t.stuckOn), t.circuit.gMaxUS);
  }
  return g;
}

bool TileSite::simple(const ops::Circuit &circuit) const {
  return !circuit.open && !circuit.plane() &&
         (circuit.passes.empty() || circuit.adc == ops::AdcMode::Ideal);
}

at::Tensor TileSite::throughDevices(const at::Tensor &x, const at::Tensor &weight,
                                    const at::Tensor &scale, const std::optional<at::Tensor> &gain,
                                    const std::optional<at::Tensor> &steps,
                                    const ops::Circuit &circuit, bool noisy) const {
  const TileTarget &target = *spec.target;
  auto [plus, minus] = ops::targetPairs(weight, wide(scale), circuit.gMinUS, circuit.gMaxUS);
  double strength = 0;
  if (noisy) {
    std::optional<double> time = timeNow();
    plus = devices(plus, 0, time);
    minus = devices(minus, 1, time);
    if (target.device == "pcm") // as DeviceModel::noisyReads
      strength = target.readScale * options.read;
  }
  // Draws of this site: a weight that is read twice is read with other noise.
  return ops::throughTiles(x, plus, minus, conducting, scale, gain, range, steps, blocks,
                           transposed, circuit, compensates && mode == "weights+pulses", strength,
                           key(site), kRead);
}

/// Saturation shows as the difference between a reading that is only clamped and one that is not.
void TileSite::measure(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &scale,
                       const std::optional<at::Tensor> &gain) {
  c10::NoGradGuard guard;
  dacShare = adcShare = 0;
  at::Tensor finite = x.nan_to_num();
  if (range)
    dacShare = finite.abs().gt(*spec.inputRange).to(at::kFloat).mean().item<double>();
  if (!lsb)
    return;
  ops::Circuit open = spec.target->circuit, clamped = open;
  open.adc = ops::AdcMode::Ideal;
  clamped.adc = ops::AdcMode::Clamp;
  auto reading = [&](const std::optional<at::Tensor> &steps, const ops::Circuit &circuit) {
    return simple(circuit) ? ops::tileLinear(finite, weight, scale, gain, range, steps, blocks,
                                             transposed, circuit)
                           : throughDevices(finite, weight, scale, gain, steps, circuit, false);
  };
  at::Tensor free = reading({}, open), held = reading(lsb, clamped);
  at::Tensor beyond = (free - held).abs().gt(free.abs().max() * 1e-3);
  adcShare = beyond.to(at::kFloat).mean().item<double>();
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
  std::optional<at::Tensor> gain;
  if (compensates) {
    at::Tensor limit = wide(scale);
    weight = at::minimum(at::maximum(weight, -limit), limit) * shape;
    gain = gains;
  }
  if (clock->inspect)
    measure(x, weight.detach(), scale, gain);
  const TileTarget &t = *spec.target;
  bool varied =
      t.chipSpread + t.tileSpread + t.columnSpread + t.deviceSpread + t.stuckOff + t.stuckOn > 0;
  bool ages = !options.times.empty() && options.drift > 0;
  bool noisy = options.gaussian == 0 && (options.programming > 0 || options.read > 0 || ages) &&
               (t.device != "ideal" || varied);
  if (noisy || !simple(t.circuit))
    return throughDevices(x, weight, scale, gain, lsb, t.circuit, noisy);
  return ops::tileLinear(x, weight, scale, gain, range, lsb, blocks, transposed, t.circuit);
}

} // namespace aimc::train
