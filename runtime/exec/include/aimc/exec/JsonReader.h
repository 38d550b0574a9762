//===- JsonReader.h - checked access to JSON fields -------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Reading a manifest or an options object is a long list of "this key, of this type, in this
// range". A JsonReader keeps the first mistake with the path of the field ("weights[3].rows") and
// hands out neutral values from then on, so that the code that reads stays a list.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/exec/Error.h"
#include "aimc/model/Limits.h"

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aimc::exec {

class JsonObject;

class JsonReader {
public:
  /// `file` opens every message; `status` is the kind of mistake (package or argument).
  JsonReader(std::string file, aimc_status status) : file(std::move(file)), status(status) {}

  bool failed() const { return error.has_value(); }
  void mistake(const std::string &path, const std::string &text);
  /// The first mistake; only when failed().
  tl::unexpected<Error> result() const { return tl::unexpected<Error>(*error); }

  /// The root; a mistake when it is no object.
  JsonObject root(const nlohmann::json &value);

private:
  std::string file;
  aimc_status status;
  std::optional<Error> error;
};

/// One JSON object, or nothing once a mistake was met.
class JsonObject {
public:
  JsonObject(JsonReader &reader, const nlohmann::json *value, std::string path)
      : reader(&reader), value(value), path(std::move(path)) {}

  bool has(std::string_view key) const;
  bool isNull(std::string_view key) const;
  int64_t integer(std::string_view key, int64_t low, int64_t high) const;
  int64_t integer(std::string_view key, model::limits::Integers range) const {
    return integer(key, range.low, range.high);
  }
  uint64_t unsignedInteger(std::string_view key) const;
  double number(std::string_view key, double low, double high) const;
  double number(std::string_view key, model::limits::Reals range) const {
    return number(key, range.low, range.high);
  }
  bool boolean(std::string_view key) const;
  std::string string(std::string_view key) const;
  std::vector<std::string> strings(std::string_view key) const;
  std::vector<int64_t> integers(std::string_view key, int64_t low, int64_t high) const;
  std::vector<double> numbers(std::string_view key, double low, double high) const;
  JsonObject object(std::string_view key) const;
  std::vector<JsonObject> objects(std::string_view key) const;
  std::vector<std::string> keys() const;
  const nlohmann::json *raw(std::string_view key) const;

  /// Any other key is a mistake, named together with those that would be right.
  void allow(std::initializer_list<std::string_view> known) const;
  void mistake(std::string_view key, const std::string &text) const;
  std::string pathOf(std::string_view key) const;

private:
  const nlohmann::json *find(std::string_view key, const char *kind) const;
  JsonReader *reader;
  const nlohmann::json *value;
  std::string path;
};

/// files::parseJson with the name of the file in front of its message.
Result<nlohmann::json> parseJson(std::string_view text, const std::string &file,
                                 aimc_status status);

/// A short printable form of any text for messages: control characters escaped, cut at 80.
std::string quote(std::string_view text);

/// A number as messages show it.
std::string numberText(double value);

} // namespace aimc::exec
