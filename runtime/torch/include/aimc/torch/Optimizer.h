//===- Optimizer.h - AdamW, SGD and their schedules -------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Updates as torch.optim defines them, with state that can be saved. Schedules are those of the
// transformers library: a linear warm-up from 0, then constant, or to 0 in a line or half a cosine.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace aimc::train {

struct Schedule {
  enum class Kind { Constant, Linear, Cosine };
  Kind kind = Kind::Linear;
  int64_t warmup = 0, steps = 0;
  /// Factor of the learning rate at step `step`, counted from 0.
  double factor(int64_t step) const;
};

struct OptimizerOptions {
  enum class Kind { AdamW, Sgd };
  Kind kind = Kind::AdamW;
  double rate = 1e-4;
  double weightDecay = 0.01;
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double momentum = 0.9; ///< of SGD
};

class Optimizer {
public:
  Optimizer(OptimizerOptions options, std::vector<std::pair<std::string, at::Tensor>> parameters);

  void clearGradients();
  /// Norm of all gradients together; they are scaled down to `limit` where that is positive.
  double clip(double limit);
  /// One update with the rate times `factor`.
  void step(double factor);

  /// What a checkpoint has to hold beside the parameters. Tensors are shared, not copied.
  std::map<std::string, at::Tensor> state() const;
  int64_t updates = 0;

private:
  struct Slot {
    std::string name;
    at::Tensor parameter, first, second;
  };
  OptimizerOptions options;
  std::vector<Slot> slots;
};

} // namespace aimc::train
