//===- TargetFile.cpp - targets by name -----------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A preset is one operation, whose five attributes are lists of `key = value`: enough of MLIR's
// text is read here to turn it into the manifest's JSON, which the runtime judges, so that training
// does not need the compiler.
//
//===----------------------------------------------------------------------===//
#include "TargetFile.h"

#include "aimc/exec/Presets.h"
#include "aimc/exec/TargetFile.h"
#include "aimc/files/Json.h"

#include <cctype>
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

/// The parts that a .mlir file writes.
train::Result<json> readMlir(const std::string &text) {
  const std::string code = withoutComments(text);
  json target = json::object();
  for (const char *part : {"geometry", "device", "wire", "dac", "adc"}) {
    auto read = partOf(code, part);
    if (!read)
      return tl::unexpected(read.error());
    target[part] = *read;
  }
  return target;
}

tl::unexpected<Error> said(const exec::Error &error) {
  return tl::unexpected(Error{error.message});
}
} // namespace

train::Result<train::TileTarget> loadTarget(const std::string &name, const std::string &device) {
  auto path = exec::findTarget(name, {".mlir", ".json"});
  if (!path)
    return said(path.error());
  std::ifstream stream(*path);
  std::stringstream text;
  text << stream.rdbuf();
  if (!stream)
    return tl::unexpected(Error{*path + ": cannot open the file"});
  exec::TargetSource source;
  source.name = name;
  source.label = *path;
  source.training = true;
  source.folder = fs::path(*path).parent_path().string();
  json target;
  if (fs::path(*path).extension() == ".json") {
    auto parsed = exec::parseJson(text.str(), *path, AIMC_INVALID_ARGUMENT);
    if (!parsed)
      return said(parsed.error());
    target = std::move(*parsed);
  } else {
    auto read = readMlir(text.str());
    if (!read)
      return tl::unexpected(Error{*path + ": " + read.error().message});
    target = std::move(*read);
    source.partial = false; // the compiler's parser wants every key too
  }
  if (!device.empty()) {
    // As aimc-compile --device does: nothing is left of the target's own device.
    auto table = exec::readDeviceFile(device);
    if (!table)
      return said(table.error());
    target["device"] = {{"kind", "table"}, {"table", std::move(*table)}};
    source.partial = true; // the file may say the window, or nobody does
    source.label += ", --device " + exec::quote(device);
  }
  return train::readTarget(target, source);
}

} // namespace aimc::finetune
