//===- CApi.cpp - the runtime's C surface ---------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Turns Result<T> into status codes and keeps exceptions inside.
//
//===----------------------------------------------------------------------===//
#include "CApiSupport.h"
#include "Handles.h"
#include "aimc/exec/JsonReader.h"
#include "aimc/exec/Session.h"

#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>

using namespace aimc::exec;

namespace aimc::exec {
namespace {
thread_local std::string lastError;

// Never destroyed: other threads may be in a call while the process ends.
Handles<const Package, aimc_package> &packages() {
  static auto &table = *new Handles<const Package, aimc_package>("package", 1);
  return table;
}

Handles<Session, aimc_session> &sessions() {
  static auto &table = *new Handles<Session, aimc_session>("session", 2);
  return table;
}

Result<Package::Options> packageOptions(const char *text) {
  Package::Options options;
  if (!text || !*text)
    return options;
  auto parsed = parseJson(text, "package options", AIMC_INVALID_ARGUMENT);
  if (!parsed)
    return tl::unexpected(parsed.error());
  JsonReader reader("package options", AIMC_INVALID_ARGUMENT);
  JsonObject root = reader.root(*parsed);
  root.allow({"verify_hashes"});
  if (root.has("verify_hashes"))
    options.verifyHashes = root.boolean("verify_hashes");
  if (reader.failed())
    return reader.result();
  return options;
}
} // namespace

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

Result<void> handOut(const Result<std::string> &made, char **out) {
  if (!made)
    return tl::unexpected(made.error());
  auto *copy = static_cast<char *>(std::malloc(made->size() + 1));
  if (!copy)
    throw std::bad_alloc();
  std::memcpy(copy, made->c_str(), made->size() + 1);
  *out = copy;
  return {};
}
} // namespace aimc::exec

extern "C" {

const char *aimc_runtime_version(void) { return "aimc-runtime " AIMC_RUNTIME_VERSION; }

const char *aimc_last_error(void) { return aimc::exec::lastError.c_str(); }

void aimc_text_free(char *text) { std::free(text); }

aimc_status aimc_package_open(const char *path, aimc_package **out) {
  return aimc_package_open_with(path, nullptr, out);
}

aimc_status aimc_package_open_with(const char *path, const char *options_json, aimc_package **out) {
  if (out)
    *out = nullptr;
  return guarded([&]() -> Result<void> {
    if (auto given = notNull({{"out", out}, {"path", path}}); !given)
      return given;
    auto options = packageOptions(options_json);
    if (!options)
      return tl::unexpected(options.error());
    auto package = Package::open(path, *options);
    if (!package)
      return tl::unexpected(package.error());
    *out = packages().add(std::move(*package));
    return {};
  });
}

aimc_status aimc_package_manifest(aimc_package *package, char **json) {
  return textOf(packages(), package, json,
                [](const Package &p) { return Result<std::string>(p.manifestText()); });
}

void aimc_package_close(aimc_package *package) { packages().remove(package); }

aimc_status aimc_session_create(aimc_package *package, const char *options_json,
                                aimc_session **out) {
  if (out)
    *out = nullptr;
  return guarded([&]() -> Result<void> {
    if (auto given = notNull({{"out", out}}); !given)
      return given;
    auto opened = packages().find(package);
    if (!opened)
      return tl::unexpected(opened.error());
    auto session = Session::create(std::move(*opened), options_json);
    if (!session)
      return tl::unexpected(session.error());
    *out = sessions().add(std::move(*session));
    return {};
  });
}

aimc_status aimc_session_run(aimc_session *session, int32_t entry, const aimc_tensor *inputs,
                             int32_t n_in, aimc_tensor *outputs, int32_t n_out) {
  return onOpen(sessions(), session, {},
                [&](Session &s) { return s.run(entry, inputs, n_in, outputs, n_out); });
}

aimc_status aimc_session_reset(aimc_session *session) {
  return onOpen(sessions(), session, {}, [](Session &s) { return s.reset(); });
}

aimc_status aimc_session_statistics(aimc_session *session, char **json) {
  return textOf(sessions(), session, json, [](Session &s) { return s.statistics(); });
}

aimc_status aimc_session_warnings(aimc_session *session, char **json) {
  return textOf(sessions(), session, json, [](Session &s) { return s.warnings(); });
}

aimc_status aimc_session_age(aimc_session *session, double time_s) {
  return onOpen(sessions(), session, {}, [&](Session &s) { return s.age(time_s); });
}

aimc_status aimc_session_save_chip(aimc_session *session, const char *path) {
  return onOpen(sessions(), session, {{"path", path}},
                [&](Session &s) { return s.saveChip(path); });
}

aimc_status aimc_session_save_record(aimc_session *session, const char *path) {
  return onOpen(sessions(), session, {{"path", path}},
                [&](Session &s) { return s.saveRecord(path); });
}

void aimc_session_destroy(aimc_session *session) { sessions().remove(session); }

} // extern "C"
