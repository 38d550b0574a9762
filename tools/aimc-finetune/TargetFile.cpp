//===- TargetFile.cpp - targets by name -----------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A preset is one operation, whose five attributes are lists of `key = value`: enough of MLIR's
// text is read here to turn it into the manifest's JSON, so that training does not need the
// compiler.
//
//===----------------------------------------------------------------------===//
#include "TargetFile.h"

#include "aimc/files/Json.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace aimc::finetune {

using nlohmann::json;
using train::Error;
namespace fs = std::filesystem;

namespace {
std::string trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())))
    text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())))
    text.remove_suffix(1);
  return std::string(text);
}

std::string withoutComments(const std::string &text) {
  std::istringstream lines(text);
  std::string kept;
  for (std::string line; std::getline(lines, line);)
    kept += line.substr(0, line.find("//")) + '\n';
  return kept;
}

/// The items of a list, split at commas outside of brackets.
std::vector<std::string> items(std::string_view list) {
  std::vector<std::string> found(1);
  int depth = 0;
  for (char c : list) {
    depth += c == '[' || c == '<' || c == '{';
    depth -= c == ']' || c == '>' || c == '}';
    if (c == ',' && depth == 0)
      found.emplace_back();
    else
      found.back() += c;
  }
  for (std::string &item : found)
    item = trimmed(item);
  return found;
}

json valueOf(std::string text) {
  const std::string plain = text;
  if (text.front() == '{') { // a dictionary differs from an object of JSON by its `=`
    bool quoted = false;
    for (size_t i = 0; i < text.size(); ++i) {
      quoted ^= text[i] == '"' && (i == 0 || text[i - 1] != '\\');
      if (text[i] == '=' && !quoted)
        text[i] = ':';
    }
  }
  auto value = files::parseJson(text); // numbers, lists, true and false are JSON
  return value ? *value : json(plain);
}

/// `#aimc.wire<column_ohm = 0.15, idle = midrail>`, whose first item may be a kind.
train::Result<json> partOf(const std::string &text, const std::string &name) {
  size_t start = text.find("#aimc." + name + "<");
  if (start == std::string::npos)
    return tl::unexpected(Error{"expected an attribute #aimc." + name});
  start = text.find('<', start) + 1;
  int depth = 1;
  size_t end = start;
  while (end < text.size() && depth > 0) {
    depth += text[end] == '<';
    depth -= text[end] == '>';
    ++end;
  }
  json part = json::object();
  for (const std::string &item : items(std::string_view(text).substr(start, end - start - 1))) {
    size_t equals = item.find('=');
    if (equals == std::string::npos)
      part["kind"] = item;
    else if (std::string value = trimmed(item.substr(equals + 1)); !value.empty())
      part[trimmed(item.substr(0, equals))] = valueOf(std::move(value));
  }
  return part;
}

bool endsWith(const std::string &text, std::string_view end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

/// Where presets may lie, in the order in which the compiler looks.
std::vector<fs::path> folders() {
  std::vector<fs::path> list;
  if (const char *given = std::getenv("AIMC_TARGETS_DIR"))
    list.emplace_back(given);
  std::error_code failed;
  fs::path self = fs::read_symlink("/proc/self/exe", failed);
  if (!failed)
    list.push_back(self.parent_path().parent_path() / "share/aimc/targets");
  list.emplace_back(AIMC_TARGETS_SOURCE);
  return list;
}

std::string fileOf(const std::string &name) {
  if (endsWith(name, ".mlir") || endsWith(name, ".json"))
    return name;
  if (name.find('/') == std::string::npos)
    for (const fs::path &folder : folders()) {
      std::error_code failed;
      fs::path path = folder / (name + ".mlir");
      if (fs::exists(path, failed))
        return path.string();
    }
  return "";
}

std::string presets() {
  std::vector<std::string> names;
  for (const fs::path &folder : folders()) {
    std::error_code failed;
    for (const auto &entry : fs::directory_iterator(folder, failed))
      if (entry.path().extension() == ".mlir")
        names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  std::string list;
  for (const std::string &name : names)
    list += (list.empty() ? "" : ", ") + name;
  return list;
}
/// What a device file holds; what it means is judged with the target.
train::Result<json> readDevice(const fs::path &path) {
  std::ifstream stream(path);
  if (!stream)
    return tl::unexpected(Error{"cannot read device file '" + path.string() + "'"});
  std::stringstream text;
  text << stream.rdbuf();
  auto table = files::parseJson(text.str());
  if (!table || !table->is_object())
    return tl::unexpected(Error{"device file '" + path.string() +
                                "': " + (table ? "expected a JSON object" : table.error())});
  return *table;
}

/// Replaces the device by a file's, as aimc-compile --device does: with the file's window, or the
/// target's where it has none.
train::Result<> replaceDevice(json &target, const std::string &path) {
  auto table = readDevice(path);
  if (!table)
    return tl::unexpected(table.error());
  json device = {{"kind", "table"}, {"table", *table}};
  for (const char *key : {"g_min_us", "g_max_us"})
    if (table->contains(key))
      device[key] = (*table)[key];
    else if (target.contains("device") && target["device"].contains(key))
      device[key] = target["device"][key];
  target["device"] = device;
  return {};
}
} // namespace

train::Result<train::TileTarget> loadTarget(const std::string &name, const std::string &device) {
  std::string path = fileOf(name);
  if (path.empty())
    return tl::unexpected(Error{"expected a target among " + presets() +
                                ", or a .mlir or .json file, but got '" + name + "'"});
  std::ifstream stream(path);
  std::stringstream text;
  text << stream.rdbuf();
  if (!stream)
    return tl::unexpected(Error{path + ": cannot open the file"});
  json target = json::object();
  if (endsWith(path, ".json")) {
    auto read = files::parseJson(text.str());
    if (!read || !read->is_object())
      return tl::unexpected(Error{path + ": " + (read ? "expected a JSON object" : read.error())});
    target = std::move(*read);
  } else {
    const std::string code = withoutComments(text.str());
    for (const char *part : {"geometry", "device", "wire", "dac", "adc"}) {
      auto read = partOf(code, part);
      if (!read)
        return tl::unexpected(Error{path + ": " + read.error().message});
      target[part] = *read;
    }
  }
  json &own = target["device"];
  if (!device.empty()) {
    if (auto done = replaceDevice(target, device); !done)
      return tl::unexpected(done.error());
  } else if (own.is_object() && own.contains("file") &&
             own["file"].is_string()) { // beside the target
    auto table = readDevice(fs::path(path).parent_path() / own["file"].get<std::string>());
    if (!table)
      return tl::unexpected(Error{path + ": " + table.error().message});
    own.erase("file");
    own["table"] = *table;
  }
  return train::parseTarget(target.dump(), name);
}

} // namespace aimc::finetune
