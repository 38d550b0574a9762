//===- Runner.cpp - a package, its sessions, and arrays in and out --------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Runner.h"

#include "aimc/files/Json.h"

#include <chrono>
#include <sstream>

namespace aimc::run {

using nlohmann::json;

namespace {
tl::unexpected<Failure> runtimeError(aimc_status status) {
  return tl::unexpected<Failure>({aimc_last_error(), status == AIMC_INTERNAL ? 70 : 1});
}

tl::unexpected<Failure> fail(std::string message) {
  return tl::unexpected<Failure>({std::move(message), 1});
}

std::string portText(const json &port) {
  std::string text = port["dtype"].get<std::string>() + " [";
  for (size_t d = 0; d < port["shape"].size(); ++d)
    text += (d ? ", " : "") + std::to_string(port["shape"][d].get<int64_t>());
  return text + "]";
}

bool fits(const json &entry, const std::vector<Array> &inputs) {
  if (entry["inputs"].size() != inputs.size())
    return false;
  for (const json &port : entry["inputs"]) {
    bool found = false;
    for (const Array &array : inputs)
      found = found || (array.name == port["name"] && typeText(array) == portText(port));
    if (!found)
      return false;
  }
  return true;
}

Result<int32_t> entryByDims(const json &entries, const std::string &text) {
  std::vector<std::pair<std::string, int64_t>> wanted;
  std::stringstream list(text);
  for (std::string item; std::getline(list, item, ',');) {
    item.erase(0, item.find_first_not_of(' '));
    size_t equals = item.find('=');
    size_t used = 0;
    int64_t value = -1;
    try {
      if (equals != std::string::npos && equals > 0)
        value = std::stoll(item.substr(equals + 1), &used);
    } catch (const std::exception &) {
      used = 0;
    }
    if (used == 0 || equals + 1 + used != item.size() || value < 0)
      return tl::unexpected<Failure>(
          {"--entry: expected dimensions such as batch=8,seq=32, but got '" + text + "'", 2});
    wanted.emplace_back(item.substr(0, equals), value);
  }
  int32_t found = -1;
  std::string known;
  for (size_t e = 0; e < entries.size(); ++e) {
    bool match = true;
    for (const auto &[name, value] : wanted)
      match = match && entries[e]["dims"].value(name, int64_t{-1}) == value;
    if (match && found >= 0)
      return fail("--entry: '" + text + "' names more than one entry: " +
                  dimsText(entries[static_cast<size_t>(found)]) + "; " + dimsText(entries[e]));
    if (match)
      found = static_cast<int32_t>(e);
    known += (e ? "; " : "") + dimsText(entries[e]);
  }
  if (found < 0)
    return fail("--entry: no entry with '" + text + "', the package has: " + known);
  return found;
}
} // namespace

std::string dimsText(const json &entry) {
  std::string text;
  for (const auto &dim : entry["dims"].items())
    text += (text.empty() ? "" : ", ") + dim.key() + "=" + dim.value().dump();
  return text.empty() ? entry["symbol"].get<std::string>() : text;
}

Result<Model> openModel(const Arguments &arguments) {
  json options = {{"verify_hashes", arguments.verifyHashes}};
  aimc_package *package = nullptr;
  aimc_status status =
      aimc_package_open_with(arguments.package.c_str(), options.dump().c_str(), &package);
  if (status != AIMC_OK)
    return runtimeError(status);
  PackageHandle handle(package);
  char *made = nullptr;
  if (status = aimc_package_manifest(package, &made); status != AIMC_OK)
    return runtimeError(status);
  auto manifest = files::parseJson(TextHandle(made).get());
  if (!manifest)
    return fail(arguments.package + ": " + manifest.error());
  return Model{std::move(handle), std::move(*manifest)};
}

Result<int32_t> chooseEntry(const Model &model, const Arguments &arguments,
                            const std::vector<Array> &inputs) {
  const json &entries = model.manifest["entries"];
  if (!arguments.entryDims.empty())
    return entryByDims(entries, arguments.entryDims);
  for (size_t e = 0; e < entries.size(); ++e)
    if (fits(entries[e], inputs))
      return static_cast<int32_t>(e);
  if (entries.size() == 1)
    return 0; // the runtime says what does not fit
  std::string given, known;
  for (const Array &array : inputs)
    given += (given.empty() ? "" : ", ") + ("'" + array.name + "' " + typeText(array));
  for (const json &entry : entries)
    known += (known.empty() ? "" : "; ") + dimsText(entry);
  return fail(arguments.input + ": expected arrays that fit one of the entries (" + known +
              "), but got " + (given.empty() ? "none" : given));
}

Result<SessionHandle> createSession(const Model &model, const json &options) {
  aimc_session *session = nullptr;
  aimc_status status = aimc_session_create(model.handle.get(), options.dump().c_str(), &session);
  if (status != AIMC_OK)
    return runtimeError(status);
  return SessionHandle(session);
}

Result<std::vector<Array>> makeOutputs(const Model &model, int32_t entry) {
  std::vector<Array> outputs;
  for (const json &port : model.manifest["entries"][static_cast<size_t>(entry)]["outputs"]) {
    Array array;
    array.name = port["name"];
    array.shape = port["shape"].get<std::vector<int64_t>>();
    for (aimc_dtype dtype : {AIMC_F32, AIMC_I64, AIMC_I32, AIMC_BOOL})
      if (port["dtype"] == dtypeName(dtype))
        array.dtype = dtype;
    size_t bytes = dtypeBytes(array.dtype);
    for (int64_t extent : array.shape)
      bytes *= static_cast<size_t>(extent);
    array.data.resize(bytes);
    outputs.push_back(std::move(array));
  }
  return outputs;
}

Result<double> runOnce(aimc_session *session, int32_t entry, std::vector<Array> &inputs,
                       std::vector<Array> &outputs) {
  auto tensors = [](std::vector<Array> &arrays) {
    std::vector<aimc_tensor> list;
    for (Array &array : arrays)
      list.push_back({array.name.c_str(), array.dtype, static_cast<int32_t>(array.shape.size()),
                      array.shape.data(), array.data.data()});
    return list;
  };
  std::vector<aimc_tensor> in = tensors(inputs), out = tensors(outputs);
  auto start = std::chrono::steady_clock::now();
  aimc_status status = aimc_session_run(session, entry, in.data(), static_cast<int32_t>(in.size()),
                                        out.data(), static_cast<int32_t>(out.size()));
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (status != AIMC_OK)
    return runtimeError(status);
  return seconds;
}

Result<json> readStatistics(aimc_session *session) {
  char *text = nullptr;
  aimc_status status = aimc_session_statistics(session, &text);
  if (status != AIMC_OK)
    return runtimeError(status);
  auto statistics = files::parseJson(TextHandle(text).get());
  if (!statistics)
    return fail("statistics: " + statistics.error());
  return std::move(*statistics);
}

} // namespace aimc::run
