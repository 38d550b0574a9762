//===- Program.cpp - aimc-chip program, age and info ----------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Commands.h"

#include "aimc/exec/Chip.h"
#include "aimc/exec/ChipFile.h"
#include "aimc/exec/TargetFile.h"
#include "aimc/model/Ageing.h"

#include <cstdio>
#include <map>

namespace aimc::chip {

using namespace aimc::exec;
using nlohmann::json;

Result<void> program(const Arguments &arguments) {
  auto package = openPackage(arguments.package);
  if (!package)
    return tl::unexpected(package.error());
  const Manifest &manifest = (*package)->manifest();
  auto options = Options::parse(arguments.session.dump().c_str(), manifest, "options");
  if (!options)
    return tl::unexpected(options.error());
  for (const std::string &line : options->withoutEffect(false))
    warn(line);
  Threads threads(0);
  auto chip = Chip::layOut(ChipSource(**package), *options, nullptr, threads);
  if (!chip)
    return tl::unexpected(chip.error());
  return ChipFile::save(arguments.output, **chip, *options,
                        std::vector<int64_t>(manifest.grids.size(), 0));
}

Result<void> age(const Arguments &arguments) {
  auto chip = openChip(arguments.chip);
  if (!chip)
    return tl::unexpected(chip.error());
  if (auto known = checkTime((*chip)->targets(), *arguments.time); !known)
    return fail(known.error().status, "--time: " + known.error().message);
  Effects effects;
  JsonReader reader("chip", AIMC_INVALID_ARGUMENT);
  readEffects(reader.root((*chip)->options()).object("effects"), effects);
  std::vector<model::DeviceModel> devices;
  for (const Target &target : (*chip)->targets())
    devices.push_back(deviceInForce(target, effects));
  if (const auto line = model::ageingWithoutEffect(devices, {true, false}))
    warn(*line);
  return (*chip)->saveAs(arguments.output, arguments.time);
}

Result<void> info(const Arguments &arguments) {
  auto opened = openChip(arguments.chip);
  if (!opened)
    return tl::unexpected(opened.error());
  const ChipFile &chip = **opened;
  std::map<std::string, int64_t> tiles, devices;
  std::map<std::string, int64_t> weights; // blocks of each
  for (const ChipTile &tile : chip.tiles()) {
    const Target &target = chip.targets()[tile.target];
    ++tiles[target.name];
    for (const ChipBlock &block : tile.blocks) {
      devices[target.name] += 2 * target.pairs() * block.rows * block.cols;
      ++weights[block.weight];
    }
  }
  json text = {{"seed", chip.seed()},       {"time_s", chip.timeS() ? json(*chip.timeS()) : json()},
               {"options", chip.options()}, {"reads", chip.counters()},
               {"targets", json::object()}, {"weights", weights}};
  for (const Target &target : chip.targets())
    text["targets"][target.name] = {
        {"tiles", tiles[target.name]}, {"devices", devices[target.name]},
        {"device", target.device},     {"rows", target.rows},
        {"cols", target.cols},         {"pairs", target.pairs()}};
  if (arguments.json) {
    std::printf("%s\n", text.dump(2).c_str());
    return {};
  }
  const json &options = chip.options();
  auto choice = [&](const char *key) {
    return options[key].is_string() ? options[key].get<std::string>() : "as the package says";
  };
  std::printf("seed %llu, %s\n", static_cast<unsigned long long>(chip.seed()),
              chip.timeS() ? (std::to_string(*chip.timeS()) + " s after programming").c_str()
                           : "no time since programming");
  std::printf("scale %s, compensation %s, drift compensation %s\n", choice("scale").c_str(),
              choice("compensate").c_str(), choice("drift_compensation").c_str());
  for (const Target &target : chip.targets())
    std::printf("target %s: %lld tiles of %s, %lld devices used\n", target.name.c_str(),
                static_cast<long long>(tiles[target.name]), summaryOf(target).c_str(),
                static_cast<long long>(devices[target.name]));
  std::printf("%zu weights\n", weights.size());
  return {};
}

} // namespace aimc::chip
