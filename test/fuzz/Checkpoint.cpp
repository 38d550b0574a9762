//===- Checkpoint.cpp - checkpoints of aimc-finetune ----------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Fuzz.h"

#include "../../runtime/torch/train/Checkpoint.h"

#include <ATen/ATen.h>

using namespace aimc::train;
using namespace aimc::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const Folder folder;
  folder.put("checkpoint.safetensors", safetensorsOf(textOf(data, size)));
  Named tensors = {{"weight/w", at::zeros({2})}, {"best/w", at::zeros({2})}};
  const auto progress = loadCheckpoint(folder.path(), R"({"seed": 0})", tensors);
  if (!progress) {
    requireLine(progress.error().message);
    return 0;
  }
  require(progress->step >= 0 && progress->stale >= 0, "expected numbers of steps");
  // What was read can be written and read again.
  require(saveCheckpoint(folder.path(), R"({"seed": 0})", *progress, tensors).has_value(),
          "expected that the checkpoint can be written");
  const auto again = loadCheckpoint(folder.path(), R"({"seed": 0})", tensors);
  require(again && again->step == progress->step &&
              again->evaluations.size() == progress->evaluations.size(),
          "expected the same progress");
  return 0;
}
