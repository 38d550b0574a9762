//===- Compensate.cpp - what is done about the wires ----------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Blocks that share a tile load each other's columns, so errors are computed tile by tile, plane by
// plane, by the function that programs a chip (runtime/model/Compensation.h). Tiles are independent
// and computed in parallel.
//
//===----------------------------------------------------------------------===//
#include "Remarks.h"
#include "aimc/Analysis/ConstantView.h"
#include "aimc/Analysis/TileModel.h"
#include "aimc/IR/AIMC.h"
#include "aimc/Transforms/Passes.h"

#include "mlir/IR/Threading.h"

#include <cmath>
#include <map>

namespace mlir::aimc {
#define GEN_PASS_DEF_COMPENSATE
#include "aimc/Transforms/Passes.h.inc"
} // namespace mlir::aimc

using namespace mlir;
using namespace mlir::aimc;
namespace model = ::aimc::model;

namespace {
struct CompensatePass : mlir::aimc::impl::CompensateBase<CompensatePass> {
  using Base::Base;
  void runOnOperation() override;

private:
  LogicalResult reportErrors(mlir::aimc::Compensate chosen);
  void warnWithoutActivity();
};

struct BlockWork {
  TileOp tile;
  BlockData data;
  std::vector<float> scale;
  ArrayRef<float> activity; ///< of the block's rows; empty: default
  /// Sums over planes: error and weight in units of the planes' shares; smallest column factor.
  double before = 0, after = 0, factor = 1;
};

struct TileWork {
  model::CompensationTile circuit;
  std::vector<double> significance;
  model::Compensate mode = model::Compensate::None;
  std::vector<BlockWork> blocks;
};
} // namespace

/// Rows of the weight's activity that belong to the block; empty where nothing was recorded.
static ArrayRef<float> activityOf(WeightOp weight, TileOp tile) {
  auto elements = dyn_cast_if_present<ElementsAttr>(weight.getActivity().value_or(Attribute()));
  bool isSplat = false;
  FailureOr<ArrayRef<float>> values = failure();
  if (elements)
    values = elementsOf(elements, isSplat);
  if (failed(values) || isSplat) // equal bins say no more than the default
    return {};
  return values->slice(tile.firstRow() * model::kActivityBins,
                       tile.numRows() * model::kActivityBins);
}

/// Normalised targets of one plane of a block.
static std::vector<float> targetsOf(const BlockWork &block, model::PairShare share) {
  const model::WeightView &w = block.data.view;
  std::vector<float> u(w.rows * w.cols);
  for (int64_t i = 0; i < w.rows; ++i)
    for (int64_t j = 0; j < w.cols; ++j) {
      float s = block.scale[j];
      float value = s > 0 ? w.data[i * w.rowStride + j * w.colStride] / s : 0.0f;
      double part = (std::abs(double(value)) - share.start) / share.share;
      u[i * w.cols + j] =
          static_cast<float>(std::copysign(std::clamp(part, 0.0, 1.0), double(value)));
    }
  return u;
}

static void compute(TileWork &work) {
  for (model::PairShare share : model::pairShares(work.significance)) {
    std::vector<std::vector<float>> targets;
    std::vector<model::CompensationBlock> blocks;
    for (BlockWork &block : work.blocks) {
      PlaceAttr place = *block.tile.getPlace();
      targets.push_back(targetsOf(block, share));
      model::CompensationBlock entry;
      entry.window = {place.getRow(), block.tile.numRows(), place.getCol(), block.tile.numCols()};
      entry.mode = work.mode;
      entry.target = targets.back().data();
      entry.targetStride = block.tile.numCols();
      entry.histogram = block.activity.empty() ? nullptr : block.activity.data();
      blocks.push_back(entry);
    }
    std::vector<model::CompensatedBlock> results = model::compensateTile(work.circuit, blocks);
    for (auto [block, result] : llvm::zip_equal(work.blocks, results)) {
      block.before += share.share * result.errorBefore * result.errorBefore;
      block.after += share.share * result.errorAfter * result.errorAfter;
      for (float factor : result.columnFactor)
        block.factor = std::min(block.factor, double(factor));
    }
  }
}

LogicalResult CompensatePass::reportErrors(mlir::aimc::Compensate chosen) {
  std::map<std::tuple<StringRef, int64_t, int64_t>, TileWork> tiles;
  for (TileOp tile : getOperation().getOps<TileOp>()) {
    auto weight = SymbolTable::lookupNearestSymbolFrom<WeightOp>(tile, tile.getWeightAttr());
    auto target = SymbolTable::lookupNearestSymbolFrom<TargetOp>(tile, tile.getTargetAttr());
    if (!tile.getPlace()) {
      InFlightDiagnostic error = tile.emitOpError("expected a place, but got none");
      error.attachNote() << "is the contract of aimc-place";
      return error;
    }
    FailureOr<BlockData> data = blockData(weight, tile);
    if (failed(data))
      return tile.emitOpError("expected the values of @")
             << tile.getWeight() << " in the module, but they are not";
    if (failed(checkFinite(tile, *data)))
      return failure();
    auto [known, isNew] = tiles.try_emplace(
        {tile.getTarget(), tile.getPlace()->getChip(), tile.getPlace()->getTile()});
    TileWork &work = known->second;
    if (isNew) {
      work.circuit = circuitOf(target);
      work.significance = significanceOf(target.getGeometry());
      work.mode = *model::parseCompensate(stringifyCompensate(chosen));
    }
    BlockWork block;
    block.tile = tile;
    block.data = std::move(*data);
    block.activity = activityOf(weight, tile);
    block.scale.resize(tile.numCols());
    bool isSplat = false;
    auto scales = dyn_cast_if_present<ElementsAttr>(tile.getColumnScale().value_or(Attribute()));
    FailureOr<ArrayRef<float>> chosenScales = failure();
    if (scales)
      chosenScales = elementsOf(scales, isSplat);
    if (succeeded(chosenScales))
      for (size_t j = 0; j < block.scale.size(); ++j)
        block.scale[j] = (*chosenScales)[isSplat ? 0 : j];
    else
      model::columnScales(block.data.view, block.scale.data());
    work.blocks.push_back(std::move(block));
  }
  std::vector<TileWork *> all;
  for (auto &[key, work] : tiles)
    all.push_back(&work);
  parallelForEach(&getContext(), all, [](TileWork *work) { compute(*work); });

  // Per weight, cells counted alike.
  struct Sum {
    double before = 0, after = 0, cells = 0, factor = 1;
    bool open = false;
  };
  llvm::DenseMap<StringAttr, Sum> sums;
  for (TileWork *work : all)
    for (BlockWork &block : work->blocks) {
      Sum &sum = sums[block.tile.getWeightAttr().getAttr()];
      double cells = double(block.tile.numRows()) * double(block.tile.numCols());
      sum.before += cells * block.before;
      sum.after += cells * block.after;
      sum.cells += cells;
      sum.factor = std::min(sum.factor, block.factor);
      sum.open |= work->circuit.idle == model::Idle::Open;
    }
  for (WeightOp weight : getOperation().getOps<WeightOp>())
    if (auto found = sums.find(weight.getSymNameAttr()); found != sums.end())
      remark::analysis(weight.getLoc(), remarkOf(getArgument()))
          << remark::add("wires of @{0}{1}", weight.getSymName(),
                         found->second.open ? " under their rows' mean load" : "")
          << remark::metric("error before", std::sqrt(found->second.before / found->second.cells))
          << remark::metric("error after", std::sqrt(found->second.after / found->second.cells))
          << remark::metric("smallest factor", found->second.factor);
  return success();
}

void CompensatePass::warnWithoutActivity() {
  int64_t missing = 0;
  WeightOp first;
  for (TileOp tile : getOperation().getOps<TileOp>()) {
    auto weight = SymbolTable::lookupNearestSymbolFrom<WeightOp>(tile, tile.getWeightAttr());
    auto target = SymbolTable::lookupNearestSymbolFrom<TargetOp>(tile, tile.getTargetAttr());
    if (target.getWire().getIdle() != Idle::Open || weight.getActivity())
      continue;
    if (!first)
      first = weight;
    missing += tile.firstRow() == 0 && tile.firstCol() == 0;
  }
  if (!first)
    return;
  InFlightDiagnostic warning = emitWarning(first.getLoc());
  warning << "compensation of open idle rows without recorded activity";
  if (missing > 1)
    warning << " (this and " << missing - 1 << " more weights)";
  warning << "; inputs of a third of the DAC's range are assumed";
}

void CompensatePass::runOnOperation() {
  ModuleOp module = getOperation();
  auto known = model::parseCompensate(mode.getValue());
  if (!known) {
    emitError(module.getLoc())
        << "expected the option mode to be none, gain, weights or weights+pulses, but got '" << mode
        << "'";
    return signalPassFailure();
  }
  constexpr mlir::aimc::Compensate modes[] = {
      mlir::aimc::Compensate::None, mlir::aimc::Compensate::Gain, mlir::aimc::Compensate::Weights,
      mlir::aimc::Compensate::WeightsPulses};
  mlir::aimc::Compensate chosen = modes[static_cast<size_t>(*known)];
  for (TileOp tile : module.getOps<TileOp>()) {
    if (chosen == mlir::aimc::Compensate::None)
      tile.removeCompensateAttr();
    else
      tile.setCompensateAttr(CompensateAttr::get(&getContext(), chosen));
  }
  if (chosen == mlir::aimc::Compensate::None)
    return;
  warnWithoutActivity();
  if (report && failed(reportErrors(chosen)))
    signalPassFailure();
}
