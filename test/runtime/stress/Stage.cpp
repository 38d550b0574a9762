//===- Stage.cpp - what actors work on ------------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Stage.h"

#include <cstring>

namespace aimc::test {

using nlohmann::json;

namespace {
/// Keys of the statistics that hold time on a clock, or what results do not depend on.
constexpr const char *kClock[] = {"create_s", "program_s", "total_s",
                                  "last_s",   "seconds",   "threads"};

void dropClock(json &value) {
  if (value.is_object())
    for (const char *key : kClock)
      value.erase(key);
  if (value.is_structured())
    for (json &part : value)
      dropClock(part);
}

/// An array of a port, owned here.
struct Array {
  Array(const json &port, Dice *dice) : name(port["name"]), shape(port["shape"]) {
    const std::string type = port["dtype"];
    size_t count = 1;
    for (int64_t size : shape)
      count *= static_cast<size_t>(size);
    dtype = type == "f32" ? AIMC_F32 : type == "i64" ? AIMC_I64 : AIMC_BOOL;
    const size_t width = dtype == AIMC_F32 ? 4 : dtype == AIMC_I64 ? 8 : 1;
    bytes.resize(count * width);
    for (size_t i = 0; dice && i < count; ++i) {
      const float real = static_cast<float>(dice->roll(2001)) / 1000 - 1;
      const int64_t index = dice->roll(11); // 10 is outside of the table
      const char truth = static_cast<char>(dice->roll(2));
      const void *from = dtype == AIMC_F32   ? static_cast<const void *>(&real)
                         : dtype == AIMC_I64 ? static_cast<const void *>(&index)
                                             : &truth;
      std::memcpy(bytes.data() + i * width, from, width);
    }
  }
  aimc_tensor tensor() {
    return {name.c_str(), dtype, static_cast<int32_t>(shape.size()), shape.data(), bytes.data()};
  }

  std::string name;
  std::vector<int64_t> shape;
  int32_t dtype;
  std::string bytes;
};
} // namespace

Outcome outcomeOf(std::string call, aimc_status status, std::string result) {
  return {std::move(call), status, status == AIMC_OK ? std::move(result) : aimc_last_error()};
}

std::string withoutClock(const std::string &statistics) {
  json value = json::parse(statistics);
  dropClock(value);
  return value.dump();
}

Stage::Stage(const std::string &folder) {
  auto add = [&](const char *name, const json &changes, int64_t inputs, int64_t outputs,
                 bool twoWeights) {
    PackageBuilder builder;
    builder.target.merge_patch(changes);
    const auto seed = static_cast<uint32_t>(packages.size());
    builder.add("a", randomMatrix(inputs, outputs, seed));
    if (twoWeights)
      builder.add("b", randomMatrix(inputs, 33, seed + 100), true);
    const std::string path = folder + "/" + name;
    const json manifest = builder.manifest();
    builder.write(path, manifest);
    json chosen = json::array();
    for (size_t i = 0; i < manifest["entries"].size(); ++i)
      if (json entry = manifest["entries"][i]; entry["symbol"] != "grid_4000") { // takes too long
        entry["index"] = i;
        chosen.push_back(entry);
      }
    packages.push_back({path, chosen});
  };
  // One block and several; each kind of circuit has code of its own.
  add("plain.aimc", json::object(), 70, 45, true);
  add("open.aimc", {{"wire", {{"idle", "open"}}}}, 40, 45, false);
  add("spread.aimc",
      {{"device", {{"stuck_off", 0.01}, {"device_spread", 0.1}}},
       {"adc", {{"gain_spread", 0.05}, {"offset_spread_lsb", 1.0}}}},
      50, 130, true);
}

Outcome runEntry(aimc_session *session, const json &entry, uint32_t seed) {
  Dice dice(seed);
  std::vector<Array> in, out;
  for (const json &port : entry["inputs"])
    in.emplace_back(port, &dice);
  for (const json &port : entry["outputs"])
    out.emplace_back(port, nullptr);
  std::vector<aimc_tensor> inputs, outputs;
  for (Array &array : in)
    inputs.push_back(array.tensor());
  for (Array &array : out)
    outputs.push_back(array.tensor());
  std::string name = entry["symbol"];
  const aimc_status status =
      aimc_session_run(session, entry["index"], inputs.data(), static_cast<int32_t>(inputs.size()),
                       outputs.data(), static_cast<int32_t>(outputs.size()));
  std::string result;
  for (const Array &array : out)
    result += array.bytes;
  return outcomeOf("run " + name, status, std::move(result));
}

} // namespace aimc::test
