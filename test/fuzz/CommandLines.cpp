//===- CommandLines.cpp - command lines of the programs -------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Each line of the input is an argument; the first is the program.
//
//===----------------------------------------------------------------------===//
#include "Fuzz.h"

#include "../../tools/aimc-chip/Commands.h"
#include "../../tools/aimc-run/Arguments.h"
#ifdef AIMC_HAS_PASSES
#include "../../tools/aimc-compile/Arguments.h"
#endif
#ifdef AIMC_HAS_TRAINING
#include "../../tools/aimc-finetune/Arguments.h"
#endif

#include <algorithm>
#include <iostream>
#include <sstream>
#include <vector>

using namespace aimc;
using namespace aimc::fuzz;

namespace {
/// Takes what a stream says while it lives.
class Captured {
public:
  explicit Captured(std::ostream &stream) : stream(stream), before(stream.rdbuf(text.rdbuf())) {}
  ~Captured() { stream.rdbuf(before); }
  std::string said() const { return text.str(); }

private:
  std::ostringstream text;
  std::ostream &stream;
  std::streambuf *before;
};

std::optional<int> parse(std::vector<char *> &arguments) {
  const auto count = static_cast<int>(arguments.size() - 1); // and a null at the end
  const std::string_view program = arguments[0];
  if (program == "run") {
    run::Arguments parsed;
    return run::parseArguments(count, arguments.data(), parsed);
  }
#ifdef AIMC_HAS_PASSES
  if (program == "compile") {
    compile::Options parsed;
    return compile::parseArguments(count, arguments.data(), parsed);
  }
#endif
#ifdef AIMC_HAS_TRAINING
  if (program == "finetune") {
    finetune::Arguments parsed;
    return finetune::parseArguments(count, arguments.data(), parsed);
  }
#endif
  chip::Arguments parsed;
  return chip::parseArguments(count, arguments.data(), parsed);
}
} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string text(textOf(data, size));
  std::replace(text.begin(), text.end(), '\0', '\n'); // no argument has one
  std::vector<std::string> words;
  std::istringstream lines(text);
  for (std::string line; words.size() < 32 && std::getline(lines, line);)
    words.push_back(line);
  if (words.empty())
    words.emplace_back();
  std::vector<char *> arguments;
  for (std::string &word : words)
    arguments.push_back(word.data());
  arguments.push_back(nullptr);

  const Captured out(std::cout), err(std::cerr);
  const std::optional<int> exitCode = parse(arguments);
  const std::string said = err.said();
  if (!exitCode || *exitCode == 0) {
    require(said.empty(), "expected no error of a good command line");
    require(exitCode.has_value() != out.said().empty(), "expected help, or nothing");
  } else {
    require(*exitCode == 1 || *exitCode == 2, "expected an exit code for wrong usage");
    require(std::count(said.begin(), said.end(), '\n') == 1 && said.back() == '\n' &&
                said.find(": error: ") != std::string::npos,
            "expected one line that says what is wrong");
  }
  return 0;
}
