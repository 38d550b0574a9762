//===- VerifyMapped.cpp - which products are analog, which digital --------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Counts multiply-accumulates where a product stands in the IR (a loop around it is not
// multiplied in) and asks the same analysis as aimc-legalize-linear why a product is digital, so
// that the report cannot disagree with what the pass would do.
//
//===----------------------------------------------------------------------===//
#include "Remarks.h"
#include "aimc/Analysis/LinearProduct.h"
#include "aimc/IR/AIMC.h"
#include "aimc/Transforms/Passes.h"

namespace mlir::aimc {
#define GEN_PASS_DEF_VERIFYMAPPED
#include "aimc/Transforms/Passes.h.inc"
} // namespace mlir::aimc

using namespace mlir;
using namespace mlir::aimc;

/// Rows x columns of the input x columns of every destination; 0 when a size is dynamic.
static int64_t countMacs(Value input, ValueRange inits) {
  auto x = cast<ShapedType>(input.getType());
  int64_t macs = 0;
  for (Value init : inits) {
    auto y = cast<ShapedType>(init.getType());
    if (x.hasStaticShape() && y.hasStaticShape())
      macs += x.getNumElements() * y.getDimSize(1);
  }
  return macs;
}

namespace {
struct VerifyMappedPass : aimc::impl::VerifyMappedBase<VerifyMappedPass> {
  using Base::Base;
  void runOnOperation() override;

private:
  LogicalResult reportAnalog(Operation *op, StringRef name, int64_t macs, StringRef suspect);
  LogicalResult reportDigital(linalg::LinalgOp op);
  int64_t analogMacs = 0, digitalMacs = 0;
};
} // namespace

LogicalResult VerifyMappedPass::reportAnalog(Operation *op, StringRef name, int64_t macs,
                                             StringRef suspect) {
  analogMacs += macs;
  remark::analysis(op->getLoc(), remarkOf(getArgument(), op))
      << remark::add("analog: @{0}", name) << remark::metric("macs", macs);
  if (!requireGrouped || suspect.empty())
    return success();
  InFlightDiagnostic error = op->emitOpError("expected every product on tiles to be an aimc.grid");
  error.attachNote() << "is the contract of " << suspect;
  return error;
}

LogicalResult VerifyMappedPass::reportDigital(linalg::LinalgOp op) {
  int64_t macs = aimc::countMacs(op);
  digitalMacs += macs;
  Decline decline;
  if (succeeded(matchLinearProduct(op, decline)))
    decline = {"aimc-legalize-linear has not been run on it", true};
  remark::analysis(op.getLoc(), remarkOf(getArgument(), op))
      << remark::add("digital: {0}", decline.reason) << remark::metric("macs", macs);
  if (!requireAnalog || !decline.hasConstant)
    return success();
  InFlightDiagnostic error =
      op->emitOpError("expected a product with a constant to be on tiles, but it is digital");
  error.attachNote() << "aimc-legalize-linear left it: " << decline.reason;
  return error;
}

void VerifyMappedPass::runOnOperation() {
  ModuleOp module = getOperation();
  analogMacs = digitalMacs = 0;
  bool failedAny = false;
  if (requirePlaced)
    for (TileOp tile : module.getOps<TileOp>())
      if (!tile.getPlace()) {
        InFlightDiagnostic error = tile.emitOpError("expected a place, but got none");
        error.attachNote() << "is the contract of aimc-place";
        failedAny = true;
      }
  module.walk([&](Operation *op) {
    LogicalResult result = success();
    if (auto linear = dyn_cast<LinearOp>(op))
      result = reportAnalog(op, linear.getWeight(),
                            ::countMacs(linear.getInput(), linear.getInit()), "aimc-partition");
    else if (auto mvm = dyn_cast<MvmOp>(op))
      result =
          reportAnalog(op, mvm.getTile(), ::countMacs(mvm.getInput(), mvm.getInit()), "aimc-group");
    else if (auto grid = dyn_cast<GridOp>(op))
      result = reportAnalog(op, cast<FlatSymbolRefAttr>(grid.getWeights()[0]).getValue(),
                            ::countMacs(grid.getInput(), grid.getInits()), {});
    else if (auto product = dyn_cast<linalg::LinalgOp>(op); product && isProduct(product))
      result = reportDigital(product);
    failedAny |= failed(result);
  });
  double all = double(analogMacs) + double(digitalMacs);
  remark::analysis(module.getLoc(), remarkOf(getArgument()))
      << remark::metric("analog macs", analogMacs) << remark::metric("digital macs", digitalMacs)
      << remark::metric("analog share", all > 0 ? double(analogMacs) / all : 0.0);
  if (failedAny)
    signalPassFailure();
}
