//===- Arguments.cpp - command line of aimc-chip --------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Commands.h"

#include "Duration.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <iostream>

namespace aimc::chip {

namespace {
/// CLI11 reads numbers with strtoull, which takes -1 and what overflows for the largest number.
std::string isSeed(std::string &text) {
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size())
    return "";
  return "expected an integer from 0 to 18446744073709551615, but got '" + text + "'";
}

std::string isDuration(std::string &text) {
  double seconds = 0;
  return run::readDuration(text, seconds);
}

std::optional<double> duration(const std::string &text) {
  double seconds = 0;
  if (text.empty() || !run::readDuration(text, seconds).empty())
    return std::nullopt;
  return seconds;
}
} // namespace

std::optional<int> parseArguments(int argc, char **argv, Arguments &arguments) {
  CLI::App app{"Chip instances as files: program, age, compare, and see which device holds what."};
  app.set_version_flag("--version", "aimc-chip " AIMC_VERSION);
  app.get_formatter()->column_width(34);
  app.set_help_all_flag("--help-all", "Print help of all commands and exit");
  app.require_subcommand(1);
  uint64_t seed = 0;
  std::string time, otherTime, scale, compensate;
  const auto durations = CLI::Validator(isDuration, "DURATION");
  auto seedOption = [&](CLI::App *sub) {
    return sub->add_option("--seed", seed, "which chip instance (default 0)")
        ->check(CLI::Validator(isSeed, "UINT64"));
  };
  auto packageOption = [&](CLI::App *sub) {
    sub->add_option("package", arguments.package, "package folder made by aimc-compile")
        ->required()
        ->type_name("PACKAGE");
  };
  auto chipOption = [&](CLI::App *sub) {
    sub->add_option("chip", arguments.chip, "chip file")->required()->type_name("CHIP");
  };
  auto outputOption = [&](CLI::App *sub, const char *what) {
    return sub->add_option("-o,--output", arguments.output, what)->type_name("FILE");
  };

  CLI::App *programs = app.add_subcommand("program", "program a chip from a package and save it");
  packageOption(programs);
  CLI::Option *programSeed = seedOption(programs);
  programs->add_option("--time", time, "time since programming: 90s, 12h, 30d (default: none)")
      ->check(durations);
  programs->add_option("--scale", scale, "conductance scale: max, sigma:<q> or optimal");
  programs->add_option("--compensate", compensate, "make up for wires")
      ->check(CLI::IsMember({"none", "gain", "weights", "weights+pulses"}));
  outputOption(programs, "chip file to write")->required();

  CLI::App *ages = app.add_subcommand("age", "the same chip at another time since programming");
  chipOption(ages);
  ages->add_option("--time", time, "time since programming: 90s, 12h, 30d")
      ->required()
      ->check(durations);
  outputOption(ages, "chip file to write")->required();

  CLI::App *informs = app.add_subcommand("info", "what a chip file holds");
  chipOption(informs);
  informs->add_flag("--json", arguments.json, "as JSON");

  CLI::App *compares = app.add_subcommand(
      "compare", "differences of conductance and effective weight, weight by weight");
  chipOption(compares);
  compares->add_option("other", arguments.other, "chip file; may be the same one")
      ->required()
      ->type_name("OTHER");
  compares->add_option("--time", time, "look at CHIP at this time (default: its own)")
      ->check(durations);
  compares->add_option("--other-time", otherTime, "look at OTHER at this time (default: its own)")
      ->check(durations);
  compares->add_flag("--json", arguments.json, "as JSON");

  CLI::App *dumps = app.add_subcommand(
      "dump-map",
      "which device holds which weight, with target, programmed and present conductance");
  packageOption(dumps);
  CLI::Option *dumpSeed = seedOption(dumps);
  dumps->add_option("--chip", arguments.chip, "a saved chip instead of one from a seed")
      ->type_name("CHIP")
      ->excludes(dumpSeed);
  dumps->add_option("--weight", arguments.weight, "only this weight")->type_name("NAME");
  outputOption(dumps, "map.csv or map.npz (default: CSV on standard output)");
  dumps->footer(
      "One line, or element of an array of a .npz, per device: weight (in a .npz an index "
      "into weights), row and column in the weight, chip, tile, tile_row, tile_column, plane "
      "(which pair), device (plus or minus, in a .npz 1 or -1), target_us, programmed_us and "
      "now_us, the conductance at the chip's time.");
  const std::string first = argc > 1 ? argv[1] : "";
  bool known = !first.empty() && first[0] == '-';
  for (const CLI::App *sub : app.get_subcommands([](CLI::App *) { return true; }))
    known = known || sub->get_name() == first;
  if (!known) {
    std::cerr << "aimc-chip: error: expected a command among program, age, compare, info and "
                 "dump-map, but got '"
              << first << "'; see aimc-chip --help\n";
    return 2;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    if (error.get_exit_code() == 0)
      return app.exit(error); // help or version
    std::cerr << "aimc-chip: error: " << error.what() << "; see aimc-chip --help\n";
    return 2;
  }
  arguments.command = app.get_subcommands().front()->get_name();
  arguments.time = duration(time);
  arguments.otherTime = duration(otherTime);
  if (*programSeed || *dumpSeed)
    arguments.session["seed"] = seed;
  if (arguments.time && arguments.command == "program")
    arguments.session["time_s"] = *arguments.time;
  if (!scale.empty())
    arguments.session["scale"] = scale;
  if (!compensate.empty())
    arguments.session["compensate"] = compensate;
  return std::nullopt;
}

} // namespace aimc::chip
