//===- PackOpen.cpp - blocks whose idle rows are disconnected --*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The columns of a block lie in the places of the panels of model/OneProduct.h. Only fidelity
// one_product has a reference for each panel.
//
//===----------------------------------------------------------------------===//
#include "PackOpen.h"

#include "KernelTable.h"
#include "aimc/model/OneProduct.h"

#include <algorithm>
#include <cmath>

namespace aimc::exec {

namespace {

/// Values [rows x cols] in packed order.
std::vector<float> permuted(const float *data, int64_t stride, int64_t rows,
                            const std::vector<int64_t> &order) {
  std::vector<float> out(static_cast<size_t>(rows) * order.size(), 0.0f);
  for (int64_t i = 0; i < rows; ++i)
    for (size_t c = 0; c < order.size(); ++c)
      if (order[c] >= 0)
        out[static_cast<size_t>(i) * order.size() + c] = data[i * stride + order[c]];
  return out;
}

/// The circuit that fidelities exact and segments follow.
void packCircuit(const BlockSource &s, const std::vector<int64_t> &order, PackedOpen &open) {
  const OpenSource &o = *s.open;
  const model::BlockWindow &w = o.window;
  const size_t cols = order.size();
  const double unit = s.adc.unitFc(), wire = model::wireFromOhm(o.wires.columnOhm);
  const float *gain = s.adc.kind != model::AdcKind::Ideal ? s.adcGain : nullptr;
  const auto cells = static_cast<size_t>(s.rows) * cols;
  open.wire = static_cast<float>(wire);
  open.load.assign(cells, 0.0f);
  open.drive.assign(cells, 0.0f);
  open.last.assign(cols, 0.0f);
  if (o.wires.columnFactor)
    open.pieces.assign(cells, open.wire);
  if (s.vOffV != 0.0)
    open.vOff.assign(cols, 0.0f);
  const auto factorAt = [&](int64_t row, int64_t col) {
    return static_cast<double>(o.wires.columnFactor[row * o.tile.cols + col]);
  };
  double most = 0.0;
  for (size_t c = 0; c < cols; ++c) {
    const int64_t j = order[c];
    if (j < 0)
      continue;
    const int64_t col = w.col + j;
    const bool first = model::readAtFirstRow(o.readout, col);
    const double g = gain ? static_cast<double>(gain[j]) : 1.0;
    const double perUnit = s.tickNs / unit * g;
    const size_t at = c / kPanelCols * static_cast<size_t>(s.rows) * kPanelCols + c % kPanelCols;
    double sum = 0.0;
    for (int64_t i = 0; i < s.rows; ++i) {
      const auto plus = static_cast<double>(s.gPlus[i * s.gStride + j]);
      const auto minus = static_cast<double>(s.gMinus[i * s.gStride + j]);
      const size_t cell = at + static_cast<size_t>(i * kPanelCols);
      open.load[cell] = static_cast<float>(plus + minus);
      open.drive[cell] = static_cast<float>(s.readVolt * (plus - minus) * perUnit);
      sum += plus + minus;
      const int64_t before = w.row + i + (first ? 1 : -1);
      if (o.wires.columnFactor && before >= w.row && before < w.row + w.rows)
        open.pieces[cell] = static_cast<float>(wire * factorAt(before, col));
    }
    most = std::max(most, sum);
    // Open rows between the block and the ADC are wire and nothing else.
    const int64_t begin = first ? 0 : w.row + w.rows - 1;
    const int64_t end = first ? w.row + 1 : o.tile.rows;
    double pieces = 0.0;
    for (int64_t row = begin; row < end; ++row) {
      const bool atAdc = first ? row == 0 : row == o.tile.rows - 1;
      pieces += (atAdc ? 0.5 : 1.0) * (o.wires.columnFactor ? factorAt(row, col) : 1.0);
    }
    open.last[c] = static_cast<float>(wire * pieces + model::wireFromOhm(o.wires.adcOhm));
    if (s.vOffV != 0.0)
      open.vOff[c] = static_cast<float>(s.vOffV * perUnit);
  }
  // b grows by 1 + R h a step; R is at most the whole wire, h at most the whole load.
  const double longest =
      wire * static_cast<double>(o.tile.rows) * (o.wires.columnFactor ? 1.0 + 6.0 : 1.0);
  open.growth = static_cast<float>(std::log1p(longest * most));
  open.strength = static_cast<float>(wire * static_cast<double>(s.rows) * most);
}

} // namespace

PackedBlock packOpenBlock(const BlockSource &s) {
  const OpenSource &o = *s.open;
  const bool product = o.fidelity == model::Fidelity::OneProduct;
  auto open = std::make_shared<PackedOpen>();
  open->fidelity = o.fidelity;
  const std::vector<model::DacPass> passes = o.passes.empty() ? model::onePass(8) : o.passes;
  model::OneProduct fold;
  if ((product || o.predistort || s.noise) && s.rows > 0 && s.cols > 0)
    fold = model::foldOneProduct(o.tile, o.wires, o.readout, o.window,
                                 model::meanActivity(o.histogram, s.rows, passes), product);
  else
    fold.panels =
        model::referencePanels(model::columnLoads(o.tile, o.window), 0.0, o.readout, o.window.col);
  const auto &order = fold.panels.order;
  const auto cols = static_cast<int64_t>(order.size());
  bool natural = true;
  for (size_t c = 0; c < order.size(); ++c)
    natural = natural && (order[c] < 0 || order[c] == static_cast<int64_t>(c));
  if (!natural)
    open->column.assign(order.begin(), order.end());
  open->panelReference = fold.panelReference;
  for (const model::MeanReference &r : fold.references)
    open->references.push_back(r.column);
  for (int side = 0; side < kSides; ++side) {
    open->sidePanels[side] = fold.panels.sidePanels[side];
    open->reference[side] = fold.pulses[side].column;
    open->referenceMean[side].assign(fold.pulses[side].mean.begin(), fold.pulses[side].mean.end());
  }
  if (!product || o.exact)
    packCircuit(s, order, *open);

  BlockSource sorted = s;
  sorted.open = nullptr;
  sorted.cols = sorted.gStride = sorted.transferStride = sorted.weffStride = cols;
  const auto plus = permuted(s.gPlus, s.gStride, s.rows, order);
  const auto minus = permuted(s.gMinus, s.gStride, s.rows, order);
  const auto row = [&](const float *data) {
    return data ? permuted(data, 0, 1, order) : std::vector<float>();
  };
  const auto scale = row(s.columnScale), gain = row(s.adcGain), offset = row(s.adcOffsetLsb);
  std::vector<float> transfer, matrix, out;
  sorted.gPlus = plus.data();
  sorted.gMinus = minus.data();
  sorted.transfer = nullptr;
  sorted.columnScale = scale.data();
  sorted.adcGain = s.adcGain ? gain.data() : nullptr;
  sorted.adcOffsetLsb = s.adcOffsetLsb ? offset.data() : nullptr;
  sorted.columnOutUS = nullptr;
  if (!fold.transfer.empty()) {
    transfer = permuted(fold.transfer.data(), s.cols, s.rows, order);
    matrix = permuted(fold.matrix.data(), s.cols, s.rows, order);
    out = row(fold.outRatio.data());
    sorted.transfer = transfer.data();
    sorted.weff = matrix.data();
    sorted.columnOutUS = product ? out.data() : nullptr;
  }
  PackedBlock block = packFolded(sorted);
  block.cols = s.cols;
  if (!product)
    block.charge.clear();
  block.open = std::move(open);
  return block;
}

} // namespace aimc::exec
