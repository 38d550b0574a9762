//===- TileState.cpp - the devices of one physical tile -------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/exec/TileState.h"

#include "aimc/model/Ageing.h"
#include "aimc/model/DeviceVariation.h"
#include "aimc/model/Random.h"

#include <algorithm>
#include <charconv>

namespace aimc::exec {

namespace {
/// The plus and the minus device of a cell draw from streams of their own; each plane has two.
enum Device : uint32_t { Plus = 0, Minus = 1 };

uint32_t streamOf(size_t plane, uint32_t device) {
  return static_cast<uint32_t>(2 * plane) + device;
}
} // namespace

std::string scaleRuleText(const model::ScaleRule &rule) {
  using Kind = model::ScaleRule::Kind;
  if (rule.kind != Kind::Sigma)
    return rule.kind == Kind::Max ? "max" : "optimal";
  char text[40]; // the shortest that reads as the same number
  const auto end = std::to_chars(text, text + sizeof text, rule.sigmas).ptr;
  return "sigma:" + std::string(text, end);
}

const char *compensateText(model::Compensate compensate) {
  constexpr const char *texts[] = {"none", "gain", "weights", "weights+pulses"};
  return texts[static_cast<size_t>(compensate)];
}

std::vector<model::DacPass> dacPasses(const Target &target) {
  switch (target.dacMode) {
  case DacMode::Split:
    return model::splitPasses(target.dacBits, target.lsbBits);
  case DacMode::BitSerial:
    return model::bitSerialPasses(target.dacBits);
  case DacMode::OnePass:
    break;
  }
  return model::onePass(target.dacBits);
}

model::DeviceModel deviceInForce(const Target &target, const Effects &effects) {
  model::DeviceModel device = target.deviceModel();
  if (!effects.programming)
    device.programmingScale = 0;
  if (!effects.readNoise)
    device.readScale = 0;
  return device;
}

model::Stream TileState::stream(model::StreamKind kind, uint32_t sub) const {
  return model::makeStream(request.seed, kind, request.id.stream(), sub);
}

//===----------------------------------------------------------------------===//
// Targets
//===----------------------------------------------------------------------===//

void TileState::chooseScales() {
  // A run without the effect keeps the mapping that the effect asks for.
  const model::RelativeNoise noise =
      model::programmingNoise(request.target->deviceModel(), request.target->significance);
  for (size_t b = 0; b < request.blocks.size(); ++b) {
    const TileBlock &block = request.blocks[b];
    float *scale = scaleValues.data() + firstScale[b];
    if (block.scales)
      std::copy_n(block.scales, block.weight.cols, scale);
    else if (block.rule.kind == model::ScaleRule::Kind::Max)
      model::columnScales(block.weight, scale);
    else
      scaled += model::chooseScales(block.weight, block.rule, kind.range, noise, scale);
  }
  for (auto &values : digitalValues)
    values = scaleValues;
}

void TileState::placeTargets() {
  const Target &target = *request.target;
  const auto cells = static_cast<size_t>(target.rows * target.cols);
  const auto rest = static_cast<float>(target.range.gMinUS);
  const auto shares = model::pairShares(target.significance);
  for (size_t k = 0; k < state.size(); ++k) {
    if (request.givenPlus) {
      state[k].plus.assign(request.givenPlus + k * cells, request.givenPlus + (k + 1) * cells);
      state[k].minus.assign(request.givenMinus + k * cells, request.givenMinus + (k + 1) * cells);
      continue;
    }
    state[k].plus.assign(cells, rest);
    state[k].minus.assign(cells, rest);
    for (size_t b = 0; b < request.blocks.size(); ++b) {
      const TileBlock &block = request.blocks[b];
      const int64_t corner = block.atRow * target.cols + block.atCol;
      float *plus = state[k].plus.data() + corner, *minus = state[k].minus.data() + corner;
      const float *scale = scaleValues.data() + firstScale[b];
      if (state.size() == 1)
        model::targetBlock(block.weight, scale, target.range, plus, minus, target.cols);
      else
        model::targetBlockOfPair(block.weight, scale, target.range, shares[k], plus, minus,
                                 target.cols);
    }
  }
}

/// Each plane is a crossbar of its own, so each is compensated by itself.
void TileState::compensate() {
  const Target &target = *request.target;
  const double span = target.range.gMaxUS - target.range.gMinUS;
  model::CompensationTile tile;
  tile.rows = target.rows;
  tile.cols = target.cols;
  tile.range = target.range;
  tile.wires = {target.columnOhm, target.rowOhm, target.driverOhm, target.adcOhm};
  tile.readout = target.readout;
  tile.idle = target.idle;
  tile.passes = dacPasses(target);
  for (size_t k = 0; k < state.size(); ++k) {
    std::vector<model::CompensationBlock> list(request.blocks.size());
    std::vector<std::vector<float>> wantedBlocks(request.blocks.size());
    for (size_t b = 0; b < list.size(); ++b) {
      const TileBlock &block = request.blocks[b];
      list[b].window = window(b);
      list[b].mode = block.compensate;
      list[b].histogram = block.activity;
      auto &u = wantedBlocks[b];
      u.resize(static_cast<size_t>(block.weight.rows * block.weight.cols));
      for (int64_t i = 0; i < block.weight.rows; ++i)
        for (int64_t j = 0; j < block.weight.cols; ++j) {
          const auto cell = static_cast<size_t>((block.atRow + i) * target.cols + block.atCol + j);
          const double difference =
              static_cast<double>(state[k].plus[cell]) - static_cast<double>(state[k].minus[cell]);
          u[static_cast<size_t>(i * block.weight.cols + j)] = static_cast<float>(difference / span);
        }
      list[b].target = u.data();
      list[b].targetStride = block.weight.cols;
    }
    const auto compensated = model::compensateTile(tile, list);
    for (size_t b = 0; b < list.size(); ++b) {
      const TileBlock &block = request.blocks[b];
      if (block.compensate == model::Compensate::None)
        continue;
      for (int64_t j = 0; j < block.weight.cols; ++j)
        digitalValues[k][firstScale[b] + static_cast<size_t>(j)] /=
            compensated[b].columnFactor[static_cast<size_t>(j)];
      if (block.compensate == model::Compensate::Gain)
        continue;
      const std::vector<float> ones(static_cast<size_t>(block.weight.cols), 1.0f);
      const model::WeightView shaped{compensated[b].target.data(), block.weight.rows,
                                     block.weight.cols, block.weight.cols, 1};
      const int64_t corner = block.atRow * target.cols + block.atCol;
      model::targetBlock(shaped, ones.data(), target.range, state[k].plus.data() + corner,
                         state[k].minus.data() + corner, target.cols);
    }
  }
}

//===----------------------------------------------------------------------===//
// Programming
//===----------------------------------------------------------------------===//

void TileState::stick(const TileBlock &block, uint32_t sub, int64_t row, float *cells) {
  const Target &target = *request.target;
  const double off = target.stuckOff, on = target.stuckOn;
  if (!request.effects.variation || (off <= 0 && on <= 0))
    return;
  uniform.resize(static_cast<size_t>(target.cols));
  model::uniforms(stream(model::StreamKind::Stuck, sub), static_cast<uint32_t>(row),
                  static_cast<uint32_t>(block.atCol), block.weight.cols, uniform.data());
  model::stuckRow(cells, uniform.data(), block.weight.cols, off, on, target.range);
}

void TileState::programRows(size_t planeIndex, const TileBlock &block, uint32_t device) {
  const Target &target = *request.target;
  const Kernels &kernels = bestKernels();
  Plane &plane = state[planeIndex];
  const uint32_t sub = streamOf(planeIndex, device);
  const int64_t n = block.weight.cols;
  const bool varies = request.effects.variation;
  const bool programs = kind.programs();
  const bool lives = request.life && kind.drifts();
  const double deviation = varies ? target.deviceSpread : 0;
  float common = 1;
  if (varies && target.chipSpread > 0)
    common *= model::spreadFactor(
        target.chipSpread,
        model::normal(
            model::makeStream(request.seed, model::StreamKind::ChipSpread, request.id.chipStream()),
            0, 0));
  if (varies && target.tileSpread > 0)
    common *= model::spreadFactor(target.tileSpread,
                                  model::normal(stream(model::StreamKind::TileSpread, 0), 0, 0));
  const bool columns = varies && target.columnSpread > 0;
  if (columns) {
    column.resize(static_cast<size_t>(n));
    kernels.normals(stream(model::StreamKind::ColumnSpread, static_cast<uint32_t>(planeIndex)), 0,
                    static_cast<uint32_t>(block.atCol), n, column.data());
    for (float &factor : column)
      factor = model::spreadFactor(target.columnSpread, factor);
  }
  const bool spreads = common != 1 || columns || deviation > 0;
  const auto programStream = stream(model::StreamKind::Programming, sub);
  const auto lifeStream = stream(model::StreamKind::Drift, sub);
  const auto spreadStream = stream(model::StreamKind::DeviceSpread, sub);
  float *g = (device == Plus ? plane.plus : plane.minus).data();
  float *life = (device == Plus ? plane.plusLife : plane.minusLife).data();
  for (int64_t row = block.atRow; row < block.atRow + block.weight.rows; ++row) {
    const int64_t at = row * target.cols + block.atCol;
    float *cells = g + at;
    auto draw = [&](const model::Stream &from) {
      kernels.normals(from, static_cast<uint32_t>(row), static_cast<uint32_t>(block.atCol), n,
                      normals.data());
    };
    if (lives)
      std::copy_n(cells, n, before.data());
    if (programs) {
      draw(programStream);
      model::programRow(kind, cells, normals.data(), n);
    }
    if (spreads) {
      if (deviation > 0)
        draw(spreadStream);
      // The target too, which some kinds start from again at later times.
      for (float *row : {cells, before.data()})
        model::spreadRow(row, common, columns ? column.data() : nullptr, deviation, normals.data(),
                         n);
    }
    stick(block, sub, row, cells);
    if (lives) {
      draw(lifeStream);
      model::lifeRow(kind, before.data(), cells, normals.data(), n, life + at);
    }
  }
}

void TileState::drawWires(size_t planeIndex) {
  const Target &target = *request.target;
  Plane &plane = state[planeIndex];
  plane.columnFactor.clear();
  plane.rowFactor.clear();
  if (!request.effects.variation || target.wireSpread <= 0)
    return;
  auto draw = [&](uint32_t direction, AlignedVector<float> &factors) {
    factors.resize(static_cast<size_t>(target.rows * target.cols));
    const auto from = stream(model::StreamKind::Wire, streamOf(planeIndex, direction));
    for (int64_t row = 0; row < target.rows; ++row)
      bestKernels().normals(from, static_cast<uint32_t>(row), 0, target.cols,
                            factors.data() + row * target.cols);
    for (float &factor : factors)
      factor = model::spreadFactor(target.wireSpread, factor);
  };
  if (target.columnOhm > 0)
    draw(0, plane.columnFactor);
  if (target.rowOhm > 0)
    draw(1, plane.rowFactor);
}

void TileState::drawConverters(size_t planeIndex) {
  const Target &target = *request.target;
  Plane &plane = state[planeIndex];
  plane.gain.clear();
  plane.offsetLsb.clear();
  if (!request.effects.variation || (target.adcGainSpread <= 0 && target.adcOffsetSpreadLsb <= 0))
    return;
  const auto sub = static_cast<uint32_t>(planeIndex);
  auto draw = [&](model::StreamKind kind, AlignedVector<float> &values) {
    values.resize(static_cast<size_t>(target.cols));
    bestKernels().normals(stream(kind, sub), 0, 0, target.cols, values.data());
  };
  draw(model::StreamKind::AdcGain, plane.gain);
  for (float &gain : plane.gain)
    gain = model::spreadFactor(target.adcGainSpread, gain);
  draw(model::StreamKind::AdcOffset, plane.offsetLsb);
  for (float &offset : plane.offsetLsb)
    offset *= static_cast<float>(target.adcOffsetSpreadLsb);
}

void TileState::programPlane(size_t k) {
  const bool lives = request.life && kind.drifts();
  for (auto *life : {&state[k].plusLife, &state[k].minusLife}) {
    if (lives)
      life->assign(state[k].plus.size(), 0.0f);
    else
      life->clear();
  }
  for (const TileBlock &block : request.blocks)
    for (Device device : {Plus, Minus})
      programRows(k, block, device);
  drawWires(k);
  drawConverters(k);
}

void TileState::program(const Request &wantedState) {
  restore(wantedState);
  chooseScales();
  placeTargets();
  bool compensates = false;
  for (const TileBlock &block : request.blocks)
    compensates = compensates || block.compensate != model::Compensate::None;
  if (compensates && request.effects.wire)
    compensate();
  if (keepTargets)
    wanted = state;
  for (size_t k = 0; k < state.size(); ++k)
    programPlane(k);
}

std::vector<Plane> &TileState::restore(const Request &wantedState) {
  request = wantedState;
  kind = deviceInForce(*request.target, request.effects);
  aged = false;
  scaled = {};
  state.resize(static_cast<size_t>(request.target->pairs()));
  for (auto *scratch : {&normals, &before})
    scratch->resize(static_cast<size_t>(request.target->cols));
  firstScale.assign(1, 0);
  for (const TileBlock &block : request.blocks)
    firstScale.push_back(firstScale.back() + static_cast<size_t>(block.weight.cols));
  scaleValues.assign(firstScale.back(), 0.0f);
  digitalValues.assign(state.size(), scaleValues);
  return state;
}

//===----------------------------------------------------------------------===//
// Time
//===----------------------------------------------------------------------===//

void TileState::age(size_t k, const TileBlock &block, uint32_t device, double seconds) {
  const Target &target = *request.target;
  const uint32_t sub = streamOf(k, device);
  const bool drifts = kind.drifts();
  const bool fluctuates = kind.fluctuates();
  const float *programmed = (device == Plus ? state[k].plus : state[k].minus).data();
  const float *life = (device == Plus ? state[k].plusLife : state[k].minusLife).data();
  float *now = (device == Plus ? plusNow[k] : minusNow[k]).data();
  const auto from = model::atTime(stream(model::StreamKind::OneOverF, sub), seconds);
  for (int64_t row = block.atRow; row < block.atRow + block.weight.rows; ++row) {
    const int64_t at = row * target.cols + block.atCol;
    bestKernels().normals(from, static_cast<uint32_t>(row), static_cast<uint32_t>(block.atCol),
                          block.weight.cols, normals.data());
    if (drifts)
      model::driftRow(kind, programmed + at, life + at, normals.data(), block.weight.cols, seconds,
                      now + at);
    if (fluctuates)
      model::lowFrequencyRow(kind, programmed + at, normals.data(), block.weight.cols, seconds,
                             now + at);
    stick(block, sub, row, now + at);
  }
}

void TileState::setTime(std::optional<double> seconds) {
  aged = seconds && model::ages(kind);
  if (!aged)
    return;
  plusNow.resize(state.size());
  minusNow.resize(state.size());
  for (size_t k = 0; k < state.size(); ++k) {
    plusNow[k] = state[k].plus;
    minusNow[k] = state[k].minus;
    for (const TileBlock &block : request.blocks)
      for (Device device : {Plus, Minus})
        age(k, block, device, *seconds);
  }
}

//===----------------------------------------------------------------------===//
// What there is
//===----------------------------------------------------------------------===//

model::TileView TileState::now(size_t plane) const {
  const Target &target = *request.target;
  const float *plus = aged ? plusNow[plane].data() : state[plane].plus.data();
  const float *minus = aged ? minusNow[plane].data() : state[plane].minus.data();
  return {plus, minus, target.rows, target.cols, target.cols};
}

model::TileView TileState::targets(size_t plane) const {
  const Target &target = *request.target;
  return {wanted[plane].plus.data(), wanted[plane].minus.data(), target.rows, target.cols,
          target.cols};
}

model::Wires TileState::wires(size_t plane) const {
  if (!request.effects.wire)
    return {};
  const Target &target = *request.target;
  model::Wires wires{target.columnOhm, target.rowOhm, target.driverOhm, target.adcOhm};
  auto given = [](const AlignedVector<float> &factors) {
    return factors.empty() ? nullptr : factors.data();
  };
  wires.columnFactor = given(state[plane].columnFactor);
  wires.rowFactor = given(state[plane].rowFactor);
  return wires;
}

model::BlockWindow TileState::window(size_t b) const {
  const TileBlock &block = request.blocks[b];
  return {block.atRow, block.weight.rows, block.atCol, block.weight.cols};
}

std::span<const float> TileState::scales(size_t b) const {
  return std::span(scaleValues).subspan(firstScale[b], firstScale[b + 1] - firstScale[b]);
}

std::span<const float> TileState::digitalScales(size_t b, size_t plane) const {
  return std::span(digitalValues[plane]).subspan(firstScale[b], firstScale[b + 1] - firstScale[b]);
}

} // namespace aimc::exec
