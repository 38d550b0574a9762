//===- Pipelines.h - passes in order ----------------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Pipelines are functions with option structs; tools and tests use these and never repeat an order
// of passes. `aimc-opt --aimc-map='...' --dump-pass-pipeline` prints one.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"

namespace mlir::aimc {

/// Options of `aimc-map`; the passes that they belong to are described in Transforms/Passes.td.
struct MappingOptions : PassPipelineOptions<MappingOptions> {
  Option<std::string> target{*this, "target", llvm::cl::desc("Symbol of the aimc.target to map to"),
                             llvm::cl::init("")};
  Option<std::string> targetFile{
      *this, "target-file",
      llvm::cl::desc("Preset or file to insert when the module has no aimc.target"),
      llvm::cl::init("pcm")};
  Option<int64_t> tilesPerChip{*this, "tiles-per-chip",
                               llvm::cl::desc("Physical tiles on a chip; 0: as many as needed"),
                               llvm::cl::init(0)};
  Option<bool> pack{*this, "pack",
                    llvm::cl::desc("Put several small blocks into one physical tile"),
                    llvm::cl::init(true)};
  Option<int64_t> maxWeights{*this, "max-weights",
                             llvm::cl::desc("Largest number of weights in a grid; 0: no limit"),
                             llvm::cl::init(0)};
  Option<bool> requireAnalog{
      *this, "require-analog",
      llvm::cl::desc("Fail when a product with a constant matrix stayed digital"),
      llvm::cl::init(false)};
};

/// From linalg on tensors to grids of placed tiles (Contracts.md, sections 1 to 2).
void buildMappingPipeline(OpPassManager &pm, const MappingOptions &options);

/// Options of `aimc-tune`; those of aimc-scale, aimc-calibrate and aimc-compensate.
struct TuningOptions : PassPipelineOptions<TuningOptions> {
  Option<std::string> scale{*this, "scale", llvm::cl::desc("auto, max, sigma:<q> or optimal"),
                            llvm::cl::init("auto")};
  Option<std::string> statistics{*this, "statistics",
                                 llvm::cl::desc("Calibration file of a recorded run; may be empty"),
                                 llvm::cl::init("")};
  Option<std::string> percentile{
      *this, "percentile",
      llvm::cl::desc("Input range: none, auto, keep, or a share of inputs from 0.99 to 1"),
      llvm::cl::init("none")};
  Option<std::string> compensate{*this, "compensate",
                                 llvm::cl::desc("none, gain, weights or weights+pulses"),
                                 llvm::cl::init("none")};
  Option<bool> report{*this, "report",
                      llvm::cl::desc("Compute what compensation leaves, for the remarks"),
                      llvm::cl::init(true)};
};

/// What is programmed into placed tiles, and how their converters are set (Contracts.md section 9).
void buildTuningPipeline(OpPassManager &pm, const TuningOptions &options);

/// Registers `aimc-map` and `aimc-tune`.
void registerAIMCPipelines();

} // namespace mlir::aimc
