//===- Arguments.h - command line of aimc-finetune --------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/onnx/ModelFile.h"
#include "aimc/torch/Tiles.h"
#include "aimc/torch/Trainer.h"

#include <optional>

namespace aimc::finetune {

struct Arguments {
  std::string model, output, data, labels = "labels", evalData, log, outputName;
  std::vector<std::string> trainable, freeze;
  std::optional<onnx::Classifier> head;
  std::string target, device, spec, driftCompensation = "none";
  bool untie = false;
  bool ownBatch = true; ///< no --batch was given
  int threads = 0;
  train::TrainOptions train;
  train::TileOptions tiles;
};

/// Reads the command line; the exit code to end with at once (help: 0, wrong usage: 2), or nothing.
std::optional<int> parseArguments(int argc, char **argv, Arguments &arguments);

} // namespace aimc::finetune
