//===- PackOpen.cpp - blocks whose idle rows are disconnected --*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The columns of a block with alternating read-out are sorted by the side of their ADC first, each
// side filled up to whole panels. For one_product they are sorted by their load then: what a
// reference column stands for should load as it does, so each panel has a reference of its own,
// in steps, so that conversions are shared. What one_product multiplies with is the mean-field
// attenuation of each cell over that of its reference, both averaged over the converter's passes
// with the input power that each carries.
//
//===----------------------------------------------------------------------===//
#include "PackOpen.h"

#include "KernelTable.h"
#include "aimc/model/OpenRows.h"

#include <algorithm>
#include <cmath>

namespace aimc::exec {

namespace {

/// Steps of the reference that pulses are pre-distorted by, per factor e. Errors of g_ref are
/// second order there: the ratio of mean fields takes it back.
constexpr double kReferenceSteps = 24.0;

float referenceConductance(double mean) {
  return mean > 0.0 ? static_cast<float>(
                          std::exp(std::round(std::log(mean) * kReferenceSteps) / kReferenceSteps))
                    : 0.0f;
}

/// Steps of panels' references in a block of some mean: equal ones, because an error counts
/// against the load of the whole, of a size that blocks share.
constexpr double kPanelSteps = 10.0; ///< about so many between 0 and the mean

double panelStep(double mean) {
  return mean > 0.0 ? std::exp2(std::round(2.0 * std::log2(mean / kPanelSteps)) / 2.0) : 0.0;
}
double panelConductance(double g, double step) {
  return step > 0.0 ? step * std::max(1.0, std::round(g / step)) : 0.0;
}

/// Mean of G+ + G- of each column of the block.
std::vector<double> columnLoads(const BlockSource &s) {
  std::vector<double> loads(static_cast<size_t>(s.cols), 0.0);
  for (int64_t i = 0; i < s.rows; ++i)
    for (int64_t j = 0; j < s.cols; ++j)
      loads[static_cast<size_t>(j)] += static_cast<double>(s.gPlus[i * s.gStride + j]) +
                                       static_cast<double>(s.gMinus[i * s.gStride + j]);
  for (double &load : loads)
    load /= static_cast<double>(std::max<int64_t>(s.rows, 1));
  return loads;
}

/// Columns of the block in the places of its panels, -1: filling; `conductance`: that of each
/// panel's reference.
struct Places {
  std::vector<int64_t> order;
  std::vector<double> conductance;
};

/// One side's columns; returns the number of panels. Where they load alike they stay as they come,
/// with one reference. A few columns far lighter than the rest get a panel that is not full: they
/// hold a few large weights, so their outputs may be the largest of a layer.
int64_t placeSide(std::vector<int64_t> side, const std::vector<double> &loads, double step,
                  Places &places) {
  const auto loadOf = [&](int64_t column) { return loads[static_cast<size_t>(column)]; };
  auto sorted = side;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [&](int64_t a, int64_t b) { return loadOf(a) < loadOf(b); });
  const size_t n = side.size(), full = (n + kPanelCols - 1) / kPanelCols;
  size_t extra = full >= 8 ? 2 : 1;
  std::vector<size_t> begins;
  for (size_t begin = 0; begin < n;) {
    begins.push_back(begin);
    const double limit = 2.0 * loadOf(sorted[begin]);
    size_t end = std::min<size_t>(n, begin + kPanelCols);
    if (step > 0.0 && extra > 0 && loadOf(sorted[end - 1]) > limit + step) {
      while (loadOf(sorted[end - 1]) > limit)
        --end;
      --extra;
    }
    begin = end;
  }
  begins.push_back(n);
  std::vector<double> means;
  double total = 0.0;
  for (size_t p = 0; p + 1 < begins.size(); ++p) {
    double sum = 0.0;
    for (size_t c = begins[p]; c < begins[p + 1]; ++c)
      sum += loadOf(sorted[c]);
    means.push_back(sum / static_cast<double>(begins[p + 1] - begins[p]));
    total += sum;
  }
  if (means.empty() || step <= 0.0 || means.back() - means.front() <= step) {
    sorted = side;
    means.assign(full, n > 0 ? total / static_cast<double>(n) : 0.0);
    begins.clear();
    for (size_t p = 0; p < full; ++p)
      begins.push_back(p * kPanelCols);
    begins.push_back(n);
  }
  for (size_t p = 0; p < means.size(); ++p) {
    for (size_t c = begins[p]; c < begins[p + 1]; ++c)
      places.order.push_back(sorted[c]);
    places.order.resize((places.order.size() + kPanelCols - 1) / kPanelCols * kPanelCols, -1);
    places.conductance.push_back(panelConductance(means[p], step));
  }
  return static_cast<int64_t>(means.size());
}

/// `step` 0: only sides count.
Places placeColumns(const BlockSource &s, const std::vector<double> &loads, double step,
                    PackedOpen &open) {
  const model::BlockWindow &w = s.open->window;
  Places places;
  for (int side = 0; side < kSides; ++side) {
    std::vector<int64_t> columns;
    for (int64_t j = 0; j < w.cols; ++j)
      if (model::readAtFirstRow(s.open->readout, w.col + j) == (side == 1))
        columns.push_back(j);
    open.sidePanels[side] = placeSide(std::move(columns), loads, step, places);
  }
  bool natural = true;
  for (size_t c = 0; c < places.order.size(); ++c)
    natural = natural && (places.order[c] < 0 || places.order[c] == static_cast<int64_t>(c));
  if (!natural)
    open.column.assign(places.order.begin(), places.order.end());
  return places;
}

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

/// Tm^ref as the kernels see the reference: cells of a chunk at one place.
std::vector<double> referenceMean(const OpenReference &r, const model::RowActivity &activity,
                                  double &out) {
  const int64_t rows = r.rows, chunks = (rows + kChunkCells - 1) / kChunkCells;
  std::vector<double> mean(static_cast<size_t>(rows), 0.0), transfer(static_cast<size_t>(chunks));
  out = 0.0;
  for (int64_t s = 0; s < activity.slots; ++s) {
    const float *p = activity.probability.data() + s * rows;
    const float *u = activity.share.data() + s * rows;
    double b = 1.0, a = 0.0;
    for (int64_t step = 0; step < chunks; ++step) {
      const int64_t chunk = r.reversed ? chunks - 1 - step : step;
      b += static_cast<double>(chunkWire(r, step)) * a;
      transfer[static_cast<size_t>(chunk)] = b;
      double on = 0.0;
      for (int64_t i = chunk * kChunkCells; i < std::min(rows, (chunk + 1) * kChunkCells); ++i)
        on += static_cast<double>(p[i]);
      a += on * static_cast<double>(r.conductance) * b;
    }
    b += static_cast<double>(chunkWire(r, chunks)) * a;
    out += activity.width[static_cast<size_t>(s)] * a / b;
    for (int64_t i = 0; i < rows; ++i)
      mean[static_cast<size_t>(i)] +=
          static_cast<double>(u[i]) * transfer[static_cast<size_t>(i / kChunkCells)] / b;
  }
  return mean;
}

/// Mean field of the block, and its ratio to that of the columns' references; averages over passes.
struct Fold {
  std::vector<float> transfer, ratio; ///< [rows x cols]
  std::vector<float> outRatio;        ///< [cols]
};

/// Tm^ref of a reference, summed over passes with their weights, and its G_out.
struct MeanReference {
  OpenReference reference;
  std::vector<double> mean; ///< [rows]
  double out = 0;
};

OpenReference makeReference(const OpenSource &o, bool atFirstRow, double g) {
  const auto column = model::referenceColumn(o.tile, o.wires, o.window, atFirstRow, g);
  return {o.window.rows, static_cast<float>(g), static_cast<float>(column.wire),
          static_cast<float>(column.terminal), atFirstRow};
}

/// `referenceOf`: that of each column of the block among `references`.
void foldReferences(const BlockSource &s, std::vector<MeanReference> &references,
                    const std::vector<size_t> &referenceOf, Fold &fold) {
  const OpenSource &o = *s.open;
  const model::BlockWindow &w = o.window;
  const auto rows = static_cast<size_t>(w.rows), cols = static_cast<size_t>(w.cols);
  const std::vector<model::DacPass> passes = o.passes.empty() ? model::onePass(8) : o.passes;
  std::vector<double> transfer(rows * cols, 0.0), out(cols, 0.0), weight(rows, 0.0);
  // A side without columns has no reference.
  for (MeanReference &r : references)
    r.mean.assign(static_cast<size_t>(r.reference.rows), 0.0);
  std::vector<float> one(rows * cols), oneOut(cols);
  // own[i]: how far row i conducts in the mean field while its own pulse lasts, where it does.
  std::vector<double> share(rows), own(rows, 0.0);
  for (const model::DacPass &pass : passes) {
    const auto activity = model::rowActivity(o.histogram, w.rows, pass);
    model::meanField(o.tile, o.wires, o.readout, w, activity, one.data(), w.cols, oneOut.data());
    for (size_t i = 0; i < rows; ++i) {
      share[i] = (activity.power[i] + 1e-9) * pass.factor() * pass.factor();
      weight[i] += share[i];
      for (size_t slot = 0; slot < static_cast<size_t>(activity.slots); ++slot)
        own[i] += share[i] * static_cast<double>(activity.share[slot * rows + i]) *
                  static_cast<double>(activity.probability[slot * rows + i]);
      for (size_t j = 0; j < cols; ++j)
        transfer[i * cols + j] += share[i] * static_cast<double>(one[i * cols + j]);
    }
    for (size_t j = 0; j < cols; ++j)
      out[j] += static_cast<double>(oneOut[j]);
    for (MeanReference &r : references) {
      double oneMeanOut = 0.0;
      const auto oneMean = referenceMean(r.reference, activity, oneMeanOut);
      for (size_t i = 0; i < r.mean.size(); ++i)
        r.mean[i] += share[i] * oneMean[i];
      r.out += oneMeanOut;
    }
  }
  fold.transfer.resize(rows * cols);
  fold.ratio.resize(rows * cols);
  fold.outRatio.assign(cols, 0.0f);
  for (MeanReference &r : references)
    for (size_t i = 0; i < r.mean.size(); ++i)
      r.mean[i] /= weight[i];
  for (size_t j = 0; j < cols; ++j) {
    const MeanReference &reference = references[referenceOf[j]];
    const OpenReference &r = reference.reference;
    for (size_t i = 0; i < rows; ++i) {
      const double t = transfer[i * cols + j] / weight[i];
      const auto cell = static_cast<int64_t>(i) * s.gStride + static_cast<int64_t>(j);
      fold.transfer[i * cols + j] = static_cast<float>(t);
      const double plus = static_cast<double>(s.gPlus[cell]),
                   minus = static_cast<double>(s.gMinus[cell]);
      // A row's own cell loads the column whenever the row counts, here and in the reference.
      const double pieces = static_cast<double>(r.reversed ? i : rows - 1 - i);
      const double missing =
          (1.0 - own[i] / weight[i]) * t *
          (static_cast<double>(r.wire) * pieces + static_cast<double>(r.terminal));
      const double alone =
          (1.0 + missing * static_cast<double>(r.conductance)) / (1.0 + missing * (plus + minus));
      fold.ratio[i * cols + j] = static_cast<float>(t / reference.mean[i] * alone * (plus - minus));
    }
    if (reference.out > 0.0)
      fold.outRatio[j] = static_cast<float>(out[j] / reference.out);
  }
}

} // namespace

PackedBlock packOpenBlock(const BlockSource &s) {
  const OpenSource &o = *s.open;
  const bool product = o.fidelity == model::Fidelity::OneProduct;
  auto open = std::make_shared<PackedOpen>();
  open->fidelity = o.fidelity;
  const auto loads = columnLoads(s);
  const double mean = model::meanConductance(o.tile, o.window);
  const Places places = placeColumns(s, loads, product ? panelStep(mean) : 0.0, *open);
  const auto &order = places.order;
  const auto cols = static_cast<int64_t>(order.size());

  Fold fold;
  if ((product || o.predistort || s.noise) && s.rows > 0 && s.cols > 0) {
    // Those of pulses first, then those of panels.
    std::vector<MeanReference> references(kSides);
    for (int side = 0; side < kSides; ++side)
      if (open->sidePanels[side])
        open->reference[side] = references[static_cast<size_t>(side)].reference =
            makeReference(o, side == 1, static_cast<double>(referenceConductance(mean)));
    std::vector<size_t> referenceOf(static_cast<size_t>(s.cols), 0);
    for (size_t c = 0; c < order.size(); ++c) {
      if (order[c] < 0)
        continue;
      const bool first = model::readAtFirstRow(o.readout, o.window.col + order[c]);
      const double g = places.conductance[c / kPanelCols];
      size_t r = first ? 1 : 0;
      if (product) {
        const OpenReference wanted = makeReference(o, first, g);
        for (r = kSides; r < references.size() && !(references[r].reference == wanted); ++r) {
        }
        if (r == references.size())
          references.push_back({wanted, {}, 0});
        if (c % kPanelCols == 0)
          open->panelReference.push_back(static_cast<int32_t>(r) - kSides);
      }
      referenceOf[static_cast<size_t>(order[c])] = r;
    }
    foldReferences(s, references, referenceOf, fold);
    for (size_t r = kSides; r < references.size(); ++r)
      open->references.push_back(references[r].reference);
    for (size_t side = 0; side < kSides; ++side)
      open->referenceMean[side].assign(references[side].mean.begin(), references[side].mean.end());
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
  std::vector<float> transfer, ratio, out;
  sorted.gPlus = plus.data();
  sorted.gMinus = minus.data();
  sorted.transfer = nullptr;
  sorted.columnScale = scale.data();
  sorted.adcGain = s.adcGain ? gain.data() : nullptr;
  sorted.adcOffsetLsb = s.adcOffsetLsb ? offset.data() : nullptr;
  sorted.columnOutUS = nullptr;
  if (!fold.transfer.empty()) {
    transfer = permuted(fold.transfer.data(), s.cols, s.rows, order);
    ratio = permuted(fold.ratio.data(), s.cols, s.rows, order);
    out = row(fold.outRatio.data());
    sorted.transfer = transfer.data();
    sorted.weff = ratio.data();
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
