//===- TensorFile.h - named tensors in a file -------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Files of the safetensors format: tensors by name, and strings by key.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/torch/Execute.h"

namespace aimc::train {

struct TensorFile {
  std::map<std::string, at::Tensor> tensors;
  std::map<std::string, std::string> metadata;
};

/// A kind of file that is written with a seal (aimc/files/Seal.h) and must have one.
struct Kind {
  std::string what, remedy;
};

/// Everything in `path`, in memory of its own. Without a kind a seal is checked where there is one.
Result<TensorFile> readTensors(const std::string &path, const std::optional<Kind> &kind = {});

/// Replace or create `path`, sealed; an interrupt leaves the old file.
Result<> writeTensors(const std::string &path, const TensorFile &file);

} // namespace aimc::train
