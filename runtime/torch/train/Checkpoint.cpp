//===- Checkpoint.cpp - where a run can continue --------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// One safetensors file, replaced whole. A run that continues under other options would be neither
// of both, so the fingerprint is compared entry by entry.
//
//===----------------------------------------------------------------------===//
#include "Checkpoint.h"
#include "aimc/files/Json.h"
#include "aimc/torch/TensorFile.h"

#include <ATen/ATen.h>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

namespace aimc::train {

using nlohmann::json;

namespace {
tl::unexpected<Error> fail(const std::string &path, const std::string &message) {
  return tl::unexpected(Error{path + ": " + message});
}

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

/// JSON has no numbers that are not finite.
std::vector<double> numbers(const json &list) {
  std::vector<double> values;
  for (const json &value : list)
    values.push_back(value.is_null() ? std::nan("") : value.get<double>());
  return values;
}

json toJson(const Evaluation &evaluation) {
  return {{"step", evaluation.step}, {"loss", evaluation.loss}, {"accuracy", evaluation.accuracy}};
}
} // namespace

uint64_t hashOf(const at::Tensor &tensor, uint64_t hash) {
  at::Tensor dense = tensor.contiguous();
  return hashBytes(static_cast<const char *>(dense.const_data_ptr()), dense.nbytes(), hash);
}
uint64_t hashOf(const std::string &text, uint64_t hash) {
  return hashBytes(text.data(), text.size(), hash);
}

std::string checkpointFile(const std::string &folder) { return folder + "/checkpoint.safetensors"; }

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

Result<> saveCheckpoint(const std::string &folder, const std::string &fingerprint,
                        const Progress &progress, const Named &tensors) {
  if (::mkdir(folder.c_str(), 0777) != 0 && errno != EEXIST)
    return fail(folder, std::string("cannot create the folder: ") + std::strerror(errno));
  json evaluations = json::array();
  for (const Evaluation &evaluation : progress.evaluations)
    evaluations.push_back(toJson(evaluation));
  json state = {{"format", "aimc-checkpoint"},
                {"version", 1},
                {"step", progress.step},
                {"first_losses", progress.firstLosses},
                {"last_losses", progress.lastLosses},
                {"stale", progress.stale},
                {"best", progress.best ? json(*progress.best) : json()},
                {"best_step", progress.bestStep},
                {"evaluations", evaluations}};
  return writeTensors(checkpointFile(folder),
                      {tensors, {{"run", fingerprint}, {"state", state.dump()}}});
}

Result<Progress> loadCheckpoint(const std::string &folder, const std::string &fingerprint,
                                Named &tensors) {
  std::string path = checkpointFile(folder);
  auto file = readTensors(
      path, Kind{"a checkpoint of aimc-finetune", "remove it, and training begins anew"});
  if (!file)
    return tl::unexpected(file.error());
  auto object = [](const std::string &text) {
    return files::parseJson(text).value_or(json()); // of another kind: refused below
  };
  json state = object(file->metadata["state"]);
  json was = object(file->metadata["run"]), is = object(fingerprint);
  if (!state.is_object() || state.value("format", "") != "aimc-checkpoint" || !was.is_object())
    return fail(path, "expected a checkpoint of aimc-finetune");
  if (state.value("version", 0) != 1)
    return fail(path, "expected a checkpoint of version 1, but got " +
                          std::to_string(state.value("version", 0)));
  for (auto &[key, value] : is.items())
    if (!was.contains(key) || was[key] != value)
      return fail(path, "expected to continue a run of the same " + key + ", but it had " +
                            (was.contains(key) ? was[key].dump() : "none") + " and this one has " +
                            value.dump());
  for (auto &[name, tensor] : tensors) {
    auto found = file->tensors.find(name);
    if (found == file->tensors.end() && name.rfind("best/", 0) == 0)
      continue;
    if (found == file->tensors.end() || found->second.sizes() != tensor.sizes() ||
        found->second.scalar_type() != tensor.scalar_type())
      return fail(path, "expected a tensor '" + name + "' of the model's shape");
    tensor.copy_(found->second);
  }
  Progress progress;
  try {
    progress.step = state.at("step");
    progress.firstLosses = state.at("first_losses").get<std::vector<double>>();
    progress.lastLosses = state.at("last_losses").get<std::vector<double>>();
    progress.stale = state.at("stale");
    progress.bestStep = state.at("best_step");
    if (!state.at("best").is_null())
      progress.best = state.at("best").get<double>();
    for (const json &entry : state.at("evaluations"))
      progress.evaluations.push_back(
          {entry.at("step"), numbers(entry.at("loss")), numbers(entry.at("accuracy"))});
  } catch (const json::exception &) {
    return fail(path, "expected a checkpoint of aimc-finetune, but its state is damaged");
  }
  return progress;
}

} // namespace aimc::train
