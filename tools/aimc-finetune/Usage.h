//===- Usage.h - what a command line may say --------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include "Arguments.h"

#include <CLI/CLI.hpp>
#include <map>

namespace aimc::finetune {

/// Replaces a name by the number of its value; the error lists the names.
template <class Value> CLI::Validator named(const std::map<std::string, Value> &values) {
  return CLI::Validator(
      [=](std::string &text) -> std::string {
        if (auto found = values.find(text); found != values.end()) {
          text = std::to_string(static_cast<int>(found->second));
          return "";
        }
        std::string list;
        size_t left = values.size();
        for (const auto &[name, value] : values)
          list += name + (--left == 0 ? "" : left == 1 ? " or " : ", ");
        return "expected " + list + ", but got '" + text + "'";
      },
      "");
}

/// Replaces a duration such as 1d, as aimc-run --time takes it, by its seconds.
CLI::Validator duration();

/// Options in the groups of the manual, and its example.
void arrangeManual(CLI::App &app);

/// Options that were given and may do nothing on tiles. One that switches something off asks for
/// nothing.
std::vector<model::Asked> asked(const CLI::App &app, const Arguments &arguments);

/// What is wrong with the options that were given, by themselves or together; "": nothing.
std::string misuse(const CLI::App &app, const Arguments &arguments);

} // namespace aimc::finetune
