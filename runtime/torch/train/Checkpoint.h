//===- Checkpoint.h - where a run can continue ------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Weights, the optimizer's state, what the circuit has learnt, the best weights so far, and how far
// the run is. Random numbers need no state: they depend on the seed and the step.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/torch/Trainer.h"

namespace aimc::train {

/// Progress of a run, beside tensors.
struct Progress {
  int64_t step = 0;                            ///< that are done
  std::vector<double> firstLosses, lastLosses; ///< of a tenth of the steps, at most 100
  int64_t stale = 0;                           ///< evaluations since the best one
  std::optional<double> best;
  int64_t bestStep = 0;
  std::vector<Evaluation> evaluations;
};

/// The file of a checkpoint inside its folder.

/// Everything that decides how a run goes: options, names and values of weights, data. Asked before
/// the first step, since the values are those that the run starts from.
std::string fingerprint(const Model &model, const Dataset &data, const Dataset *evaluation,
                        const TrainOptions &options, const Circuit *circuit);

/// FNV-1a, continued from `hash`; data may be large.
inline constexpr uint64_t kNoHash = 0xcbf29ce484222325ull;
uint64_t hashOf(const at::Tensor &tensor, uint64_t hash = kNoHash);
uint64_t hashOf(const std::string &text, uint64_t hash = kNoHash);

using Named = std::map<std::string, at::Tensor>;

Result<> saveCheckpoint(const std::string &folder, const std::string &fingerprint,
                        const Progress &progress, const Named &tensors);

/// Copies what the file holds into `tensors`, which name what has to be there ("best/" may be
/// missing); the error says which option differs from the interrupted run.
Result<Progress> loadCheckpoint(const std::string &folder, const std::string &fingerprint,
                                Named &tensors);

} // namespace aimc::train
