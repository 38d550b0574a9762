//===- Fingerprint.cpp - which run a checkpoint belongs to ----------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Checkpoint.h"

#include <ATen/ATen.h>
#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

namespace aimc::train {

using nlohmann::json;

namespace {
uint64_t hashBytes(const char *bytes, size_t size, uint64_t hash) {
  for (size_t i = 0; i < size; i += 8) {
    uint64_t word = 0;
    std::memcpy(&word, bytes + i, std::min<size_t>(8, size - i));
    hash = (hash ^ word) * 0x100000001b3ull;
  }
  return hash;
}

std::string describe(const Dataset &data) {
  uint64_t hash = kNoHash;
  for (const auto &[name, array] : data.inputs)
    hash = hashOf(array, hash);
  if (data.labels.defined())
    hash = hashOf(data.labels, hash);
  return std::to_string(data.size) + " examples, hash " + std::to_string(hash);
}
} // namespace

uint64_t hashOf(const at::Tensor &tensor, uint64_t hash) {
  at::Tensor dense = tensor.contiguous();
  return hashBytes(static_cast<const char *>(dense.const_data_ptr()), dense.nbytes(), hash);
}
uint64_t hashOf(const std::string &text, uint64_t hash) {
  return hashBytes(text.data(), text.size(), hash);
}

std::string fingerprint(const Model &model, const Dataset &data, const Dataset *evaluation,
                        const TrainOptions &options, const Circuit *circuit) {
  std::string weights;
  uint64_t values = kNoHash;
  for (const Weight &weight : model.weights()) {
    values = hashOf(weight.tensor, hashOf(weight.names[0], values));
    if (weight.trained)
      for (const std::string &name : weight.names)
        weights += name + ' ';
  }
  const OptimizerOptions &o = options.optimizer;
  json entries = {{"weights", weights},
                  {"starting weights", "hash " + std::to_string(values)},
                  {"data", describe(data)},
                  {"eval-data", evaluation ? describe(*evaluation) : ""},
                  {"output", options.output},
                  {"loss", static_cast<int>(options.loss)},
                  {"temperature", options.temperature},
                  {"distill-weight", options.distillWeight},
                  {"epochs", options.epochs},
                  {"steps", options.steps},
                  {"batch", options.batch},
                  {"seed", options.seed},
                  {"optimizer", static_cast<int>(o.kind)},
                  {"lr", o.rate},
                  {"weight-decay", o.weightDecay},
                  {"momentum", o.momentum},
                  {"schedule", static_cast<int>(options.schedule)},
                  {"warmup", options.warmup},
                  {"clip-norm", options.clipNorm},
                  {"eval-every", options.evalEvery},
                  {"eval-chips", options.evalChips},
                  {"early-stop", options.earlyStop},
                  {"circuit", circuit ? circuit->fingerprint() : "digital"}};
  return entries.dump();
}

} // namespace aimc::train
