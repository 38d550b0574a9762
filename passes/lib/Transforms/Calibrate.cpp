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
#include "aimc/model/Quantiles.h"

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
namespace model = ::aimc::model;

namespace {
/// All that a record has of a distribution: what its body says below the tail, then the tail.
model::Quantiles quantilesOf(ArrayRef<double> body, ArrayRef<double> shares,
                             ArrayRef<double> values) {
  SmallVector<double> allShares, all;
  for (auto [value, share] : llvm::zip_first(body, model::kBodyShares))
    if (share < shares.front()) {
      allShares.push_back(share);
      all.push_back(value);
    }
  llvm::append_range(allShares, shares);
  llvm::append_range(all, values);
  return {std::span<const double>(allShares.data(), allShares.size()),
          std::span<const double>(all.data(), all.size())};
}

/// Inputs of a grid beyond its range, as parts of all.
struct Clipping {
  std::string weight;
  double range, power, lost, share;
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

  void warnOfClipping();
  void warnOfGaps(int64_t unmatched, int64_t grids, StringRef firstGrid);

  Rule rule = Rule::None;
  double share = 1;
  std::vector<Clipping> clippings;  ///< that leave too few bits of the inputs
  int64_t converters = 0;           ///< tiles whose ADC has a full scale to choose
  SmallVector<StringRef> uncharged; ///< those of them that the record has no charge of
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
  const model::Quantiles seen = quantilesOf(recorded.body, kInputShares, recorded.quantiles);
  if (rule == Rule::Keep) {
    if (!grid.getInputRangeAttr() && recorded.inputRange)
      grid.setInputRangeAttr(builder.getF32FloatAttr(static_cast<float>(*recorded.inputRange)));
  } else if (rule == Rule::None || !(largest > 0)) {
    grid.removeInputRangeAttr();
  } else {
    double range = rule == Rule::Auto
                       ? seen.bestRange(codes, model::roundingError(true), recorded.quantiles[0])
                       : seen.quantile(share);
    grid.setInputRangeAttr(builder.getF32FloatAttr(static_cast<float>(std::max(range, 1e-30))));
  }
  if (!(largest > 0))
    emitWarning(grid.getLoc()) << llvm::formatv("the calibration data give only zeros to the grid "
                                                "that reads @{0}: nothing is chosen for it",
                                                recorded.weights.front());

  // Without a range each vector has its own, at most the largest of all.
  FloatAttr chosen = grid.getInputRangeAttr();
  const double range = chosen ? chosen.getValueAsDouble() : largest;
  const double rounding = model::roundingError(true) / (codes * codes);
  const double clip = seen.clipped(range);
  if (model::keepsFewBits(seen.power(), clip))
    clippings.push_back({recorded.weights.front(), range, seen.power(), clip, seen.beyond(range)});
  remark::analysis(grid.getLoc(), remarkOf(getArgument(), grid))
      << remark::add("input range of the grid that reads @{0}", recorded.weights.front())
      << remark::metric("range", chosen ? range : 0.0) << remark::metric("largest", largest)
      << remark::metric("clipped", seen.beyond(range))
      << remark::metric("vectors", recorded.vectors)
      << remark::metric("error before", std::sqrt(rounding) * largest)
      << remark::metric("error after", std::sqrt(rounding * range * range + clip))
      << remark::metric("clip error", std::sqrt(clip));
}

/// One line for all grids: the worst, and how many more.
void CalibratePass::warnOfClipping() {
  if (clippings.empty())
    return;
  auto loss = [](const Clipping &clipping) { return clipping.lost / clipping.power; };
  const Clipping &worst = *llvm::max_element(
      clippings, [&](const Clipping &a, const Clipping &b) { return loss(a) < loss(b); });
  emitWarning(getOperation().getLoc()) << llvm::formatv(
      "the input range {0:F3} takes {1:F1}% of the power of what @{2} reads, as {3:F2}% of the "
      "inputs lie beyond it{4}; --input-range auto chooses ranges by what they lose, none is one "
      "per vector",
      worst.range, 100 * loss(worst), worst.weight, 100 * worst.share,
      clippings.size() > 1
          ? llvm::formatv("; too much too of what {0} more grids read", clippings.size() - 1).str()
          : std::string());
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
  constexpr double spare = 1.05;
  double worstError = 0, worstSaturation = 0; // error: rms, in parts of the charge's own
  double lsbAtWorst = 0, rmsAtWorst = 0, rangeAtWorst = 0;
  double before = 0, after = 0, clip = 0;
  int64_t recorded = 0;
  for (TileOp tile : tiles) {
    AdcAttr converter = targetOf(tile).getAdc();
    auto charge = calibration.charge(tile.getSymName());
    if (failed(charge))
      return failure();
    if (converter.getKind() != AdcKind::Ideal) {
      ++converters;
      if (!*charge)
        uncharged.push_back(tile.getSymName());
    }
    if (!*charge || converter.getKind() == AdcKind::Ideal || !((*charge)->largest > 0))
      continue;
    ++recorded;
    const RecordedCharge &q = **charge;
    const double shares[] = {0.999, 0.9999, 1.0}, values[] = {q.q999, q.q9999, q.largest};
    const model::Quantiles seen = quantilesOf(q.body, shares, values);
    double rounding = model::roundingError(converter.getKind() == AdcKind::Linear);
    double codes = double(converter.maxCode());
    auto lsbNow = [&] {
      FloatAttr own = tile.getAdcLsbFcAttr();
      return own ? own.getValueAsDouble() : double(converter.getLsbFc());
    };
    auto errorOf = [&](double lsb) {
      return std::sqrt(rounding * lsb * lsb + seen.clipped(lsb * codes)) / q.rms;
    };
    if (q.rms > 0)
      before = std::max(before, errorOf(lsbNow()));
    if (adc) {
      double range = spare * seen.bestRange(codes, rounding, q.q999);
      tile.setAdcLsbFcAttr(
          Builder(&getContext()).getF64FloatAttr(std::clamp(range / codes, 1e-9, 1e9)));
    }
    double lsb = lsbNow();
    double error = q.rms > 0 ? errorOf(lsb) : 0;
    after = std::max(after, error);
    if (q.rms > 0)
      clip = std::max(clip, std::sqrt(seen.clipped(lsb * codes)) / q.rms);
    worstSaturation = std::max(worstSaturation, seen.beyond(lsb * codes));
    if (error > worstError) {
      worstError = error;
      lsbAtWorst = lsb;
      rmsAtWorst = q.rms;
      rangeAtWorst = lsb * codes;
    }
  }
  if (recorded == 0)
    return success();
  double bits = worstError > 0 ? model::effectiveBits(1, worstError * worstError) : 24;
  remark::analysis(weight.getLoc(), remarkOf(getArgument()))
      << remark::add("ADC of @{0}, worst of its tiles", weight.getSymName())
      << remark::metric("tiles", recorded) << remark::metric("lsb fC", lsbAtWorst)
      << remark::metric("effective bits", bits) << remark::metric("saturated", worstSaturation)
      << remark::metric("error before", before) << remark::metric("error after", after)
      << remark::metric("clip error", clip);
  if (model::keepsFewBits(1, worstError * worstError))
    emitWarning(weight.getLoc()) << llvm::formatv(
        "the ADC throws the signal of @{0} away: charges of {1:F1} fC root mean square are counted "
        "in steps of {2:F2} fC up to {3:F1} fC, {4:F1} effective bits{5}",
        weight.getSymName(), rmsAtWorst, lsbAtWorst, rangeAtWorst, bits,
        adc ? "" : "; without adc=false the data choose the step");
  return success();
}

/// What was asked for and not done, in one line.
void CalibratePass::warnOfGaps(int64_t unmatched, int64_t grids, StringRef firstGrid) {
  constexpr llvm::StringLiteral remedy =
      "record a run of a package of this mapping that calls them";
  const bool ranges = rule == Rule::Auto || rule == Rule::Share;
  if (adc && !uncharged.empty())
    emitWarning(getOperation().getLoc())
        << statistics << ": the record has no charges of " << uncharged.size() << " of "
        << converters << " tiles, @" << uncharged.front()
        << " first, whose ADCs are left as they are; " << remedy;
  else if (ranges && unmatched > 0)
    emitWarning(getOperation().getLoc())
        << statistics << ": the record has nothing about " << unmatched << " of " << grids
        << " grids, first the one that reads @" << firstGrid
        << ", whose input ranges are left as they are; " << remedy;
}

void CalibratePass::runOnOperation() {
  converters = 0;
  uncharged.clear();
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
  StringRef unmatched;
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
      if (unmatched.empty())
        unmatched = cast<FlatSymbolRefAttr>(grid.getWeights()[0]).getValue();
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
  warnOfClipping();
  warnOfGaps(grids - matched, grids, unmatched);
}
