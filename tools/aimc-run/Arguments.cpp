//===- Arguments.cpp - command line of aimc-run ---------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Arguments.h"
#include "Numbers.h"

#include "Duration.h"
#include "aimc/files/Json.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <fstream>
#include <iostream>
#include <sstream>

namespace aimc::run {

using nlohmann::json;

namespace {
/// JSON text, or the name of a file with it.
std::optional<json> readOverride(const std::string &given) {
  std::string text = given;
  size_t first = given.find_first_not_of(" \t\n");
  if (first == std::string::npos || given[first] != '{') {
    std::ifstream file(given);
    std::stringstream content;
    content << file.rdbuf();
    if (!file) {
      std::cerr << "aimc-run: error: " << given << ": cannot read the target override\n";
      return std::nullopt;
    }
    text = content.str();
  }
  auto value = files::parseJson(text);
  if (value && value->is_object())
    return *value;
  std::cerr << "aimc-run: error: " << (text == given ? "--target-override" : given) << ": "
            << (value ? "expected a JSON object" : value.error()) << '\n';
  return std::nullopt;
}
} // namespace

/// CLI11 reads numbers with strtoull, which takes -1 and what overflows for the largest number.
static std::string isSeed(std::string &text) {
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size())
    return "";
  return "expected an integer from 0 to 18446744073709551615, but got '" + text + "'";
}

std::optional<int> parseArguments(int argc, char **argv, Arguments &arguments) {
  CLI::App app{"Run a compiled model on a chip instance that is programmed from a seed."};
  app.set_version_flag("--version", "aimc-run " AIMC_VERSION);
  app.get_formatter()->column_width(34);
  uint64_t seed = 0;
  int threads = 0;
  bool ideal = false, noReadNoise = false, noVerify = false;
  std::vector<std::string> disabled;
  std::string time, target, chip, compensate, scale, driftCompensation, fidelity;
  int64_t compareExact = 0;
  app.add_option("package", arguments.package, "package folder made by aimc-compile")
      ->required()
      ->type_name("PACKAGE");
  app.add_option("--input", arguments.input, "arrays to run on, named like the model's inputs")
      ->type_name("FILE.npz");
  app.add_option("--output", arguments.output, "where the model's outputs go")
      ->type_name("FILE.npz");
  auto *seedOption = app.add_option("--seed", seed, "chip instance and read noise (default 0)")
                         ->check(CLI::Validator(isSeed, "UINT64"));
  auto *threadsOption =
      app.add_option("--threads", threads, "worker threads (default: one per processor)")
          ->check(within(0, 1024));
  app.add_flag("--ideal", ideal, "plain fp32 products instead of tiles");
  app.add_flag("--compare-ideal", arguments.compareIdeal,
               "also run without tiles; signal-to-noise per layer and output");
  app.add_flag("--no-read-noise", noReadNoise, "same as --disable read_noise");
  app.add_option("--disable", disabled, "switch one effect off; may be given again")
      ->check(CLI::IsMember({"programming", "wire", "dac", "adc", "read_noise", "variation"}))
      ->allow_extra_args(false);
  app.add_option("--time", time, "time since programming: 90s, 12h, 1d (default: no drift)");
  app.add_option("--target-override", target, "JSON text or file merged into the package's targets")
      ->type_name("JSON");
  app.add_option("--chip", chip, "a saved chip instead of a new one; its seed and time hold")
      ->type_name("FILE");
  app.add_option("--save-chip", arguments.saveChip, "where the chip instance goes after the runs")
      ->type_name("FILE");
  app.add_option("--compensate", compensate, "make up for wires, in place of the package's choice")
      ->check(CLI::IsMember({"none", "gain", "weights", "weights+pulses"}));
  app.add_option("--scale", scale, "conductance scale of columns: max, sigma:<q> or optimal")
      ->type_name("RULE");
  app.add_option("--drift-compensation", driftCompensation,
                 "digital scales from noisy reads of a calibration set")
      ->check(CLI::IsMember({"none", "tile", "column"}));
  app.add_option("--fidelity", fidelity, "how closely reads with open idle rows follow the circuit")
      ->check(CLI::IsMember({"exact", "segments", "one_product"}));
  app.add_option("--compare-exact", compareExact,
                 "run the first N vectors of every call through the exact circuit too")
      ->check(within(int64_t{0}, int64_t{1} << 30))
      ->type_name("N");
  app.add_option("--record", arguments.record,
                 "collect calibration statistics, for aimc-compile --calibrate")
      ->type_name("FILE");
  app.add_option("--entry", arguments.entryDims,
                 "shape binding to run, such as batch=8,seq=32 (default: the one that fits)");
  app.add_option("--stats", arguments.statsPath, "where statistics go")->type_name("FILE.json");
  app.add_option("--repeat", arguments.repeat, "run N times and report the latency")
      ->check(within(1, 1000000))
      ->type_name("N");
  app.add_flag("--no-verify", noVerify, "do not check the hashes of the package's files");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    if (error.get_exit_code() == 0)
      return app.exit(error); // help or version
    std::cerr << "aimc-run: error: " << error.what() << "; see aimc-run --help\n";
    return 2;
  }

  arguments.verifyHashes = !noVerify;
  arguments.session = json::object();
  if (*seedOption)
    arguments.session["seed"] = seed;
  if (*threadsOption)
    arguments.session["threads"] = threads;
  if (ideal)
    arguments.session["ideal"] = true;
  if (arguments.compareIdeal && !ideal)
    arguments.session["compare_ideal"] = true;
  if (noReadNoise)
    disabled.push_back("read_noise");
  for (const std::string &effect : disabled)
    arguments.session["effects"][effect] = false;
  if (!time.empty()) {
    double seconds = 0;
    if (std::string wrong = readDuration(time, seconds); !wrong.empty()) {
      std::cerr << "aimc-run: error: --time: " << wrong << "\n";
      return 2;
    }
    arguments.session["time_s"] = seconds;
  }
  for (auto [key, value] : {std::pair{"chip", &chip},
                            {"compensate", &compensate},
                            {"scale", &scale},
                            {"drift_compensation", &driftCompensation}})
    if (!value->empty())
      arguments.session[key] = *value;
  if (compareExact > 0)
    arguments.session["compare_exact"] = compareExact;
  if (!arguments.record.empty())
    arguments.session["record"] = true;
  if (!target.empty()) {
    auto value = readOverride(target);
    if (!value)
      return 1;
    arguments.session["target"] = std::move(*value);
  }
  if (!fidelity.empty())
    arguments.session["target"]["wire"]["fidelity"] = fidelity;
  return std::nullopt;
}

} // namespace aimc::run
