//===- Loss.h - what training makes small -----------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/torch/Trainer.h"

namespace aimc::train {

struct Measured {
  at::Tensor loss;    ///< a scalar, the mean over what counts
  double correct = 0; ///< examples whose largest class is the label
  double counted = 0; ///< examples with a label
};

/// `teacher` is the untouched model's output, undefined for losses without one.
Measured measure(const TrainOptions &options, const at::Tensor &output, const at::Tensor &labels,
                 const at::Tensor &teacher);

/// Whether examples have classes, so that there is an accuracy.
bool hasClasses(const TrainOptions &options, const Dataset &data);
bool needsTeacher(const TrainOptions &options);

} // namespace aimc::train
