//===- Tile.cpp - one tile without a package ------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/exec/Tile.h"

#include "aimc/model/AihwkitCompat.h"
#include "aimc/model/Limits.h"
#include "aimc/model/Place.h"

#include <algorithm>
#include <cmath>

namespace aimc::exec {

using nlohmann::json;

namespace {
namespace limits = model::limits;
constexpr int64_t kMaxSide = limits::kSide.high;
constexpr const char *kName = "tile";

Result<void> checkFinite(const char *what, const float *data, int64_t rows, int64_t cols) {
  for (int64_t i = 0; i < rows * cols; ++i)
    if (!std::isfinite(data[i]))
      return fail(AIMC_INVALID_ARGUMENT, std::string(what) + ": expected finite values, but got " +
                                             (std::isnan(data[i]) ? "nan" : "inf") + " at [" +
                                             std::to_string(i / cols) + ", " +
                                             std::to_string(i % cols) + "]");
  return {};
}

Result<void> checkSides(int64_t rows, int64_t cols) {
  if (rows >= 1 && rows <= kMaxSide && cols >= 1 && cols <= kMaxSide)
    return {};
  return fail(AIMC_INVALID_ARGUMENT, "weights: expected from 1 to " + std::to_string(kMaxSide) +
                                         " rows and columns, but got " + std::to_string(rows) +
                                         " x " + std::to_string(cols));
}

void readActivity(const JsonObject &root, int64_t rows, std::vector<float> &activity) {
  if (!root.has("activity") || root.isNull("activity"))
    return;
  const json &given = *root.raw("activity");
  auto refuse = [&](const std::string &got) {
    root.mistake("activity", "expected " + std::to_string(rows) + " rows of " +
                                 std::to_string(model::kActivityBins) +
                                 " shares from 0 to 1 with a sum of 1, but got " + got);
  };
  if (!given.is_array() || given.size() != static_cast<size_t>(rows))
    return refuse(given.is_array() ? std::to_string(given.size()) + " rows" : "no array");
  for (size_t row = 0; row < given.size(); ++row) {
    const json &bins = given[row];
    double sum = 0;
    if (!bins.is_array() || bins.size() != static_cast<size_t>(model::kActivityBins))
      return refuse("another shape in row " + std::to_string(row));
    for (const json &share : bins) {
      const double value = share.is_number() ? share.get<double>() : NAN;
      if (!(value >= 0 && value <= 1.001))
        return refuse("another value in row " + std::to_string(row));
      sum += value;
      activity.push_back(static_cast<float>(value));
    }
    if (std::fabs(sum - 1) > 1e-3)
      return refuse("a sum of " + std::to_string(sum) + " in row " + std::to_string(row));
  }
}

/// What a target says that a compat read knows nothing of; null where there is nothing.
const char *unknownToAihwkit(const Target &t) {
  if (t.idle != model::Idle::Midrail)
    return "idle = midrail";
  if (t.rowOhm > 0 || t.driverOhm > 0 || t.adcOhm > 0 || t.wireSpread > 0)
    return "column wires alone, all alike";
  if (t.readV != 0.2 || t.tickNs != 1)
    return "reads of 0.2 V in ticks of 1 ns";
  if (t.vOffV != 0)
    return "v_off_v of 0 (its own level is 0.5 mV)";
  if (t.adc.kind == model::AdcKind::Linear || t.adcGainSpread > 0 || t.adcOffsetSpreadLsb > 0)
    return "an ideal or a counting ADC without spread";
  return nullptr;
}
} // namespace

struct Tile::Given {
  Manifest manifest;
  Options options;
  std::vector<float> activity;
  bool compat = false;
};

Tile::Tile(Given given)
    : manifest(std::move(given.manifest)), options(std::move(given.options)),
      threads(options.threads), compat(given.compat), activity(std::move(given.activity)) {
  state.keepTargets = true;
}

Result<Tile::Given> Tile::parse(const char *targetJson, const char *optionsJson, int64_t rows,
                                int64_t cols, bool isArray) {
  if (auto good = checkSides(rows, cols); !good)
    return tl::unexpected(good.error());
  auto text = [](const char *given) { return given && *given ? given : "{}"; };
  auto targetText = parseJson(text(targetJson), "target", AIMC_INVALID_ARGUMENT);
  if (!targetText)
    return tl::unexpected(targetText.error());
  auto optionsText = parseJson(text(optionsJson), "tile options", AIMC_INVALID_ARGUMENT);
  if (!optionsText)
    return tl::unexpected(optionsText.error());

  JsonReader targetReader("target", AIMC_INVALID_ARGUMENT);
  JsonObject targetRoot = targetReader.root(*targetText);
  json defaults = defaultTarget();
  if (isArray) { // no other size is left for it
    defaults["geometry"]["rows"] = rows;
    defaults["geometry"]["cols"] = cols;
  }
  const json whole = completeTarget(targetRoot, defaults);
  Given given;
  if (!targetReader.failed())
    given.manifest.targets.push_back(readTarget(JsonObject(targetReader, &whole, ""), kName));
  if (targetReader.failed())
    return targetReader.result();
  given.manifest.targetTexts.push_back(whole);
  const Target &target = given.manifest.targets[0];

  JsonReader reader("tile options", AIMC_INVALID_ARGUMENT);
  JsonObject root = reader.root(*optionsText);
  root.allow({"seed", "threads", "time_s", "effects", "compensate", "scale", "drift_compensation",
              "compare_exact", "at_row", "at_col", "chip", "tile", "activity", "input_range",
              "compat"});
  Weight weight;
  weight.name = weight.tensor = "weights";
  weight.rows = rows;
  weight.cols = cols;
  Block block;
  block.name = kName;
  block.rows = rows;
  block.cols = cols;
  if (rows > target.rows || cols > target.cols)
    return fail(AIMC_INVALID_ARGUMENT,
                "weights: expected at most the tile's " + std::to_string(target.rows) + " x " +
                    std::to_string(target.cols) + ", but got " + std::to_string(rows) + " x " +
                    std::to_string(cols) + "; give a larger geometry, or a tile to each part");
  auto integer = [&](const char *key, int64_t high) {
    return root.has(key) ? root.integer(key, 0, high) : 0;
  };
  block.atRow = root.has("at_row") ? integer("at_row", target.rows - rows)
                                   : model::rowFromAdc(target.readout, target.rows, rows);
  block.atCol = integer("at_col", target.cols - cols);
  block.chip = integer("chip", limits::kChipOrTile.high);
  block.tile = integer("tile", limits::kChipOrTile.high);
  weight.blocks.push_back(block);
  given.manifest.weights.push_back(std::move(weight));
  Grid grid;
  grid.layer = kName;
  // Reads of each tile draw for themselves: tile i of chip 0 as block i of a call site does.
  const auto chip = static_cast<uint64_t>(block.chip), tile = static_cast<uint64_t>(block.tile);
  constexpr uint64_t blocks = uint64_t{1} << Grids::kPlaneBit;
  grid.drawId =
      tile % blocks + ((chip << (model::limits::kTileBits - Grids::kPlaneBit) | tile / blocks)
                       << Grids::kCallSiteBit);
  grid.weights = {0};
  if (root.has("input_range") && !root.isNull("input_range"))
    grid.inputRange = root.number("input_range", 1e-30, 1e30);
  given.manifest.grids.push_back(std::move(grid));
  readActivity(root, rows, given.activity);
  if (root.has("compat") && !root.isNull("compat")) {
    given.compat = root.string("compat") == "aihwkit";
    if (!given.compat)
      root.mistake("compat", "expected \"aihwkit\" or null");
    if (given.compat && target.rows % model::AihwkitRead{}.segments != 0)
      root.mistake("compat", "expected a tile whose rows are a multiple of " +
                                 std::to_string(model::AihwkitRead{}.segments) + ", but got " +
                                 std::to_string(target.rows));
    if (given.compat)
      if (const char *unknown = unknownToAihwkit(target))
        root.mistake("compat",
                     std::string("expected ") + unknown + ": AIHWKIT's reads know nothing else");
  }
  if (reader.failed())
    return reader.result();

  json session = json::object();
  for (const char *key : {"seed", "threads", "time_s", "effects", "compensate", "scale",
                          "drift_compensation", "compare_exact"})
    if (root.has(key))
      session[key] = *root.raw(key);
  auto options = Options::parse(session.dump().c_str(), given.manifest, "tile options");
  if (!options)
    return tl::unexpected(options.error());
  given.options = std::move(*options);
  // Targets from Python spell out the default.
  if (targetRoot.has("wire") && targetRoot.object("wire").has("fidelity") &&
      target.fidelity != model::Fidelity::OneProduct)
    given.options.given.insert(std::string("targets.") + kName + ".wire.fidelity");
  if (!given.activity.empty())
    given.options.given.insert("activity");
  if (given.manifest.grids[0].inputRange && !given.compat)
    given.options.given.insert("input_range");
  // One tile is little work; a caller with many of them has threads of its own.
  if (!root.has("threads"))
    given.options.threads = 1;
  return given;
}

ChipSource Tile::source() const {
  ChipSource source(manifest);
  source.weights[0] = {weights.data(), block().rows, block().cols, block().cols, 1};
  if (!activity.empty())
    source.activity[0] = activity.data();
  if (!givenPlus.empty()) {
    source.scales[0][0] = ones.data();
    source.givenPlus = givenPlus.data();
    source.givenMinus = givenMinus.data();
  }
  return source;
}

Result<void> Tile::program() {
  auto programmed = Chip::program(source(), options, nullptr, threads);
  if (!programmed)
    return tl::unexpected(programmed.error());
  chip = std::move(*programmed);
  grids = std::make_unique<Grids>(manifest, options, *chip, threads);
  chip->devices(chip->tiles()[0], list, state);
  state.setTime(options.timeS);
  return {};
}

Result<std::unique_ptr<Tile>> Tile::create(const char *targetJson, const char *optionsJson,
                                           const float *weights, int64_t rows, int64_t cols) {
  auto given = parse(targetJson, optionsJson, rows, cols, /*isArray=*/false);
  if (!given)
    return tl::unexpected(given.error());
  if (auto good = checkFinite("weights", weights, rows, cols); !good)
    return tl::unexpected(good.error());
  std::unique_ptr<Tile> tile(new Tile(std::move(*given)));
  tile->weights.assign(weights, weights + rows * cols);
  if (auto done = tile->program(); !done)
    return tl::unexpected(done.error());
  return tile;
}

Result<std::unique_ptr<Tile>> Tile::createPairs(const char *targetJson, const char *optionsJson,
                                                const float *plus, const float *minus, int64_t rows,
                                                int64_t cols) {
  auto given = parse(targetJson, optionsJson, rows, cols, /*isArray=*/true);
  if (!given)
    return tl::unexpected(given.error());
  const Target &target = given->manifest.targets[0];
  if (rows != target.rows || cols != target.cols)
    return fail(AIMC_INVALID_ARGUMENT, "conductances: expected the whole array of " +
                                           std::to_string(target.rows) + " x " +
                                           std::to_string(target.cols) + ", but got " +
                                           std::to_string(rows) + " x " + std::to_string(cols));
  Options &options = given->options;
  if (options.scale ||
      options.compensate.value_or(model::Compensate::None) != model::Compensate::None)
    return fail(AIMC_INVALID_ARGUMENT,
                std::string("tile options: ") + (options.scale ? "scale" : "compensate") +
                    ": expected none with given conductances, which are taken as they are");
  options.effects.programming = options.effects.variation = false;
  const auto cells = static_cast<size_t>(rows * cols);
  const auto pairs = static_cast<size_t>(target.pairs());
  double total = 0;
  for (double factor : target.significance)
    total += factor;
  std::unique_ptr<Tile> tile(new Tile(std::move(*given)));
  for (auto [name, from, to] :
       {std::tuple{"plus", plus, &tile->givenPlus}, {"minus", minus, &tile->givenMinus}}) {
    if (auto good = checkFinite(name, from, static_cast<int64_t>(pairs) * rows, cols); !good)
      return tl::unexpected(good.error());
    to->assign(from, from + pairs * cells);
    for (size_t i = 0; i < to->size(); ++i)
      if (!((*to)[i] >= 0 && (*to)[i] <= 1e6f))
        return fail(AIMC_INVALID_ARGUMENT,
                    std::string(name) + ": expected conductances from 0 to 1e6 uS, but got " +
                        std::to_string((*to)[i]) + " at element " + std::to_string(i));
  }
  const double span = target.range.gMaxUS - target.range.gMinUS;
  tile->weights.assign(cells, 0.0f);
  tile->ones.assign(static_cast<size_t>(cols), 1.0f);
  for (size_t i = 0; i < cells; ++i) {
    double sum = 0;
    for (size_t k = 0; k < pairs; ++k)
      sum += tile->target().significance[k] *
             (static_cast<double>(plus[k * cells + i]) - static_cast<double>(minus[k * cells + i]));
    tile->weights[i] = static_cast<float>(sum / (total * span));
  }
  if (auto done = tile->program(); !done)
    return tl::unexpected(done.error());
  return tile;
}

Result<void> Tile::read(const float *x, int64_t n, float *y) {
  if (n < 0 || n > (int64_t{1} << 32))
    return fail(AIMC_INVALID_ARGUMENT,
                "n: expected a number of input vectors, but got " + std::to_string(n));
  if (auto good = checkFinite("x", x, n, block().rows); !good)
    return good;
  auto held = hold();
  if (!held)
    return tl::unexpected(held.error());
  if (!compat) {
    float *const out[] = {y};
    grids->run(0, n, x, out);
    return {};
  }
  const Target &t = target();
  model::AihwkitRead read;
  read.wireOhm = options.effects.wire ? t.columnOhm : 0;
  read.lsb = options.effects.adc && t.adc.kind != model::AdcKind::Ideal ? t.adc.lsbFc : 0;
  read.gMinUS = t.range.gMinUS;
  read.gMaxUS = t.range.gMaxUS;
  read.significance = t.significance;
  read.bits = t.dacBits;
  read.mode = t.dacMode == DacMode::Split       ? model::AihwkitMode::Split
              : t.dacMode == DacMode::BitSerial ? model::AihwkitMode::BitWise
                                                : model::AihwkitMode::OnePass;
  read.lsbBits = t.lsbBits;
  read.inputRange = manifest.grids[0].inputRange.value_or(0);
  // Its weights are what the devices hold now.
  const std::vector<double> now = effectiveWeights();
  std::vector<double> out(static_cast<size_t>(n * block().cols));
  model::aihwkitRead(read, now.data(), block().rows, block().cols, t.rows, x, n, out.data());
  std::copy(out.begin(), out.end(), y);
  return {};
}

Result<void> Tile::age(double seconds) {
  if (!(seconds >= 0 && seconds <= kMaxTimeS))
    return fail(AIMC_INVALID_ARGUMENT,
                "time_s: expected a number from 0 to 1e12, but got " + std::to_string(seconds));
  if (auto known = checkTime(options.targets, seconds); !known)
    return known;
  auto held = hold();
  if (!held)
    return tl::unexpected(held.error());
  options.timeS = seconds;
  options.given.insert("time_s");
  chip->rebuild(threads);
  grids->replan();
  bare.reset();
  state.setTime(options.timeS);
  return {};
}

Result<void> Tile::reset() {
  auto held = hold();
  if (!held)
    return tl::unexpected(held.error());
  grids->reset();
  return {};
}

Result<std::string> Tile::statistics() {
  auto held = hold();
  if (!held)
    return tl::unexpected(held.error());
  json text = {{"seed", options.seed},
               {"time_s", options.timeS ? json(*options.timeS) : json()},
               {"target", options.targetTexts[0]},
               {"place", {{"row", block().atRow}, {"col", block().atCol}}},
               {"chip", chip->statistics()},
               {"read", grids->statistics()[0]},
               {"warnings", grids->warnings()}};
  return text.dump();
}

Result<std::string> Tile::warnings() {
  auto held = hold();
  if (!held)
    return tl::unexpected(held.error());
  return grids->warnings().dump();
}

} // namespace aimc::exec
