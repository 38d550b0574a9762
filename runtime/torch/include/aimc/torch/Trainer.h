//===- Trainer.h - the training loop ----------------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Steps over shuffled examples, evaluations on several chips, checkpoints from which a run
// continues bit for bit.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/torch/Circuit.h"
#include "aimc/torch/Model.h"
#include "aimc/torch/Optimizer.h"

#include <optional>

namespace aimc::train {

enum class Loss {
  CrossEntropy, ///< classes on the last axis; labels of -100 do not count
  Mse,          ///< mean squared error
  Distill,      ///< Kullback-Leibler divergence from the untouched model's classes
  DistillMse    ///< mean squared distance from the untouched model's output
};

struct TrainOptions {
  size_t output = 0; ///< position of the output that the loss reads
  Loss loss = Loss::CrossEntropy;
  double temperature = 2;   ///< of Distill
  double distillWeight = 1; ///< the rest of 1 goes to cross-entropy, where there are labels
  int64_t epochs = 1;       ///< 0: as many as the steps take
  int64_t steps = -1;       ///< at most; -1: as the epochs say; 0: evaluate only
  int64_t batch = 32;
  int64_t seed = 0;
  OptimizerOptions optimizer;
  Schedule::Kind schedule = Schedule::Kind::Linear;
  double warmup = 0;     ///< steps, or below 1 a share of all steps
  double clipNorm = 1;   ///< 0: not clipped
  int64_t evalEvery = 0; ///< steps; 0: after each epoch; there is one before the first step too
  int64_t evalChips = 1;
  int64_t earlyStop = 0;       ///< evaluations without progress; 0: off
  std::string checkpoint;      ///< folder; "" for none
  int64_t checkpointEvery = 0; ///< steps; 0: after each epoch
  bool resume = false;
};

struct StepReport {
  int64_t step = 0, steps = 0, epoch = 0; ///< step counts from 1
  double loss = 0, rate = 0, gradientNorm = 0;
  std::optional<double> accuracy; ///< of this batch
};

struct Evaluation {
  int64_t step = 0;
  std::vector<double> loss;     ///< by chip
  std::vector<double> accuracy; ///< by chip; empty without classes
  double meanLoss() const;
  double meanAccuracy() const;
};

/// Told what happens; asked whether to go on.
class Listener {
public:
  virtual ~Listener() = default;
  /// The run goes on after this many steps; what came later the last time comes again.
  virtual Result<> resumed(int64_t /*steps*/) { return {}; }
  virtual void stepped(const StepReport &) {}
  virtual void evaluated(const Evaluation &) {}
  virtual void saved(const std::string &) {}
  virtual void warned(const std::string &) {}
  virtual bool interrupted() { return false; }
};

struct Outcome {
  enum class End { Finished, EarlyStop, Interrupted };
  End end = End::Finished;
  int64_t step = 0, resumedFrom = 0;
  int64_t averaged = 0;               ///< steps that each of the two losses is a mean of
  double firstLoss = 0, lastLoss = 0; ///< of the first and the last steps
  std::vector<Evaluation> evaluations;
  std::optional<int64_t> bestStep; ///< whose weights the model now has, with early stop
};

/// Train `model`, which has been prepared, on `data`. `circuit` null: digital.
Result<Outcome> train(Model &model, const Dataset &data, const Dataset *evaluation,
                      const TrainOptions &options, Circuit *circuit, Listener &listener);

/// Whether labels fit the loss and the output.
Result<> checkLabels(const Model &model, const Dataset &data, const TrainOptions &options);

/// What checkpoints are written to in their folder.
std::string checkpointFile(const std::string &folder);

} // namespace aimc::train
