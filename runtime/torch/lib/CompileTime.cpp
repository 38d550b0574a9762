//===- CompileTime.cpp - what the compiler does to weights, for training -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Conductance scales and closed-form compensation as runtime/model has them. Neither has a
// gradient: training takes scales as given, and compensation as a factor u' / u per cell and a
// factor c_j per column that are made anew every some steps.
//
//===----------------------------------------------------------------------===//
#include "DeviceLaw.h"
#include "Strips.h"
#include "TensorScalar.h"
#include "Torch.h"

#include "aimc/model/Compensation.h"
#include "aimc/model/Device.h"
#include "aimc/model/Place.h"
#include "aimc/model/Quantiles.h"
#include "aimc/model/ScaleWarning.h"
#include "aimc/torch/Operators.h"

namespace aimc::ops {
namespace {

using at::Tensor;

/// Of a signed converter.
int64_t bitsOf(const Circuit &c) {
  int64_t bits = 1;
  while ((int64_t(1) << bits) - 1 < c.levels)
    ++bits;
  return bits + 1;
}

std::string text(c10::string_view view) { return {view.data(), view.size()}; }

/// [K, N] in single precision on the CPU.
Tensor upright(const Tensor &weight, bool transposed) {
  TORCH_CHECK_VALUE(weight.dim() == 2, "expected a weight of rank 2, but got rank ", weight.dim());
  const Tensor w = weight.detach().to(at::kCPU, at::kFloat);
  return (transposed ? w.t() : w).contiguous();
}

Tensor chooseScales(const Tensor &weight, at::IntArrayRef blocks, bool transposed,
                    c10::string_view ruleText, c10::string_view kind, double gMin, double gMax,
                    double programmingScale, double acceptance, at::ArrayRef<double> significance,
                    std::optional<c10::string_view> table) {
  const auto rule = model::parseScaleRule(text(ruleText));
  TORCH_CHECK_VALUE(rule, "expected a scale rule max, sigma:<q> or optimal, but got ", ruleText);
  model::DeviceModel device = deviceModel(kind, gMin, gMax, orEmpty(table));
  device.programmingScale = programmingScale;
  device.acceptancePercent = acceptance;
  const Tensor w = upright(weight, transposed);
  const int64_t k = w.size(0), n = w.size(1);
  const auto list = readBlocks(blocks, k, n, std::numeric_limits<int64_t>::max());
  Tensor scale = at::zeros({static_cast<int64_t>(list.bands.size()), n}, at::kFloat);
  const std::vector<double> one{1};
  const auto noise = model::programmingNoise(
      device, significance.empty() ? std::span<const double>(one)
                                   : std::span(significance.data(), significance.size()));
  for (const Block &b : list.blocks)
    model::chooseScales({w.const_data_ptr<float>() + b.row * n + b.col, b.rows, b.cols, n, 1},
                        *rule, device.range, noise,
                        scale.mutable_data_ptr<float>() + b.band * n + b.col);
  return scale.to(weight.device(), weight.scalar_type());
}

/// `max` or `sigma:<q>` of a weight that trains, on its own device: the model's law on rows of
/// columns.
Tensor columnScalesOf(const Tensor &weight, at::IntArrayRef blocks, bool transposed,
                      c10::string_view ruleText) {
  const auto rule = model::parseScaleRule(text(ruleText));
  TORCH_CHECK_VALUE(rule && rule->kind != model::ScaleRule::Kind::Optimal,
                    "expected a scale rule max or sigma:<q>, but got ", ruleText);
  const Tensor w = transposed ? weight.detach().t() : weight.detach();
  std::vector<Tensor> rows;
  for (const Band &band : bandsOf(blocks)) {
    const Tensor part = w.narrow(0, band.row, band.rows);
    Tensor top = part.abs().amax(0);
    if (rule->kind == model::ScaleRule::Kind::Sigma) {
      const Tensor values = part.to(at::kDouble); // squares of single precision stay in range
      const Tensor mean = values.mean(0);
      const Tensor deviation = (values - mean).square().mean(0).sqrt();
      top = model::sigmaScale(TensorScalar(top.to(at::kDouble)), TensorScalar(mean),
                              TensorScalar(deviation), rule->sigmas)
                .value.to(top.scalar_type());
    }
    rows.push_back(top);
  }
  return at::stack(rows);
}

std::vector<int64_t> cutBlocksOf(int64_t rows, int64_t cols, int64_t tileRows, int64_t tileCols,
                                 bool alternating) {
  TORCH_CHECK_VALUE(tileRows > 0 && tileCols > 0, "expected a tile of at least one cell, but got ",
                    tileRows, " x ", tileCols);
  const auto readout = alternating ? model::Readout::Alternating : model::Readout::Single;
  std::vector<int64_t> numbers;
  for (int64_t row = 0; row < rows; row += tileRows)
    for (int64_t col = 0; col < cols; col += tileCols) {
      const int64_t height = std::min(tileRows, rows - row), width = std::min(tileCols, cols - col);
      for (int64_t n :
           {row, height, col, width, model::rowFromAdc(readout, tileRows, height), int64_t(0)})
        numbers.push_back(n);
    }
  return numbers;
}

double bestRange(at::ArrayRef<double> shares, at::ArrayRef<double> values, double codes,
                 bool nearest) {
  TORCH_CHECK_VALUE(!values.empty() && shares.size() == values.size(),
                    "expected a value for each share, but got ", values.size(), " for ",
                    shares.size());
  const model::Quantiles seen({shares.data(), shares.size()}, {values.data(), values.size()});
  return seen.bestRange(codes, model::roundingError(nearest), values.front());
}

std::tuple<double, bool> effectiveBitsOf(double signal, double error) {
  return {model::effectiveBits(signal, error), model::keepsFewBits(signal, error)};
}

/// Empty where the rule leaves enough of the weights.
std::string clippingWarning(c10::string_view rule, int64_t cells, int64_t clipped, double power,
                            double clipError) {
  model::ScaleReport report;
  report.cells = cells;
  report.clipped = clipped;
  report.power = power;
  report.clipError = clipError;
  return model::clippingWarning(text(rule), report).value_or("");
}

std::tuple<Tensor, Tensor> compensate(const Tensor &weight, const Tensor &scale,
                                      at::IntArrayRef blocks, bool transposed, int64_t tileRows,
                                      double columnOhm, double adcOhm, bool alternating,
                                      double gMin, double gMax, c10::string_view modeText,
                                      bool open, const std::optional<Tensor> &histogram,
                                      int64_t bits, at::IntArrayRef passes, int64_t tileCols,
                                      double rowOhm, double driverOhm) {
  const auto mode = model::parseCompensate(text(modeText));
  TORCH_CHECK_VALUE(mode, "expected none, gain, weights or weights+pulses, but got ", modeText);
  const Tensor w = upright(weight, transposed);
  const int64_t k = w.size(0), n = w.size(1);
  const auto list = readBlocks(blocks, k, n, tileRows);
  const Tensor s = scale.detach().to(at::kCPU, at::kFloat).contiguous();
  Tensor shape = at::ones({k, n}, at::kFloat);
  Tensor gain = at::ones({static_cast<int64_t>(list.bands.size()), n}, at::kFloat);
  model::CompensationTile tile;
  tile.rows = tileRows;
  tile.range = {gMin, gMax};
  tile.wires.columnOhm = columnOhm;
  tile.wires.adcOhm = adcOhm;
  tile.wires.rowOhm = rowOhm;
  tile.wires.driverOhm = driverOhm;
  tile.readout = alternating ? model::Readout::Alternating : model::Readout::Single;
  tile.idle = open ? model::Idle::Open : model::Idle::Midrail;
  tile.passes = model::onePass(static_cast<int>(bits));
  const int32_t levels = tile.passes.front().levels;
  if (!passes.empty())
    tile.passes.clear();
  for (size_t i = 0; i + 1 < passes.size(); i += 2)
    tile.passes.push_back({levels, static_cast<int>(passes[i]), static_cast<int>(passes[i + 1])});
  const Tensor counts = histogram ? histogram->to(at::kCPU, at::kFloat).contiguous() : Tensor();
  for (const Block &b : list.blocks) {
    // A block is alone in its tile here, as it is in the loop that trains it.
    tile.cols = std::max(tileCols, b.atCol + b.cols);
    const Tensor part = w.narrow(0, b.row, b.rows).narrow(1, b.col, b.cols);
    const Tensor own = s.select(0, b.band).narrow(0, b.col, b.cols);
    const Tensor u =
        at::where(own > 0, part / own, at::zeros({}, own.options())).clamp(-1.0, 1.0).contiguous();
    model::CompensationBlock block;
    block.window = {b.atRow, b.rows, b.atCol, b.cols};
    block.mode = *mode;
    block.target = u.const_data_ptr<float>();
    block.targetStride = b.cols;
    if (counts.defined())
      block.histogram = counts.const_data_ptr<float>() + b.row * model::kActivityBins;
    const auto result = model::compensateTile(tile, std::span(&block, 1)).front();
    const auto options = at::TensorOptions().dtype(at::kFloat);
    const Tensor made =
        at::from_blob(const_cast<float *>(result.target.data()), {b.rows, b.cols}, options);
    const Tensor factor =
        at::from_blob(const_cast<float *>(result.columnFactor.data()), {b.cols}, options);
    shape.narrow(0, b.row, b.rows)
        .narrow(1, b.col, b.cols)
        .copy_(at::where(u != 0, made / u, at::ones({}, options)));
    gain.select(0, b.band).narrow(0, b.col, b.cols).copy_(factor.reciprocal());
  }
  return {(transposed ? shape.t().contiguous() : shape).to(weight.device(), weight.scalar_type()),
          gain.to(weight.device(), weight.scalar_type())};
}

} // namespace

Tensor conductanceScales(const Tensor &weight, const Blocks &blocks, bool transposed,
                         const std::string &rule, const std::string &kind, const Circuit &c,
                         double programmingScale, double acceptance,
                         const std::vector<double> &significance, const std::string &table) {
  return chooseScales(weight, blocks, transposed, rule, kind, c.gMinUS, c.gMaxUS, programmingScale,
                      acceptance, significance, c10::string_view(table));
}

Tensor columnScales(const Tensor &weight, const Blocks &blocks, bool transposed,
                    const std::string &rule) {
  return columnScalesOf(weight, blocks, transposed, rule);
}

Blocks cutBlocks(int64_t rows, int64_t cols, const Circuit &c) {
  return cutBlocksOf(rows, cols, c.tileRows, c.tileCols, c.alternating);
}

std::tuple<Tensor, Tensor> compensation(const Tensor &weight, const Tensor &scale,
                                        const Blocks &blocks, bool transposed, const Circuit &c,
                                        const std::string &mode,
                                        const std::optional<Tensor> &histogram) {
  return compensate(weight, scale, blocks, transposed, c.tileRows, c.columnOhm, c.adcOhm,
                    c.alternating, c.gMinUS, c.gMaxUS, mode, c.open, histogram, bitsOf(c), c.passes,
                    c.plane() ? c.tileCols : 0, c.rowOhm, c.driverOhm);
}

} // namespace aimc::ops

TORCH_LIBRARY_IMPL(aimc, CompositeExplicitAutograd, m) {
  m.impl("choose_scales", aimc::ops::chooseScales);
  m.impl("cut_blocks", aimc::ops::cutBlocksOf);
  m.impl("best_range", aimc::ops::bestRange);
  m.impl("effective_bits", aimc::ops::effectiveBitsOf);
  m.impl("clipping_warning", aimc::ops::clippingWarning);
  m.impl("compensate", aimc::ops::compensate);
}

TORCH_LIBRARY_IMPL(aimc, CompositeImplicitAutograd, m) {
  m.impl("column_scales", aimc::ops::columnScalesOf);
}
