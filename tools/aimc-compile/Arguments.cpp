//===- Arguments.cpp - command line of aimc-compile -----------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Arguments.h"
#include "Numbers.h"

#include "aimc/model/Scale.h"

#include <CLI/CLI.hpp>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <iostream>

namespace aimc::compile {

namespace {
/// "name=size" with a size of at least 0 (the cache of a first call is empty; Compile.cpp judges
/// the rest); empty on success, else what is wrong.
std::string parseDim(const std::string &text, Options &options) {
  size_t at = text.find('=');
  char *end = nullptr;
  const char *number = at == std::string::npos ? "" : text.c_str() + at + 1;
  errno = 0;
  long long size = std::strtoll(number, &end, 10);
  if (at == 0 || !std::isdigit(static_cast<unsigned char>(*number)) || *end != '\0' || errno != 0)
    return "--dim: expected name=size with a size of at least 0, but got '" + text + "'";
  if (!options.dims.emplace(text.substr(0, at), size).second)
    return "--dim: expected each name once, but got '" + text.substr(0, at) + "' again";
  return "";
}

/// Values of a flag that has words and numbers; empty where `text` is one of them.
std::string checkScale(const std::string &text) {
  if (text == "auto" || model::parseScaleRule(text))
    return "";
  return "expected auto, max, sigma:<q> with q > 0, or optimal, but got '" + text + "'";
}

std::string checkRange(const std::string &text) {
  char *end = nullptr;
  const double share = std::strtod(text.c_str(), &end);
  if (text == "none" || text == "auto" ||
      (!text.empty() && *end == '\0' && share >= 0.99 && share <= 1))
    return "";
  return "expected none, auto or a number from 0.99 to 1, but got '" + text + "'";
}
} // namespace

std::optional<int> parseArguments(int argc, char **argv, Options &options) {
  std::vector<std::string> dims;
  CLI::App app{"Compiles an ONNX model (or linalg as MLIR) to a package that aimc-run executes.",
               "aimc-compile"};
  app.add_option("model", options.model, "ONNX file, or .mlir / .mlirbc with linalg on tensors")
      ->required();
  app.add_option("-o,--output", options.output,
                 "package folder (default: the model's name with .aimc), or the file of --emit");
  app.add_option("--dim", dims, "size of a symbolic dimension, name=size (repeatable)");
  app.add_option("--target", options.target, "preset (pcm, ideal, ...) or an .mlir file")
      ->capture_default_str();
  app.add_option("--device", options.device,
                 "device table (JSON) that replaces the target's device");
  app.add_option("--fidelity", options.fidelity,
                 "how closely reads with open idle rows follow the circuit")
      ->check(CLI::IsMember({"exact", "segments", "one_product"}));
  app.add_option("--scale", options.scale,
                 "weight that the largest conductance stands for: max, sigma:<q>, optimal, or auto")
      ->check(checkScale)
      ->capture_default_str();
  auto *calibrate =
      app.add_option("--calibrate", options.calibrate,
                     ".npz with inputs of the model to choose converter ranges from, or "
                     "what aimc-run --record has written on such inputs");
  app.add_option("--input-range", options.inputRange,
                 "the DAC's full scale, with --calibrate: none (each vector's largest), auto, or a "
                 "share of inputs from 0.99 to 1")
      ->needs(calibrate)
      ->check(checkRange)
      ->capture_default_str();
  app.add_option("--compensate", options.compensate, "what to do about the wires")
      ->check(CLI::IsMember({"none", "gain", "weights", "weights+pulses"}))
      ->capture_default_str();
  app.add_option("--mcpu", options.mcpu, "processor to compile for, or native")
      ->capture_default_str();
  std::string emit = "package";
  app.add_option("--emit", emit,
                 "what to write: package, or the module as linalg, tiled or llvm (MLIR text, or "
                 "bytecode where -o ends with .mlirbc; large constants only into files)")
      ->check(CLI::IsMember({"package", "linalg", "tiled", "llvm"}))
      ->capture_default_str();
  app.add_option(
      "--emit-noise", options.emitNoise,
      "noise spec (JSON) to write for aimc-finetune --spec and aimc.torch; without -o and "
      "--emit nothing else is written");
  app.add_option("--tiles-per-chip", options.tilesPerChip, "physical tiles on a chip; 0: no limit")
      ->check(aimc::run::atLeast(int64_t{0}));
  bool noPack = false;
  app.add_flag("--no-pack", noPack, "give every block a physical tile of its own");
  app.add_flag("--require-analog", options.requireAnalog,
               "fail when a product with a constant matrix stays digital");
  app.add_flag("--remarks", options.remarks, "print what the passes measured");
  app.add_flag("--time", options.timing, "print seconds and peak memory of each phase");
  app.set_version_flag("--version", "aimc-compile " AIMC_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    if (error.get_exit_code() == 0)
      return app.exit(error); // help or version
    std::cerr << "aimc-compile: error: " << error.what() << "; see aimc-compile --help\n";
    return kBadUsage;
  }
  options.emit = emit == "linalg"  ? Emit::Linalg
                 : emit == "tiled" ? Emit::Tiled
                 : emit == "llvm"  ? Emit::Llvm
                                   : Emit::Package;
  for (auto [flag, value] :
       {std::pair("--output", &options.output), std::pair("--target", &options.target),
        std::pair("--device", &options.device), std::pair("--calibrate", &options.calibrate),
        std::pair("--mcpu", &options.mcpu), std::pair("model", &options.model)})
    if (app.count(flag) != 0 && value->empty()) {
      std::cerr << "aimc-compile: error: " << flag << ": expected a value, but got ''\n";
      return kBadUsage;
    }
  if (app.count("--emit-noise") != 0) {
    if (options.emitNoise.empty() || options.emit == Emit::Linalg) {
      std::cerr << "aimc-compile: error: --emit-noise: expected "
                << (options.emitNoise.empty() ? "a path, but got ''"
                                              : "a model on tiles, but got --emit linalg")
                << '\n';
      return kBadUsage;
    }
    options.specOnly = app.count("--output") == 0 && app.count("--emit") == 0;
  }
  options.pack = !noPack;
  for (const std::string &dim : dims)
    if (std::string problem = parseDim(dim, options); !problem.empty()) {
      std::cerr << "aimc-compile: error: " << problem << '\n';
      return kBadUsage;
    }
  return std::nullopt;
}

} // namespace aimc::compile
