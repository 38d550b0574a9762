//===- Calibrate.cpp - converter ranges from a recorded run ---------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A range is a trade: a wide one rounds coarsely, a narrow one clips. Both errors are estimated
// from the recorded quantiles, with mass spread evenly between neighbours, and the best of a
// geometric grid of ranges is taken.
//
//===----------------------------------------------------------------------===//
#include "Remarks.h"
#include "aimc/Analysis/Calibration.h"
#include "aimc/IR/AIMC.h"
#include "aimc/Transforms/Passes.h"

#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

#include <cmath>
#include <map>

namespace mlir::aimc {
#define GEN_PASS_DEF_CALIBRATE
#include "aimc/Transforms/Passes.h.inc"
} // namespace mlir::aimc

using namespace mlir;
using namespace mlir::aimc;

namespace {
/// A distribution of magnitudes: share `shares[k]` of them is at most `values[k]`.
struct Tail {
  ArrayRef<double> shares, values;

  /// Mean square of what a limit cuts off.
  double clipped(double limit) const {
    double sum = 0;
    for (size_t k = 0; k + 1 < values.size(); ++k) {
      double low = values[k], high = values[k + 1], mass = shares[k + 1] - shares[k];
      if (high <= limit)
        continue;
      double a = std::max(low - limit, 0.0), b = high - limit;
      double inside = (high - std::max(low, limit)) / (high > low ? high - low : 1.0);
      sum += mass * (high > low ? inside : 1.0) * (a * a + a * b + b * b) / 3.0;
    }
    return sum;
  }

  /// Share of magnitudes beyond a limit.
  double beyond(double limit) const {
    if (limit >= values.back())
      return 0;
    if (limit < values.front())
      return 1 - shares.front();
    size_t k = 0;
    while (values[k + 1] <= limit)
      ++k;
    double part = (limit - values[k]) / (values[k + 1] - values[k]);
    return 1 - (shares[k] + part * (shares[k + 1] - shares[k]));
  }

  /// The value that a share stays within, interpolated over log(1 - share).
  double quantile(double share) const {
    for (size_t k = 0; k + 1 < values.size(); ++k) {
      if (share > shares[k + 1] || shares[k + 1] == 1.0)
        continue;
      double part =
          std::log((1 - share) / (1 - shares[k])) / std::log((1 - shares[k + 1]) / (1 - shares[k]));
      return values[k] + std::clamp(part, 0.0, 1.0) * (values[k + 1] - values[k]);
    }
    return share < 1.0 ? values[values.size() - 2] : values.back();
  }

  /// The full scale of `codes` steps at which clipping and rounding, with a mean square of
  /// `rounding` steps squared, are least.
  double bestRange(double codes, double rounding) const {
    double best = values.back(), least = std::numeric_limits<double>::infinity();
    double low = std::max(values.front(), values.back() * 1e-6);
    constexpr int steps = 64;
    for (int i = 0; i <= steps; ++i) {
      double range = low * std::pow(values.back() / low, double(i) / steps);
      double error = clipped(range) + rounding * (range / codes) * (range / codes);
      if (error < least) {
        least = error;
        best = range;
      }
    }
    return best;
  }
};

struct CalibratePass : mlir::aimc::impl::CalibrateBase<CalibratePass> {
  using Base::Base;
  void runOnOperation() override;

private:
  enum class Rule { None, Auto, Keep, Share };
  LogicalResult readRule();
  void setRange(GridOp grid, const RecordedGrid &recorded);
  LogicalResult setActivity(WeightOp weight, const Calibration &calibration);
  LogicalResult setAdc(WeightOp weight, ArrayRef<TileOp> tiles, const Calibration &calibration);
  TargetOp targetOf(TileOp tile) {
    return SymbolTable::lookupNearestSymbolFrom<TargetOp>(tile, tile.getTargetAttr());
  }

  Rule rule = Rule::None;
  double share = 1;
};
} // namespace

LogicalResult CalibratePass::readRule() {
  rule = percentile == "none"   ? Rule::None
         : percentile == "auto" ? Rule::Auto
         : percentile == "keep" ? Rule::Keep
                                : Rule::Share;
  if (rule != Rule::Share)
    return success();
  if (llvm::to_float(percentile, share) && share >= kInputShares.front() && share <= 1.0)
    return success();
  return emitError(getOperation().getLoc())
         << "expected the option percentile to be none, auto, keep or a number from 0.99 to 1, but "
            "got '"
         << percentile << "'";
}

/// Large tensors are resources, which print and copy cheaply.
static ElementsAttr tensorOf(MLIRContext *context, ArrayRef<float> values, ArrayRef<int64_t> shape,
                             const llvm::Twine &name) {
  auto type = RankedTensorType::get(shape, Float32Type::get(context));
  return DenseResourceElementsAttr::get(type, name.str(),
                                        HeapAsmResourceBlob::allocateAndCopyInferAlign(values));
}

void CalibratePass::setRange(GridOp grid, const RecordedGrid &recorded) {
  const double largest = recorded.quantiles.back();
  auto tile = SymbolTable::lookupNearestSymbolFrom<TileOp>(
      grid, cast<FlatSymbolRefAttr>(grid.getTiles()[0]));
  const double codes = double(targetOf(tile).getDac().maxCode());
  Builder builder(&getContext());
  Tail tail{kInputShares, recorded.quantiles};
  if (rule == Rule::Keep) {
    if (!grid.getInputRangeAttr() && recorded.inputRange)
      grid.setInputRangeAttr(builder.getF32FloatAttr(static_cast<float>(*recorded.inputRange)));
  } else if (rule == Rule::None || !(largest > 0)) {
    grid.removeInputRangeAttr();
  } else {
    double range = rule == Rule::Auto ? tail.bestRange(codes, 1.0 / 12) : tail.quantile(share);
    grid.setInputRangeAttr(builder.getF32FloatAttr(static_cast<float>(std::max(range, 1e-30))));
  }
  if (!(largest > 0))
    emitWarning(grid.getLoc()) << llvm::formatv("the calibration data give only zeros to the grid "
                                                "that reads @{0}: nothing is chosen for it",
                                                recorded.weights.front());

  // Without a range each vector has its own, at most the largest of all.
  FloatAttr chosen = grid.getInputRangeAttr();
  const double range = chosen ? chosen.getValueAsDouble() : largest;
  const double rounding = 1.0 / 12 / (codes * codes);
  const double clip = tail.clipped(range);
  remark::analysis(grid.getLoc(), remarkOf(getArgument(), grid))
      << remark::add("input range of the grid that reads @{0}", recorded.weights.front())
      << remark::metric("range", chosen ? range : 0.0) << remark::metric("largest", largest)
      << remark::metric("clipped", tail.beyond(range))
      << remark::metric("vectors", recorded.vectors)
      << remark::metric("error before", std::sqrt(rounding) * largest)
      << remark::metric("error after", std::sqrt(rounding * range * range + clip))
      << remark::metric("clip error", std::sqrt(clip));
}

LogicalResult CalibratePass::setActivity(WeightOp weight, const Calibration &calibration) {
  auto values = calibration.activity(weight.getSymName(), weight.numRows());
  if (failed(values))
    return failure();
  if (!values->empty())
    weight.setActivityAttr(
        tensorOf(&getContext(), *values,
                 {weight.numRows(), static_cast<int64_t>(values->size()) / weight.numRows()},
                 weight.getSymName() + ".activity"));
  return success();
}

LogicalResult CalibratePass::setAdc(WeightOp weight, ArrayRef<TileOp> tiles,
                                    const Calibration &calibration) {
  constexpr double spare = 1.05, tooCoarse = 0.05;
  double worstError = 0, worstSaturation = 0, lsbAtWorst = 0, rmsAtWorst = 0;
  double before = 0, after = 0, clip = 0; // rms, in parts of the charge's own
  int64_t recorded = 0;
  for (TileOp tile : tiles) {
    AdcAttr converter = targetOf(tile).getAdc();
    auto charge = calibration.charge(tile.getSymName());
    if (failed(charge))
      return failure();
    if (!*charge || converter.getKind() == AdcKind::Ideal || !((*charge)->largest > 0))
      continue;
    ++recorded;
    const RecordedCharge &q = **charge;
    const double shares[] = {0.999, 0.9999, 1.0}, values[] = {q.q999, q.q9999, q.largest};
    Tail tail{shares, values};
    // Mean square error of a code in LSB: rounded to the nearest, or cut off towards zero.
    double rounding = converter.getKind() == AdcKind::Linear ? 1.0 / 12 : 1.0 / 3;
    double codes = double(converter.maxCode());
    auto lsbNow = [&] {
      FloatAttr own = tile.getAdcLsbFcAttr();
      return own ? own.getValueAsDouble() : double(converter.getLsbFc());
    };
    auto errorOf = [&](double lsb) {
      return std::sqrt(rounding * lsb * lsb + tail.clipped(lsb * codes)) / q.rms;
    };
    if (q.rms > 0)
      before = std::max(before, errorOf(lsbNow()));
    if (adc) {
      double range = spare * tail.bestRange(codes, rounding);
      tile.setAdcLsbFcAttr(
          Builder(&getContext()).getF64FloatAttr(std::clamp(range / codes, 1e-9, 1e9)));
    }
    double lsb = lsbNow();
    if (q.rms > 0) {
      after = std::max(after, errorOf(lsb));
      clip = std::max(clip, std::sqrt(tail.clipped(lsb * codes)) / q.rms);
    }
    double error = q.rms > 0 ? std::sqrt(rounding) * lsb / q.rms : 0;
    worstSaturation = std::max(worstSaturation, tail.beyond(lsb * codes));
    if (error > worstError) {
      worstError = error;
      lsbAtWorst = lsb;
      rmsAtWorst = q.rms;
    }
  }
  if (recorded == 0)
    return success();
  double bits = worstError > 0 ? (-20 * std::log10(worstError) - 1.76) / 6.02 : 24;
  remark::analysis(weight.getLoc(), remarkOf(getArgument()))
      << remark::add("ADC of @{0}, worst of its tiles", weight.getSymName())
      << remark::metric("tiles", recorded) << remark::metric("lsb fC", lsbAtWorst)
      << remark::metric("effective bits", bits) << remark::metric("saturated", worstSaturation)
      << remark::metric("error before", before) << remark::metric("error after", after)
      << remark::metric("clip error", clip);
  if (worstError > tooCoarse)
    emitWarning(weight.getLoc()) << llvm::formatv(
        "the ADC throws the signal of @{0} away: charges of {1:F1} fC root mean square are counted "
        "in steps of {2:F2} fC, {3:F1} effective bits",
        weight.getSymName(), rmsAtWorst, lsbAtWorst, std::max(bits, 0.0));
  return success();
}

void CalibratePass::runOnOperation() {
  if (failed(readRule()))
    return signalPassFailure();
  if (statistics.empty())
    return;
  ModuleOp module = getOperation();
  FailureOr<Calibration> calibration = Calibration::open(statistics, module.getLoc());
  if (failed(calibration))
    return signalPassFailure();

  // A grid is found by the weights that it reads; several that read the same come in order.
  std::map<std::string, SmallVector<const RecordedGrid *>> byWeights;
  for (const RecordedGrid &grid : llvm::reverse(calibration->getGrids()))
    byWeights[llvm::join(grid.weights, "\n")].push_back(&grid);
  int64_t matched = 0, grids = 0;
  module.walk([&](GridOp grid) {
    ++grids;
    std::string key =
        llvm::join(llvm::map_range(grid.getWeights().getAsRange<FlatSymbolRefAttr>(),
                                   [](FlatSymbolRefAttr name) { return name.getValue().str(); }),
                   "\n");
    auto found = byWeights.find(key);
    if (found == byWeights.end() || found->second.empty() || found->second.back()->vectors == 0) {
      remark::missed(grid.getLoc(), remarkOf(getArgument(), grid))
          << remark::add("the statistics have nothing about the grid that reads @{0}",
                         cast<FlatSymbolRefAttr>(grid.getWeights()[0]).getValue());
      return;
    }
    ++matched;
    setRange(grid, *found->second.back());
    found->second.pop_back();
  });
  if (grids > 0 && matched == 0) {
    emitError(module.getLoc()) << statistics
                               << ": expected statistics of a package of this module, but none of "
                                  "its grids is in them";
    return signalPassFailure();
  }
  llvm::DenseMap<StringAttr, SmallVector<TileOp>> tilesOf;
  for (TileOp tile : module.getOps<TileOp>())
    tilesOf[tile.getWeightAttr().getAttr()].push_back(tile);
  for (WeightOp weight : module.getOps<WeightOp>())
    if (failed(setActivity(weight, *calibration)) ||
        failed(setAdc(weight, tilesOf[weight.getSymNameAttr()], *calibration)))
      return signalPassFailure();
}
