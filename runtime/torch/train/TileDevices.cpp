//===- TileDevices.cpp - the devices of a site ----------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// What a step draws for devices, and what an evaluation takes from the runtime: a chip instance of
// placed tiles has the devices of a session with the chip's number as its seed.
//
//===----------------------------------------------------------------------===//
#include "TileSite.h"

#include "aimc/model/Random.h"

#include <ATen/ATen.h>

namespace aimc::train {

namespace {
constexpr int64_t kEvaluation = int64_t(1) << 31; ///< in place of a step: no step is as late

int64_t streamOf(Part part) {
  using Kind = model::StreamKind;
  switch (part) {
  case kProgram:
    return int64_t(Kind::Programming);
  case kLife:
    return int64_t(Kind::Drift);
  case kLow:
    return int64_t(Kind::OneOverF);
  case kSpread:
    return int64_t(Kind::DeviceSpread);
  case kStuck:
    return int64_t(Kind::Stuck);
  case kChip:
    return int64_t(Kind::ChipSpread);
  case kTile:
    return int64_t(Kind::TileSpread);
  case kColumn:
    return int64_t(Kind::ColumnSpread);
  default:
    return int64_t(Kind::Training);
  }
}
} // namespace

at::Tensor TileSite::key(int64_t number) const {
  return clock->chip ? at::tensor({*clock->chip, number, kEvaluation}, at::kLong)
                     : at::tensor({options.seed, number, clock->step}, at::kLong);
}

at::Tensor TileSite::draw(c10::IntArrayRef size, Part part, int64_t which) const {
  return ops::noise(size, key(unit), part + which % 2 + which / 2 * kPair);
}

std::optional<double> TileSite::timeNow() const {
  if (options.times.empty())
    return std::nullopt;
  auto position = static_cast<size_t>(clock->chip ? *clock->chip : clock->step);
  return options.times[position % options.times.size()];
}

bool TileSite::placed() const { return clock->chip && spec.blocks.front().stream; }

/// `draw(block, stream)` of every block, in the weight's layout.
template <class Draw> at::Tensor TileSite::ofBlocks(const Draw &draw) const {
  at::Tensor out = at::empty({spec.rows, spec.cols}, at::kFloat);
  for (const TileBlock &b : spec.blocks)
    out.narrow(0, b.row, b.rows).narrow(1, b.col, b.cols).copy_(draw(b, *b.stream));
  return transposed ? out.t() : out;
}

at::Tensor TileSite::deviceDraw(const at::Tensor &like, Part part, int64_t which,
                                std::optional<double> time) const {
  if (!placed())
    return draw(like.sizes(), part, which);
  return ofBlocks([&](const TileBlock &b, int64_t stream) {
    return ops::normals(*clock->chip, streamOf(part), stream, which, b.atRow, b.atCol, b.rows,
                        b.cols, part == kLow ? time : std::nullopt);
  });
}

std::optional<at::Tensor> TileSite::spread(const at::Tensor &like, int64_t which) const {
  const TileTarget &t = *spec.target;
  if (t.chipSpread + t.tileSpread + t.columnSpread + t.deviceSpread <= 0)
    return {};
  at::Tensor all = at::ones({1, 1});
  const auto vary = [&](double deviation, const at::Tensor &xi) {
    all = all * (xi * deviation + 1).clamp_min(0.0);
  };
  const auto one = [&](Part part, bool wholeChip) {
    if (!placed())
      return draw({1, 1}, part, 0);
    return ofBlocks([&](const TileBlock &, int64_t stream) {
      const int64_t id = wholeChip ? stream >> 30 << 30 : stream;
      return ops::normals(*clock->chip, streamOf(part), id, 0, 0, 0, 1, 1);
    });
  };
  if (t.chipSpread > 0)
    vary(t.chipSpread, one(kChip, true));
  if (t.tileSpread > 0)
    vary(t.tileSpread, one(kTile, false));
  if (t.columnSpread > 0) { // common to both devices of a pair
    if (placed())
      vary(t.columnSpread, ofBlocks([&](const TileBlock &b, int64_t stream) {
             return ops::normals(*clock->chip, streamOf(kColumn), stream, which / 2, 0, b.atCol, 1,
                                 b.cols);
           }));
    else
      vary(t.columnSpread,
           draw(transposed ? at::IntArrayRef{spec.cols, 1} : at::IntArrayRef{1, spec.cols}, kColumn,
                which / 2 * 2));
  }
  if (t.deviceSpread > 0)
    vary(t.deviceSpread, deviceDraw(like, kSpread, which, std::nullopt));
  return all;
}

at::Tensor TileSite::stuck(const at::Tensor &g, int64_t which) const {
  const TileTarget &t = *spec.target;
  if (t.stuckOff + t.stuckOn <= 0)
    return g;
  const at::Tensor level = placed() ? ofBlocks([&](const TileBlock &b, int64_t stream) {
    return ops::uniforms(*clock->chip, streamOf(kStuck), stream, which, b.atRow, b.atCol, b.rows,
                         b.cols);
  })
                                    : at::special_ndtr(draw(g.sizes(), kStuck, which));
  return g.masked_fill(level.ge(1.0 - t.stuckOn), t.circuit.gMaxUS)
      .masked_fill(level.lt(t.stuckOff), t.circuit.gMinUS);
}

at::Tensor TileSite::devices(const at::Tensor &target, int64_t which,
                             std::optional<double> time) const {
  const TileTarget &t = *spec.target;
  const std::optional<at::Tensor> factors = spread(target, which);
  if (t.device == "ideal")
    return stuck(factors ? target * *factors : target, which);
  auto law = laws.find(time);
  if (law == laws.end())
    law = laws.emplace(time,
                       ops::deviceCurves(t.device, t.circuit.gMinUS, t.circuit.gMaxUS,
                                         t.programmingScale * options.programming,
                                         t.readScale * options.read, t.driftScale * options.drift,
                                         t.acceptancePercent, time, t.table))
              .first;
  std::optional<at::Tensor> life, low;
  if (time) {
    life = deviceDraw(target, kLife, which, time);
    low = deviceDraw(target, kLow, which, time);
  }
  const at::Tensor programming = deviceDraw(target, kProgram, which, time);
  return stuck(ops::deviceState(target, programming, life, low, law->second, factors), which);
}

} // namespace aimc::train
