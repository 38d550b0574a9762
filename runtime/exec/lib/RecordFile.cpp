//===- RecordFile.cpp - calibration statistics as a file ------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/exec/RecordFile.h"

#include "aimc/files/Seal.h"
#include "aimc/model/Activity.h"

#include <nlohmann/json.hpp>

namespace aimc::exec {

using nlohmann::json;

namespace {
/// Named arrays of floats, one after the other.
struct Tensors {
  json table = json::object();
  std::vector<float> data;

  template <class Values> void add(const std::string &name, json shape, const Values &values) {
    const size_t begin = data.size() * sizeof(float);
    data.insert(data.end(), values.begin(), values.end());
    table[name] = {{"dtype", "F32"},
                   {"shape", std::move(shape)},
                   {"data_offsets", {begin, data.size() * sizeof(float)}}};
  }
};
} // namespace

Result<void> saveRecord(const std::string &path, const Manifest &manifest,
                        const Recording &recording) {
  Tensors tensors;
  json grids = json::array(), blocks = json::array();
  std::vector<bool> used(manifest.weights.size(), false);
  for (size_t g = 0; g < manifest.grids.size(); ++g) {
    const Grid &grid = manifest.grids[g];
    json names = json::array();
    const int64_t vectors = recording.grids[g].vectors;
    for (int w : grid.weights) {
      names.push_back(manifest.weights[static_cast<size_t>(w)].name);
      if (vectors > 0)
        used[static_cast<size_t>(w)] = true;
    }
    grids.push_back({{"layer", grid.layer},
                     {"weights", names},
                     {"vectors", vectors},
                     {"input_range", grid.inputRange ? json(*grid.inputRange) : json()}});
    if (vectors > 0) {
      const std::string name = "grid." + std::to_string(g);
      tensors.add(name + ".quantiles", {5}, recording.grids[g].quantiles());
      tensors.add(name + ".body", {model::kBodyShares.size()}, recording.grids[g].input.body());
    }
  }
  for (size_t w = 0; w < manifest.weights.size(); ++w) {
    if (!used[w])
      continue;
    const Weight &weight = manifest.weights[w];
    tensors.add("weight." + weight.name + ".activity", {weight.rows, model::kActivityBins},
                recording.weights[w].activity());
    for (size_t b = 0; b < weight.blocks.size(); ++b) {
      const std::string name = "block." + weight.blocks[b].name;
      tensors.add(name + ".charge", {4}, recording.blocks[w][b].statistics());
      tensors.add(name + ".body", {model::kBodyShares.size()},
                  recording.blocks[w][b].charge.body());
      blocks.push_back(weight.blocks[b].name);
    }
  }
  json header = std::move(tensors.table);
  header["__metadata__"] = {
      {files::kSealKey, files::emptySeal()},
      {"aimc",
       json{{"version", 1}, {"grids", std::move(grids)}, {"blocks", std::move(blocks)}}.dump()}};
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  const uint64_t length = text.size();
  auto writer = files::SealedWriter::create(path);
  if (!writer)
    return fail(AIMC_INVALID_ARGUMENT, writer.error());
  for (auto [data, size] : {std::pair<const void *, size_t>{&length, sizeof length},
                            {text.data(), text.size()},
                            {tensors.data.data(), tensors.data.size() * sizeof(float)}})
    if (auto done = writer->write(data, size); !done)
      return fail(AIMC_INVALID_ARGUMENT, done.error());
  if (auto done = writer->commit(); !done)
    return fail(AIMC_INVALID_ARGUMENT, done.error());
  return {};
}

} // namespace aimc::exec
