//===- Data.h - examples from .npz files ------------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/torch/Model.h"

namespace aimc::finetune {

/// The arrays of `path` as examples of `inputs`. `labels` is a name in it, or FILE.npz:NAME; labels
/// may be missing where they are not `needed`.
train::Result<train::Dataset> readDataset(const std::string &path, const std::string &labels,
                                          const std::vector<onnx::InputInfo> &inputs, bool needed);

} // namespace aimc::finetune
