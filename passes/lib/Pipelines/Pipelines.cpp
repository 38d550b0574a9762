//===- Pipelines.cpp - passes in order ------------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The only place where order is decided, with the reason for each step.
//
//===----------------------------------------------------------------------===//
#include "aimc/Pipelines/Pipelines.h"

#include "aimc/Transforms/Passes.h"

#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

void aimc::buildMappingPipeline(OpPassManager &pm, const MappingOptions &options) {
  // Front ends write reshapes back to back and constants twice; fewer forms to follow.
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createLegalizeLinear());
  // Products of one tensor were given a collapsed copy of it each; grouping needs one value.
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createPartition({options.target, options.targetFile}));
  // After partitioning, so that the tiles of equal weights are united too.
  pm.addPass(createShare());
  pm.addPass(createPlace({options.tilesPerChip, options.pack}));
  pm.addPass(createGroup({options.maxWeights}));
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(
      createVerifyMapped({options.requireAnalog, /*requirePlaced=*/true, /*requireGrouped=*/true}));
}

void aimc::buildTuningPipeline(OpPassManager &pm, const TuningOptions &options) {
  // Scales are first: they decide what is programmed, and statistics are recorded with them.
  bool compensated = options.compensate != "none";
  pm.addPass(createScale({options.scale, compensated}));
  // Compensation of open rows needs the activity that calibration reads.
  pm.addPass(createCalibrate({options.statistics, options.percentile}));
  pm.addPass(createCompensate({options.compensate, options.report}));
}

void aimc::registerAIMCPipelines() {
  PassPipelineRegistration<MappingOptions>(
      "aimc-map", "Map products with constant matrices to grids of placed tiles",
      buildMappingPipeline);
  PassPipelineRegistration<TuningOptions>(
      "aimc-tune", "Choose scales, converter ranges and compensation of placed tiles",
      buildTuningPipeline);
}
