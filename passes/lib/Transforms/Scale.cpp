//===- Scale.cpp - the weight that the largest conductance stands for -----===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The rule itself is runtime/model/Scale.h. Blocks are independent and computed in parallel; what
// they report is put together per weight, in the module's order.
//
//===----------------------------------------------------------------------===//
#include "Remarks.h"
#include "aimc/Analysis/TileModel.h"
#include "aimc/IR/AIMC.h"
#include "aimc/Transforms/Passes.h"
#include "aimc/model/ScaleWarning.h"

#include "mlir/IR/Threading.h"
#include "llvm/Support/FormatVariadic.h"

#include <cmath>

namespace mlir::aimc {
#define GEN_PASS_DEF_SCALE
#include "aimc/Transforms/Passes.h.inc"
} // namespace mlir::aimc

using namespace mlir;
using namespace mlir::aimc;
namespace model = ::aimc::model;

namespace {
struct ScalePass : mlir::aimc::impl::ScaleBase<ScalePass> {
  using Base::Base;
  void runOnOperation() override;
};

/// One block: what goes in, and what the rule makes of it.
struct Work {
  TileOp tile;
  BlockData data;
  model::DeviceRange range;
  model::RelativeNoise noise;
  std::vector<float> scale;
  model::ScaleReport atMax, chosen;
};
} // namespace

static double relativeError(const model::ScaleReport &report) {
  return report.power > 0 ? std::sqrt((report.clipError + report.noiseError) / report.power) : 0;
}

void ScalePass::runOnOperation() {
  ModuleOp module = getOperation();
  bool isAuto = rule == "auto";
  auto parsed = model::parseScaleRule(isAuto ? "optimal" : rule.getValue());
  if (!parsed) {
    emitError(module.getLoc())
        << "expected the option rule to be auto, max, sigma:<q> with q > 0, or optimal, but got '"
        << rule << "'";
    return signalPassFailure();
  }
  llvm::MapVector<StringAttr, std::vector<Work>> byWeight;
  for (TileOp tile : module.getOps<TileOp>()) {
    auto weight = SymbolTable::lookupNearestSymbolFrom<WeightOp>(tile, tile.getWeightAttr());
    auto target = SymbolTable::lookupNearestSymbolFrom<TargetOp>(tile, tile.getTargetAttr());
    tile.removeColumnScaleAttr();
    model::RelativeNoise noise = programmingNoise(target.getGeometry(), target.getDevice());
    if (parsed->kind == model::ScaleRule::Kind::Max ||
        (isAuto && !compensated && circuitOf(target).wires.any()) ||
        (parsed->kind == model::ScaleRule::Kind::Optimal && !noise))
      continue;
    FailureOr<BlockData> data = blockData(weight, tile);
    if (failed(data)) {
      tile.emitOpError("expected the values of @")
          << tile.getWeight() << " in the module, but they are not";
      return signalPassFailure();
    }
    if (failed(checkFinite(tile, *data)))
      return signalPassFailure();
    DeviceAttr device = target.getDevice();
    Work work;
    work.tile = tile;
    work.data = std::move(*data);
    work.range = {device.getGMinUs(), device.getGMaxUs()};
    work.noise = std::move(noise);
    byWeight[tile.getWeightAttr().getAttr()].push_back(std::move(work));
  }

  std::vector<Work *> all;
  for (auto &[name, works] : byWeight)
    for (Work &work : works)
      all.push_back(&work);
  parallelForEach(&getContext(), all, [&](Work *work) {
    work->scale.resize(work->data.view.cols);
    work->atMax = model::chooseScales(work->data.view, model::ScaleRule{}, work->range, work->noise,
                                      work->scale.data());
    work->chosen =
        model::chooseScales(work->data.view, *parsed, work->range, work->noise, work->scale.data());
  });

  int64_t heavy = 0; // weights that clipping leaves too few bits of, and the worst of them
  StringRef worst;
  model::ScaleReport worstLoss;
  Type f32 = Float32Type::get(&getContext());
  for (auto &[name, works] : byWeight) {
    model::ScaleReport before, after;
    for (Work &work : works) {
      auto type = RankedTensorType::get({work.tile.numCols()}, f32);
      work.tile.setColumnScaleAttr(DenseElementsAttr::get(type, ArrayRef<float>(work.scale)));
      before += work.atMax;
      after += work.chosen;
    }
    remark::analysis(works.front().tile.getLoc(), remarkOf(getArgument()))
        << remark::add("scale of @{0}", name.getValue())
        << remark::metric("clipped share", after.clippedShare())
        << remark::metric("error before", relativeError(before))
        << remark::metric("error after", relativeError(after));
    if (!model::clipsTooMuch(*parsed, after))
      continue;
    ++heavy;
    if (worst.empty() || after.lostShare() > worstLoss.lostShare()) {
      worst = name.getValue();
      worstLoss = after;
    }
  }
  if (heavy > 0)
    emitWarning(module.getLoc()) << llvm::formatv(
        "the scale {0} clips {1:F1}% of the weights of @{2}, which takes {3:F1}% of their power"
        "{4}; more deviations, max or optimal keep it",
        rule, 100 * worstLoss.clippedShare(), worst, 100 * worstLoss.lostShare(),
        heavy > 1 ? llvm::formatv(" (too much too in {0} more weights)", heavy - 1).str()
                  : std::string());
}
