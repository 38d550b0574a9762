//===- CApi.cpp - the runtime's C surface ---------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Turns Result<T> into status codes and keeps exceptions inside.
//
//===----------------------------------------------------------------------===//
#include "CApiSupport.h"
#include "aimc/exec/JsonReader.h"
#include "aimc/exec/Session.h"

#include <nlohmann/json.hpp>

using namespace aimc::exec;

struct aimc_package {
  std::shared_ptr<const Package> package;
};

struct aimc_session {
  std::unique_ptr<Session> session;
};

namespace aimc::exec {
namespace {
thread_local std::string lastError;
}

aimc_status reportError(aimc_status status, std::string_view message) noexcept {
  try {
    lastError.assign(message);
    // One line, whatever a loader or a file name put in.
    for (char &c : lastError)
      if (c == '\n' || c == '\r')
        c = ' ';
  } catch (...) {
    lastError.clear();
  }
  return status;
}
} // namespace aimc::exec

extern "C" {

const char *aimc_runtime_version(void) { return "aimc-runtime " AIMC_RUNTIME_VERSION; }

const char *aimc_last_error(void) { return aimc::exec::lastError.c_str(); }

aimc_status aimc_package_open(const char *path, aimc_package **out) {
  return aimc_package_open_with(path, nullptr, out);
}

aimc_status aimc_package_open_with(const char *path, const char *options_json, aimc_package **out) {
  return guarded([&]() -> Result<void> {
    if (!out)
      return nullArgument("out");
    *out = nullptr;
    if (!path)
      return nullArgument("path");
    Package::Options options;
    if (options_json && *options_json) {
      auto parsed = parseJson(options_json, "package options", AIMC_INVALID_ARGUMENT);
      if (!parsed)
        return tl::unexpected(parsed.error());
      JsonReader reader("package options", AIMC_INVALID_ARGUMENT);
      JsonObject root = reader.root(*parsed);
      root.allow({"verify_hashes"});
      if (root.has("verify_hashes"))
        options.verifyHashes = root.boolean("verify_hashes");
      if (reader.failed())
        return reader.result();
    }
    auto package = Package::open(path, options);
    if (!package)
      return tl::unexpected(package.error());
    *out = new aimc_package{std::move(*package)};
    return {};
  });
}

const char *aimc_package_manifest(const aimc_package *package) {
  return package ? package->package->manifestText().c_str() : "";
}

void aimc_package_close(aimc_package *package) { delete package; }

aimc_status aimc_session_create(aimc_package *package, const char *options_json,
                                aimc_session **out) {
  return guarded([&]() -> Result<void> {
    if (!out)
      return nullArgument("out");
    *out = nullptr;
    if (!package)
      return nullArgument("package");
    auto session = Session::create(package->package, options_json);
    if (!session)
      return tl::unexpected(session.error());
    *out = new aimc_session{std::move(*session)};
    return {};
  });
}

aimc_status aimc_session_run(aimc_session *session, int32_t entry, const aimc_tensor *inputs,
                             int32_t n_in, aimc_tensor *outputs, int32_t n_out) {
  return guarded([&]() -> Result<void> {
    if (!session)
      return nullArgument("session");
    return session->session->run(entry, inputs, n_in, outputs, n_out);
  });
}

aimc_status aimc_session_reset(aimc_session *session) {
  return guarded([&]() -> Result<void> {
    if (!session)
      return nullArgument("session");
    session->session->reset();
    return {};
  });
}

aimc_status aimc_session_statistics(aimc_session *session, const char **json) {
  return guarded([&]() -> Result<void> {
    if (!json)
      return nullArgument("json");
    *json = "";
    if (!session)
      return nullArgument("session");
    *json = session->session->statistics().c_str();
    return {};
  });
}

aimc_status aimc_session_warnings(aimc_session *session, const char **json) {
  return guarded([&]() -> Result<void> {
    if (!json)
      return nullArgument("json");
    *json = "";
    if (!session)
      return nullArgument("session");
    *json = session->session->warnings().c_str();
    return {};
  });
}

aimc_status aimc_session_age(aimc_session *session, double time_s) {
  return guarded([&]() -> Result<void> {
    if (!session)
      return nullArgument("session");
    return session->session->age(time_s);
  });
}

aimc_status aimc_session_save_chip(aimc_session *session, const char *path) {
  return guarded([&]() -> Result<void> {
    if (!session || !path)
      return nullArgument(session ? "path" : "session");
    return session->session->saveChip(path);
  });
}

aimc_status aimc_session_save_record(aimc_session *session, const char *path) {
  return guarded([&]() -> Result<void> {
    if (!session || !path)
      return nullArgument(session ? "path" : "session");
    return session->session->saveRecord(path);
  });
}

void aimc_session_destroy(aimc_session *session) { delete session; }

} // extern "C"
