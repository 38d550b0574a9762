//===- aimc-chip.cpp - chip instances as files ----------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// aimc-chip program model.aimc --seed 1 -o chip.safetensors
//
//===----------------------------------------------------------------------===//
#include "Commands.h"
#include "OutputFile.h"
#include "Program.h"
#include "aimc/files/Destination.h"

#include <cstdio>
#include <map>

using namespace aimc::chip;

namespace {
int body(int argc, char **argv) {
  Arguments arguments;
  if (auto exitCode = parseArguments(argc, argv, arguments))
    return *exitCode;
  aimc::run::prepareSignals();
  // Age may be in place: it changes one number of a chip.
  if (auto own = aimc::files::checkOutputs(
          {arguments.output},
          {arguments.package, arguments.command == "age" ? "" : arguments.chip});
      !own) {
    std::fprintf(stderr, "aimc-chip: error: %s\n", own.error().c_str());
    return 1;
  }
  const std::map<std::string, Result<void> (*)(const Arguments &)> commands = {
      {"program", program},
      {"age", age},
      {"info", info},
      {"compare", compare},
      {"dump-map", dumpMap}};
  if (auto done = commands.at(arguments.command)(arguments); !done) {
    std::fprintf(stderr, "aimc-chip: error: %s\n", done.error().message.c_str());
    return done.error().status == AIMC_INTERNAL ? 70 : 1;
  }
  return 0;
}
} // namespace

int main(int argc, char **argv) { return aimc::run::runProgram("aimc-chip", argc, argv, body); }
