//===- Record.cpp - a run of the compiled model that is watched -----------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Record.h"
#include "Samples.h"
#include "aimc/Analysis/JsonText.h"
#include "aimc/exec/TargetFile.h"
#include "aimc/exec/runtime.h"

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <unistd.h>

namespace aimc::compile {

namespace json = llvm::json;

//===----------------------------------------------------------------------===//
// TemporaryFolder
//===----------------------------------------------------------------------===//

tl::expected<TemporaryFolder, std::string> TemporaryFolder::create(const std::string &path) {
  const char *system = std::getenv("TMPDIR");
  const std::string base =
      path.empty() ? std::string(system && *system ? system : "/tmp") + "/aimc-calibrate" : path;
  auto folder = files::TemporaryFolder::create(base, 0700); // code in it is loaded
  if (!folder)
    return tl::unexpected<std::string>(folder.error());
  return TemporaryFolder(std::move(*folder));
}

//===----------------------------------------------------------------------===//
// The run
//===----------------------------------------------------------------------===//

namespace {
struct Close {
  void operator()(aimc_package *package) const { aimc_package_close(package); }
  void operator()(aimc_session *session) const { aimc_session_destroy(session); }
};

tl::unexpected<std::string> runtimeError() {
  return tl::unexpected<std::string>(aimc_last_error());
}

/// Inputs or outputs of the package's only entry.
tl::expected<std::vector<Port>, std::string> portsOf(aimc_package *package, llvm::StringRef kind) {
  std::vector<Port> ports;
  char *text = nullptr;
  if (aimc_package_manifest(package, &text) != AIMC_OK)
    return runtimeError();
  llvm::Expected<json::Value> manifest = mlir::aimc::parseJsonText(text);
  aimc_text_free(text);
  const json::Object *root = manifest ? manifest->getAsObject() : nullptr;
  if (!manifest)
    llvm::consumeError(manifest.takeError());
  const json::Array *entries = root ? root->getArray("entries") : nullptr;
  const json::Object *entry = entries && !entries->empty() ? (*entries)[0].getAsObject() : nullptr;
  const json::Array *list = entry ? entry->getArray(kind) : nullptr;
  if (!list)
    return tl::unexpected<std::string>("the package has no entry");
  for (const json::Value &value : *list) {
    const json::Object &object = *value.getAsObject();
    Port port{object.getString("name")->str(), object.getString("dtype")->str(), {}};
    for (const json::Value &extent : *object.getArray("shape"))
      port.shape.push_back(*extent.getAsInteger());
    ports.push_back(std::move(port));
  }
  return ports;
}

std::vector<aimc_tensor> tensorsOf(std::vector<run::Array> &arrays) {
  std::vector<aimc_tensor> list;
  for (run::Array &array : arrays)
    list.push_back({array.name.c_str(), array.dtype, static_cast<int32_t>(array.shape.size()),
                    array.shape.data(), array.data.data()});
  return list;
}

run::Array arrayFor(const Port &port) {
  run::Array array;
  array.name = port.name;
  array.shape = port.shape;
  for (aimc_dtype dtype : {AIMC_F32, AIMC_I64, AIMC_I32, AIMC_BOOL})
    if (port.dtype == run::dtypeName(dtype))
      array.dtype = dtype;
  size_t bytes = run::dtypeBytes(array.dtype);
  for (int64_t extent : array.shape)
    bytes *= static_cast<size_t>(extent);
  array.data.resize(bytes);
  return array;
}
} // namespace

tl::expected<void, std::string> recordRun(const std::string &path, const std::string &data,
                                          const std::string &statistics,
                                          const std::function<void(int64_t, int64_t)> &progress) {
  aimc_package *opened = nullptr;
  // Written a moment ago by this process: its hashes need no second look.
  if (aimc_package_open_with(path.c_str(), R"({"verify_hashes": false})", &opened) != AIMC_OK)
    return runtimeError();
  std::unique_ptr<aimc_package, Close> package(opened);
  auto inputs = portsOf(package.get(), "inputs"), outputs = portsOf(package.get(), "outputs");
  if (!inputs || !outputs)
    return tl::unexpected<std::string>(inputs ? outputs.error() : inputs.error());
  auto samples = Samples::read(data, *inputs);
  if (!samples)
    return tl::unexpected<std::string>(samples.error());

  aimc_session *created = nullptr;
  if (aimc_session_create(package.get(), R"({"record": true})", &created) != AIMC_OK)
    return runtimeError();
  std::unique_ptr<aimc_session, Close> session(created);
  std::vector<run::Array> results;
  for (const Port &port : *outputs)
    results.push_back(arrayFor(port));
  for (int64_t b = 0; b < samples->batches(); ++b) {
    progress(b, samples->batches());
    std::vector<run::Array> batch = samples->batch(b);
    std::vector<aimc_tensor> in = tensorsOf(batch), out = tensorsOf(results);
    if (aimc_session_run(session.get(), 0, in.data(), static_cast<int32_t>(in.size()), out.data(),
                         static_cast<int32_t>(out.size())) != AIMC_OK)
      return tl::unexpected<std::string>(data + ": batch " + std::to_string(b) + ": " +
                                         aimc_last_error());
  }
  if (aimc_session_save_record(session.get(), statistics.c_str()) != AIMC_OK)
    return runtimeError();
  return {};
}

bool isRecord(const std::string &path) {
  // Eight bytes of header length, then a JSON object; an archive starts with PK.
  char start[9] = {};
  std::ifstream file(path, std::ios::binary);
  return file.read(start, sizeof start) && start[8] == '{' && (start[0] != 'P' || start[1] != 'K');
}

tl::expected<model::InForce, std::string> checkTarget(const std::string &targetJson) {
  char *text = nullptr;
  if (aimc_target_read(targetJson.c_str(), R"({"partial": false})", &text) != AIMC_OK)
    return runtimeError();
  auto whole = exec::wholeTarget(nlohmann::json::parse(text, nullptr, false), {});
  aimc_text_free(text);
  if (!whole)
    return tl::unexpected(whole.error().message);
  return exec::inForce(whole->target);
}

} // namespace aimc::compile
