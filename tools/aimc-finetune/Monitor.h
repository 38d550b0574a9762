//===- Monitor.h - what a training run shows --------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// One line on a terminal, nothing in a pipe; evaluations always; a log for programs if asked for.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/torch/Trainer.h"

#include <chrono>
#include <fstream>

namespace aimc::finetune {

class Monitor final : public train::Listener {
public:
  Monitor();
  ~Monitor() override;

  /// `append`: the run may go on with a log that is there, of which resumed() keeps what holds.
  train::Result<> openLog(const std::string &path, bool append);
  /// Whether everything came to the log.
  train::Result<> closeLog();
  /// From now on the first interrupt ends the run after its step, the second one at once.
  void catchInterrupts();

  void say(const std::string &phase);
  void clear();
  train::Result<> resumed(int64_t steps) override;
  void stepped(const train::StepReport &report) override;
  void evaluated(const train::Evaluation &evaluation) override;
  void saved(const std::string &path) override;
  void warned(const std::string &text) override;
  bool interrupted() override;

private:
  bool terminal, shown = false;
  std::string logPath;
  std::ofstream log;
  int logError = 0; ///< errno of the first line that was lost
  void write(const std::string &line);
  double smoothLoss = 0, smoothAccuracy = 0;
  int64_t firstStep = 0;
  std::chrono::steady_clock::time_point begin, last;
};

/// "82.15% (chips 81.90% to 82.40%)".
std::string percent(const train::Evaluation &evaluation);

} // namespace aimc::finetune
