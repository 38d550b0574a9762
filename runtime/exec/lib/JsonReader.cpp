//===- JsonReader.cpp - checked access to JSON fields ---------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/exec/JsonReader.h"

#include "aimc/files/Json.h"
#include "aimc/files/Text.h"

#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace aimc::exec {

using nlohmann::json;

std::string numberText(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", value);
  return text;
}

namespace {
std::string describe(const json &value) {
  if (value.is_string())
    return "the string " + quote(value.get_ref<const std::string &>());
  if (value.is_structured() || value.is_null())
    return value.type_name();
  return value.dump();
}
} // namespace

std::string quote(std::string_view text) { return "'" + files::printable(text, 80) + "'"; }

void JsonReader::mistake(const std::string &path, const std::string &text) {
  if (!error)
    error = Error{status, files::printable(file + ": " + (path.empty() ? "" : path + ": ") + text)};
}

JsonObject JsonReader::root(const json &value) {
  if (!value.is_object()) {
    mistake("", std::string("expected a JSON object, but got ") + describe(value));
    return {*this, nullptr, ""};
  }
  return {*this, &value, ""};
}

std::string JsonObject::pathOf(std::string_view key) const {
  if (key.empty())
    return path;
  return path.empty() ? std::string(key) : path + "." + std::string(key);
}

void JsonObject::mistake(std::string_view key, const std::string &text) const {
  reader->mistake(pathOf(key), text);
}

const json *JsonObject::raw(std::string_view key) const {
  if (!value || reader->failed())
    return nullptr;
  auto it = value->find(key);
  return it == value->end() ? nullptr : &*it;
}

const json *JsonObject::find(std::string_view key, const char *kind) const {
  if (!value || reader->failed())
    return nullptr;
  const json *found = raw(key);
  if (!found)
    mistake(key, std::string("expected ") + kind + ", but the key is missing");
  return found;
}

bool JsonObject::has(std::string_view key) const { return raw(key) != nullptr; }

bool JsonObject::isNull(std::string_view key) const {
  const json *found = raw(key);
  return found && found->is_null();
}

int64_t JsonObject::integer(std::string_view key, int64_t low, int64_t high) const {
  const json *found = find(key, "an integer");
  if (!found)
    return low;
  bool fits =
      found->is_number_integer() &&
      !(found->is_number_unsigned() && found->get<uint64_t>() > static_cast<uint64_t>(INT64_MAX));
  int64_t number = fits ? found->get<int64_t>() : 0;
  if (!fits || number < low || number > high) {
    std::string range = high == INT64_MAX ? "of at least " + std::to_string(low)
                        : low == high
                            ? std::to_string(low)
                            : "from " + std::to_string(low) + " to " + std::to_string(high);
    mistake(key, "expected an integer " + range + ", but got " + describe(*found));
    return low;
  }
  return number;
}

uint64_t JsonObject::unsignedInteger(std::string_view key) const {
  const json *found = find(key, "an integer");
  if (!found)
    return 0;
  if (!found->is_number_unsigned() && !(found->is_number_integer() && found->get<int64_t>() >= 0)) {
    mistake(key, "expected an integer from 0 to 2^64 - 1, but got " + describe(*found));
    return 0;
  }
  return found->get<uint64_t>();
}

double JsonObject::number(std::string_view key, double low, double high) const {
  const json *found = find(key, "a number");
  if (!found)
    return low;
  double number = found->is_number() ? found->get<double>() : NAN;
  if (!(number >= low && number <= high)) {
    std::string range = std::isinf(high) ? "of at least " + numberText(low)
                                         : "from " + numberText(low) + " to " + numberText(high);
    mistake(key, "expected a number " + range + ", but got " + describe(*found));
    return low;
  }
  return number;
}

bool JsonObject::boolean(std::string_view key) const {
  const json *found = find(key, "true or false");
  if (found && !found->is_boolean())
    mistake(key, "expected true or false, but got " + describe(*found));
  return found && found->is_boolean() && found->get<bool>();
}

std::string JsonObject::string(std::string_view key) const {
  const json *found = find(key, "a string");
  if (!found)
    return {};
  if (!found->is_string()) {
    mistake(key, "expected a string, but got " + describe(*found));
    return {};
  }
  return found->get<std::string>();
}

std::vector<std::string> JsonObject::strings(std::string_view key) const {
  std::vector<std::string> out;
  const json *found = find(key, "an array of strings");
  if (!found)
    return out;
  if (!found->is_array()) {
    mistake(key, "expected an array of strings, but got " + describe(*found));
    return out;
  }
  out.reserve(found->size());
  for (size_t i = 0; i < found->size(); ++i) {
    const json &item = (*found)[i];
    if (!item.is_string()) {
      reader->mistake(pathOf(key) + "[" + std::to_string(i) + "]",
                      "expected a string, but got " + describe(item));
      return {};
    }
    out.push_back(item.get<std::string>());
  }
  return out;
}

std::vector<int64_t> JsonObject::integers(std::string_view key, int64_t low, int64_t high) const {
  std::vector<int64_t> out;
  const json *found = find(key, "an array of integers");
  if (!found)
    return out;
  if (!found->is_array()) {
    mistake(key, "expected an array of integers, but got " + describe(*found));
    return out;
  }
  for (size_t i = 0; i < found->size(); ++i) {
    const json &item = (*found)[i];
    bool fits =
        item.is_number_integer() &&
        !(item.is_number_unsigned() && item.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX)) &&
        item.get<int64_t>() >= low && item.get<int64_t>() <= high;
    if (!fits) {
      reader->mistake(pathOf(key) + "[" + std::to_string(i) + "]",
                      "expected an integer of at least " + std::to_string(low) + ", but got " +
                          describe(item));
      return {};
    }
    out.push_back(item.get<int64_t>());
  }
  return out;
}

std::vector<double> JsonObject::numbers(std::string_view key, double low, double high) const {
  std::vector<double> out;
  const json *found = find(key, "an array of numbers");
  if (!found)
    return out;
  if (!found->is_array()) {
    mistake(key, "expected an array of numbers, but got " + describe(*found));
    return out;
  }
  for (size_t i = 0; i < found->size(); ++i) {
    const json &item = (*found)[i];
    const double number = item.is_number() ? item.get<double>() : NAN;
    if (!(number >= low && number <= high)) {
      reader->mistake(pathOf(key) + "[" + std::to_string(i) + "]",
                      "expected a number from " + numberText(low) + " to " + numberText(high) +
                          ", but got " + describe(item));
      return {};
    }
    out.push_back(number);
  }
  return out;
}

JsonObject JsonObject::object(std::string_view key) const {
  const json *found = find(key, "an object");
  if (found && !found->is_object()) {
    mistake(key, "expected an object, but got " + describe(*found));
    found = nullptr;
  }
  return {*reader, found, pathOf(key)};
}

std::vector<JsonObject> JsonObject::objects(std::string_view key) const {
  std::vector<JsonObject> out;
  const json *found = find(key, "an array of objects");
  if (!found)
    return out;
  if (!found->is_array()) {
    mistake(key, "expected an array of objects, but got " + describe(*found));
    return out;
  }
  out.reserve(found->size());
  for (size_t i = 0; i < found->size(); ++i) {
    std::string itemPath = pathOf(key) + "[" + std::to_string(i) + "]";
    if (!(*found)[i].is_object()) {
      reader->mistake(itemPath, "expected an object, but got " + describe((*found)[i]));
      return {};
    }
    out.emplace_back(*reader, &(*found)[i], std::move(itemPath));
  }
  return out;
}

std::vector<std::string> JsonObject::keys() const {
  std::vector<std::string> out;
  if (value && !reader->failed())
    for (const auto &item : value->items())
      out.push_back(item.key());
  return out;
}

void JsonObject::allow(std::initializer_list<std::string_view> known) const {
  for (const std::string &key : keys()) {
    bool found = false;
    for (std::string_view name : known)
      found = found || name == key;
    if (found)
      continue;
    std::string list;
    for (std::string_view name : known)
      list += (list.empty() ? "" : ", ") + std::string(name);
    mistake("", "unknown key " + quote(key) + ", expected one of: " + list);
    return;
  }
}

Result<json> parseJson(std::string_view text, const std::string &file, aimc_status status) {
  auto parsed = files::parseJson(text);
  if (!parsed)
    return fail(status, file + ": " + parsed.error());
  return std::move(*parsed);
}

} // namespace aimc::exec
