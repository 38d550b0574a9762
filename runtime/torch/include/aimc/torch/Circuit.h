//===- Circuit.h - what stands between a model and its tiles ----*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The analog side of a training run: which layer computes a site, what noise a step sees, which
// chip an evaluation runs on. Draws depend on seed, step, chip and site alone, never on what was
// drawn before, so that an interrupted run continues as if it had not been.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/torch/Execute.h"

namespace aimc::train {

class Circuit {
public:
  virtual ~Circuit() = default;
  /// Layers for the sites of `executor`. Asked once for each executor; sites are in the same order
  /// in all of them.
  virtual Result<Layers> layers(const Executor &executor) = 0;
  /// The reads that follow belong to step `step`; `inspect`: measure how far tiles saturate in
  /// them.
  virtual void beginStep(int64_t step, bool inspect = false) = 0;
  /// The reads that follow are made on chip instance `chip`.
  virtual void beginEvaluation(int64_t chip) = 0;
  /// Training goes on as if there had been no evaluation.
  virtual void endEvaluation() {}
  /// What the circuit itself learns (ranges), by name.
  virtual std::vector<std::pair<std::string, at::Tensor>> parameters() { return {}; }
  /// What a checkpoint has to hold beside parameters; loading copies into these tensors, before
  /// stateLoaded() says at which step.
  virtual std::map<std::string, at::Tensor> state() const { return {}; }
  virtual void stateLoaded(int64_t) {}
  /// The layer whose tile saturated most in the reads that were inspected; "" where none did.
  virtual std::string saturated() const { return ""; }
  /// Doubts before the first step, a line each: options that can do nothing, scales that clip.
  virtual std::vector<std::string> warnings() const { return {}; }
  /// Where DAC ranges take too much of the inputs' power, judged as in a session, for people, by
  /// the reads since the start; "" where nowhere. Counting ends.
  virtual std::string clipping() { return ""; }
  /// What training goes through, for people: "through 12 tiles on pcm".
  virtual std::string description() const = 0;
  /// What decides the numbers, for the fingerprint of a checkpoint.
  virtual std::string fingerprint() const = 0;
};

} // namespace aimc::train
