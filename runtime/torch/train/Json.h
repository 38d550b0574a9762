//===- Json.h - values of noise specs and targets ---------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Each value is taken by what it has to be, because a spec may be written by hand. The rules are
// those of python/aimc/torch/fields.py: a spec that one of the two readers takes the other takes.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/torch/TensorFile.h"
#include "aimc/torch/Tiles.h"

#include <nlohmann/json.hpp>
#include <stdexcept>

namespace aimc::train {

/// What is wrong with a file; caught where the file's name is known.
struct Fault : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A value as messages show it, on one line.
std::string shown(const nlohmann::json &value);
std::string shown(double value);

/// files::parseJson, whose error is a Fault here.
nlohmann::json parseJson(const std::string &text);

/// One object of a spec; null and what is missing are the same.
class Entry {
public:
  /// `path` stands before keys in messages; "": nothing does.
  Entry(const nlohmann::json &value, std::string path);

  bool has(const char *key) const;
  const nlohmann::json *raw(const char *key) const;
  /// Any other key is a Fault, with the words of JsonReader of runtime/exec.
  void allow(const std::vector<std::string> &known) const;
  Fault wrong(const char *key, const std::string &expected) const;
  int64_t integer(const char *key, int64_t low, int64_t high) const;
  double real(const char *key, double low, double high) const;
  std::string name(const char *key) const;
  std::string word(const char *key, const std::vector<std::string> &known) const;
  bool flag(const char *key) const;
  /// A list of at least one object.
  std::vector<Entry> entries(const char *key) const;
  /// The tensor of a name, whose numbers are finite and at least 0; undefined where there is none.
  at::Tensor tensor(const char *key, const TensorFile &file, c10::IntArrayRef shape) const;
  /// The same for messages that say by other means whose values these are.
  Entry alone() const { return {*values, ""}; }

private:
  const nlohmann::json *values;
  std::string path;
};

} // namespace aimc::train
