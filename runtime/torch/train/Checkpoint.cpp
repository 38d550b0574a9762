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
#include "Json.h"
#include "aimc/files/Json.h"
#include "aimc/files/Text.h"
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
  return tl::unexpected(Error{files::printable(path + ": " + message)});
}

/// A number of steps; JSON's other numbers would be converted to one without a word.
int64_t count(const json &object, const char *key) {
  const json &value = object.at(key);
  if (!value.is_number_unsigned() || value.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX))
    throw Fault(std::string("expected a number of steps as ") + key);
  return value.get<int64_t>();
}

/// JSON has no numbers that are not finite.
std::vector<double> numbers(const json &list) {
  if (!list.is_array())
    throw Fault("expected a list of numbers");
  std::vector<double> values;
  for (const json &value : list)
    values.push_back(value.is_null() ? std::nan("") : value.get<double>());
  return values;
}

Progress progressOf(const json &state) {
  Progress progress;
  progress.step = count(state, "step");
  progress.firstLosses = numbers(state.at("first_losses"));
  progress.lastLosses = numbers(state.at("last_losses"));
  progress.stale = count(state, "stale");
  progress.bestStep = count(state, "best_step");
  if (!state.at("best").is_null())
    progress.best = state.at("best").get<double>();
  for (const json &entry : state.at("evaluations"))
    progress.evaluations.push_back(
        {count(entry, "step"), numbers(entry.at("loss")), numbers(entry.at("accuracy"))});
  return progress;
}

json toJson(const Evaluation &evaluation) {
  return {{"step", evaluation.step}, {"loss", evaluation.loss}, {"accuracy", evaluation.accuracy}};
}
} // namespace

std::string checkpointFile(const std::string &folder) { return folder + "/checkpoint.safetensors"; }

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
  // Compared as values: what is of another type is another format or version.
  if (!state.is_object() || state.value("format", json()) != "aimc-checkpoint" || !was.is_object())
    return fail(path, "expected a checkpoint of aimc-finetune");
  if (const json version = state.value("version", json()); version != 1)
    return fail(path, "expected a checkpoint of version 1, but got " + shown(version));
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
  try {
    return progressOf(state);
  } catch (const std::exception &) { // of nlohmann's or of ours
    return fail(path, "expected a checkpoint of aimc-finetune, but its state is damaged");
  }
}

} // namespace aimc::train
