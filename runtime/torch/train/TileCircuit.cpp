//===- TileCircuit.cpp - all sites of a model on tiles --------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Sites of a spec are found by their layer, and call after call, because a weight that is used
// several times has an entry for each. Where a file holds a matrix under several names, which both
// compiler and trainer take for one weight, the spec knows it by one of them. Devices belong to
// weights, reads to sites.
//
//===----------------------------------------------------------------------===//
#include "Checkpoint.h"
#include "TileSite.h"

#include "aimc/model/Quantiles.h"
#include "aimc/model/ScaleWarning.h"

#include <ATen/ATen.h>
#include <algorithm>
#include <map>
#include <set>
#include <sstream>

namespace aimc::train {

namespace {
/// A weight as the initializer of this name holds it.
at::Tensor shapedAs(const std::string &name, const Weight &weight) {
  for (size_t i = 0; i < weight.names.size(); ++i)
    if (weight.names[i] == name && weight.transposed[i])
      return weight.tensor.t();
  return weight.tensor;
}

/// Full tiles first, the remainder last, each at the rows next to the ADC.
std::vector<TileBlock> cutBlocks(int64_t rows, int64_t cols, const TileTarget &target) {
  std::vector<TileBlock> blocks;
  const ops::Blocks n = ops::cutBlocks(rows, cols, target.circuit);
  for (size_t i = 0; i < n.size(); i += 6)
    blocks.push_back({n[i], n[i + 1], n[i + 2], n[i + 3], n[i + 4], n[i + 5], {}, "", {}, {}});
  return blocks;
}

class TileCircuit final : public Circuit {
public:
  TileCircuit(const TileTarget *target, std::vector<SiteSpec> specs, TileOptions options)
      : specs(std::move(specs)), options(std::move(options)), clock(std::make_shared<Clock>()) {
    if (target)
      whole = std::make_shared<const TileTarget>(*target);
  }

  Result<> bind(const Model &model, const Executor &executor) {
    std::map<std::string, int64_t> units;
    std::set<int64_t> placed;        // streams, which name tiles
    std::map<int64_t, size_t> alone; // blocks without a place, by weight
    std::set<int64_t> seen;          // weights whose scales are reported
    for (size_t w = 0; w < model.weights().size(); ++w)
      for (const std::string &name : model.weights()[w].names)
        units[name] = static_cast<int64_t>(w);
    if (auto named = checkNames(executor); !named)
      return named;
    std::vector<bool> used(specs.size(), false);
    auto unnamed =
        static_cast<int64_t>(model.weights().size()); // matrices that are not initializers
    for (const LinearSite &site : executor.sites()) {
      auto number = static_cast<int64_t>(sites.size());
      auto unit = units.find(site.initializer);
      int64_t devices = unit == units.end() ? unnamed++ : unit->second;
      SiteSpec spec;
      if (whole) {
        spec = {"",        site.layer,
                "",        site.initializer,
                site.rows, site.cols,
                {},        {},
                whole,     cutBlocks(site.rows, site.cols, *whole)};
      } else {
        auto match = find(site, units, used);
        if (!match) {
          sites.push_back(nullptr); // digital
          continue;
        }
        used[*match] = true;
        spec = specs[*match];
        if (spec.rows != site.rows || spec.cols != site.cols)
          return tl::unexpected(
              wrong(spec, "expected " + std::to_string(site.rows) + " inputs x " +
                              std::to_string(site.cols) + " outputs as in the model, but got " +
                              std::to_string(spec.rows) + " x " + std::to_string(spec.cols)));
      }
      targets.insert(spec.target->name);
      for (const TileBlock &block : spec.blocks)
        if (block.stream)
          placed.insert(*block.stream);
        else
          alone[devices] = spec.blocks.size();
      sites.push_back(std::make_shared<TileSite>(std::move(spec), site.transposed, devices, number,
                                                 options, clock));
      if (unit != units.end() && seen.insert(unit->second).second)
        scaled += sites.back()->scaleReport(
            shapedAs(site.initializer, model.weights()[static_cast<size_t>(unit->second)]));
    }
    for (size_t i = 0; i < specs.size(); ++i)
      if (!used[i] && specs[i].initializer.empty())
        return tl::unexpected(wrong(
            specs[i], "expected a weight that is an initializer of the model, but the model "
                      "computes this one from constants, which training tunes apart; take the "
                      "layer out of the spec to train it digitally"));
      else if (!used[i])
        return tl::unexpected(wrong(specs[i], "expected a product with the initializer '" +
                                                  specs[i].initializer + "' in the model, but " +
                                                  (units.count(specs[i].initializer)
                                                       ? "its products with it are "
                                                         "fewer or of other layers"
                                                       : "it has no such initializer")));
    tiles = placed.size();
    for (auto [weight, blocks] : alone)
      tiles += blocks;
    for (const auto &site : sites)
      contents = site ? site->contents(contents) : hashOf("digital", contents);
    return {};
  }

  Result<Layers> layers(const Executor &executor) override {
    Layers layers;
    if (executor.sites().size() != sites.size())
      return tl::unexpected(Error{"expected the same products for every batch size"});
    for (size_t i = 0; i < sites.size(); ++i)
      if (sites[i])
        layers[executor.sites()[i].node] = sites[i];
    return layers;
  }

  void beginStep(int64_t step, bool inspect) override {
    clock->step = step;
    clock->chip.reset();
    clock->inspect = inspect;
    if ((step + 1) % options.refresh == 0 && !inspect) // steps as people and aimc.torch count them
      markStale();
  }

  void beginEvaluation(int64_t chip) override {
    clock->chip = chip;
    clock->inspect = false;
    if (chip > 0)
      return;
    for (auto &site : sites)
      if (site)
        site->keep();
    markStale(); // a chip is programmed with the weights at hand
  }
  void endEvaluation() override {
    for (auto &site : sites)
      if (site)
        site->restore();
  }

  std::map<std::string, at::Tensor> state() const override {
    std::map<std::string, at::Tensor> all;
    for (size_t i = 0; i < sites.size(); ++i)
      if (sites[i])
        for (auto &[name, tensor] : sites[i]->state())
          all[std::to_string(i) + "." + name] = tensor;
    return all;
  }
  void stateLoaded(int64_t step) override {
    for (auto &site : sites)
      if (site && step > 0)
        site->clearStale();
  }

  std::string saturated() const override {
    const TileSite *worst = nullptr;
    auto share = [](const TileSite &site) { return std::max(site.dacShare, site.adcShare); };
    for (const auto &site : sites)
      if (site && share(*site) > 0 && (!worst || share(*site) > share(*worst)))
        worst = site.get();
    if (!worst)
      return "";
    std::ostringstream os;
    os.precision(3);
    bool adc = worst->adcShare >= worst->dacShare;
    os << "the tile of layer '" << worst->layer() << "' saturates in " << 100 * share(*worst)
       << "% of its " << (adc ? "readings" : "inputs");
    return os.str();
  }

  std::string clipping() override {
    clock->counting = false;
    const TileSite *worst = nullptr;
    size_t heavy = 0;
    auto loss = [](const TileSite &s) { return s.clipping().lost / s.clipping().power; };
    for (const auto &site : sites)
      if (site && model::keepsFewBits(site->clipping().power, site->clipping().lost)) {
        ++heavy;
        if (!worst || loss(*site) > loss(*worst))
          worst = site.get();
      }
    if (!worst)
      return "";
    const TileSite::Clipping &c = worst->clipping();
    std::ostringstream os;
    os.precision(3);
    os << "layer " << worst->layer() << ": the DAC's range takes " << 100 * loss(*worst)
       << "% of the inputs' power, beyond it are "
       << 100 * static_cast<double>(c.beyond) / static_cast<double>(c.inputs) << "% of the inputs";
    if (heavy > 1)
      os << ", and likewise " << heavy - 1 << (heavy == 2 ? " other" : " others");
    os << "; a wider input range (--input-range auto), or none, keeps it";
    return os.str();
  }

  std::string description() const override {
    std::string names;
    for (const std::string &name : targets)
      names += (names.empty() ? "" : ", ") + name;
    if (whole) // of which its author may have said little
      names += " (" + whole->summary + ")";
    return "through " + std::to_string(tiles) + (tiles == 1 ? " tile" : " tiles") + " on " + names;
  }

  /// In the runtime's words.
  std::vector<std::string> warnings() const override {
    std::map<const TileTarget *, model::InForce> used;
    for (const auto &site : sites) {
      if (!site)
        continue;
      auto [entry, first] = used.try_emplace(&site->target(), site->target().inForce);
      model::InForce &t = entry->second;
      t.follows |= site->follows();
      t.ruled = site->ruled() || (!first && t.ruled);
    }
    std::vector<model::InForce> inForce;
    for (auto &[target, t] : used) {
      t.device.programmingScale *= options.programming;
      t.device.readScale *= options.read;
      t.device.driftScale *= options.drift;
      t.timed = !options.times.empty();
      inForce.push_back(t);
    }
    std::vector<std::string> lines = model::withoutEffect(options.asked, inForce);
    if (auto line = model::clippingWarning(options.scale, scaled))
      lines.push_back(std::move(*line));
    return lines;
  }

  std::string fingerprint() const override {
    std::ostringstream os;
    os.precision(17);
    os << (whole ? "target " + whole->name : "spec") << ' ' << sites.size() << ' ' << options.seed
       << ' ' << options.programming << ' ' << options.read << ' ' << options.drift << ' '
       << options.scale << ' ' << options.compensate << ' ' << options.refresh << ' '
       << options.gaussian;
    for (double time : options.times)
      os << ' ' << time;
    if (options.compensateDrift)
      os << " drift compensated";
    os << ", contents " << contents;
    return os.str();
  }

private:
  static Error wrong(const SiteSpec &spec, const std::string &what) {
    return Error{spec.file + ": layer '" + spec.layer + "': " + what};
  }

  /// Layers of the spec are the model's where that has names. One whose place was lost in the
  /// compiler has its weight's name.
  Result<> checkNames(const Executor &executor) const {
    std::set<std::string> names;
    for (const onnx::Node &node : executor.graph().nodes)
      if (!node.layer.empty())
        names.insert(node.layer);
    for (const SiteSpec &spec : specs)
      if (!names.empty() && spec.layer != spec.weight && !names.count(spec.layer))
        return tl::unexpected(
            wrong(spec, "expected a layer of that name in the model, but it has none"));
    return {};
  }

  /// The entry of the spec that is `site`: of its weight, and of its layer where one is.
  std::optional<size_t> find(const LinearSite &site, const std::map<std::string, int64_t> &units,
                             const std::vector<bool> &used) const {
    auto unitOf = [&](const std::string &initializer) {
      auto unit = units.find(initializer);
      return unit == units.end() ? -1 : unit->second;
    };
    std::optional<size_t> first;
    for (size_t i = 0; i < specs.size(); ++i) {
      bool same = specs[i].initializer == site.initializer ||
                  (unitOf(site.initializer) >= 0 &&
                   unitOf(specs[i].initializer) == unitOf(site.initializer));
      if (used[i] || !same)
        continue;
      if (specs[i].layer == site.layer)
        return i;
      if (!first)
        first = i;
    }
    return first;
  }

  void markStale() {
    for (auto &site : sites)
      if (site)
        site->markStale();
  }

  std::shared_ptr<const TileTarget> whole;
  std::vector<SiteSpec> specs;
  TileOptions options;
  std::set<std::string> targets;
  size_t tiles = 0;
  model::ScaleReport scaled; ///< of the rule, before the first step
  std::shared_ptr<Clock> clock;
  std::vector<std::shared_ptr<TileSite>> sites; ///< null: digital
  uint64_t contents = kNoHash;                  ///< of targets, places, ranges, LSBs and scales
};
} // namespace

Result<std::unique_ptr<Circuit>> tileCircuit(const Model &model, const TileTarget *target,
                                             std::vector<SiteSpec> sites, TileOptions options) {
  if (!model::parseScaleRule(options.scale))
    return tl::unexpected(
        Error{"expected scale max, sigma:<q> or optimal, but got '" + options.scale + "'"});
  auto pulses = [&](const std::string &mode) {
    return (options.compensate.empty() ? mode : options.compensate) == "weights+pulses";
  };
  const std::string midrail = "with idle = midrail compensation is by gain or weights, but got "
                              "'weights+pulses'";
  if (target && !target->circuit.open && pulses("none"))
    return tl::unexpected(Error{"target '" + target->name + "': " + midrail});
  for (const SiteSpec &site : sites)
    for (const TileBlock &block : site.blocks)
      if (!site.target->circuit.open && pulses(block.compensate))
        return tl::unexpected(Error{site.file + ": layer '" + site.layer + "': " + midrail});
  auto circuit = std::make_unique<TileCircuit>(target, std::move(sites), std::move(options));
  if (auto done = circuit->bind(model, model.firstExecutor()); !done)
    return tl::unexpected(done.error());
  return circuit;
}

} // namespace aimc::train
