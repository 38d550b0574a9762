//===- GridStatistics.cpp - what grid calls report ------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/exec/Grids.h"
#include "aimc/model/Quantiles.h"
#include "aimc/model/ScaleWarning.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

namespace aimc::exec {

using nlohmann::json;

namespace {
/// 10 log10(signal / error); null where that is no number.
json decibel(double signal, double error) {
  double value = 10 * std::log10(signal / error);
  return std::isfinite(value) ? json(value) : json(nullptr);
}

json rate(int64_t part, int64_t whole) {
  return whole ? json(static_cast<double>(part) / static_cast<double>(whole)) : json(nullptr);
}

/// Part of codes beyond their range from which clipping is no longer an outlier's matter.
constexpr double kHeavyClipping = 0.01;

/// Null without an ADC or signal.
json effectiveBits(const ReadCounters &reads) {
  if (!(reads.signalPower > 0) || !(reads.codePower > 0))
    return nullptr;
  return model::effectiveBits(reads.signalPower, reads.codePower);
}

/// The shortest text that says about as much.
std::string brief(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", value);
  return text;
}

const char *modeName(DacMode mode) {
  return mode == DacMode::Split ? "split" : mode == DacMode::BitSerial ? "bit_serial" : "one_pass";
}
/// Where an ADC's step comes from decides what helps.
enum class Step : uint8_t { Target, Override, Data, Alone };

const char *remedyFor(Step step, bool clips) {
  if (step == Step::Alone) // a tile without a model
    return "; another adc.lsb_fc, or more adc bits, keep more";
  // The full scale is the LSB times the number of codes, so a lower `adc.bits` alone makes it
  // smaller.
  if (step == Step::Target)
    return "; compile with --calibrate to choose the ADC's range from data for these bits";
  if (step == Step::Override)
    return "; without adc.lsb_fc the range holds that was chosen from data";
  return clips ? "; calibration data like these inputs, or more adc bits, keep them"
               : "; more adc bits keep more";
}

/// What is wrong in one way with several layers is said once, of the worst of them.
class SharedCause {
public:
  void add(double severity, std::string text, const char *help) {
    if (count == 0 || severity > worst) {
      worst = severity;
      said = std::move(text);
      remedy = help;
    }
    ++count;
  }

  void say(json &list) const {
    if (count == 0)
      return;
    const std::string others = std::to_string(count - 1) + (count == 2 ? " other" : " others");
    list.push_back(said + (count > 1 ? ", and likewise " + others : "") + remedy);
  }

private:
  int64_t count = 0;
  double worst = 0;
  std::string said;
  const char *remedy = "";
};
} // namespace

/// "layer encoder.0.query", or where a product has no name its place among them.
std::string Grids::placeOf(size_t grid) const {
  if (!manifest.grids[grid].layer.empty())
    return "layer " + manifest.grids[grid].layer;
  return "product " + std::to_string(grid + 1) + " of " + std::to_string(manifest.grids.size()) +
         ", which has no name";
}

json Grids::statistics() const {
  json text = json::array();
  for (size_t g = 0; g < sites.size(); ++g) {
    const Site &site = sites[g];
    const Grid &grid = manifest.grids[g];
    json entry = {{"grid", g},
                  {"layer", grid.layer},
                  {"calls", site.calls},
                  {"rows", site.rows},
                  {"seconds", site.seconds},
                  {"dac_clip_rate", rate(site.clippedInputs, site.inputs)},
                  {"dac_clip_loss",
                   site.inputPower > 0 ? json(site.lostPower / site.inputPower) : json(nullptr)},
                  {"weights", json::array()}};
    for (size_t i = 0; i < grid.weights.size(); ++i) {
      const OutputSums &sums = site.sums[i];
      json weight = {{"weight", manifest.weights[static_cast<size_t>(grid.weights[i])].name},
                     {"adc_codes", sums.reads.codes},
                     {"adc_clip_rate", rate(sums.reads.saturated, sums.reads.codes)},
                     {"effective_bits", effectiveBits(sums.reads)},
                     {"read_snr_db", decibel(sums.reads.signalPower, sums.reads.noisePower)}};
      if (options.compareIdeal && !options.ideal)
        weight["snr_db"] = decibel(sums.signal, sums.error);
      if (options.compareExact > 0 && site.plan.open)
        weight["circuit_error"] = sums.circuitSignal > 0
                                      ? json(std::sqrt(sums.circuitError / sums.circuitSignal))
                                      : json(nullptr);
      entry["weights"].push_back(std::move(weight));
    }
    text.push_back(std::move(entry));
  }
  return text;
}

json Grids::warnings() const {
  json list = json::array();
  bool ran = false;
  for (const Site &site : sites)
    ran = ran || site.rows > 0;
  for (std::string &line : options.withoutEffect(ran))
    list.push_back(std::move(line));
  if (options.ideal || options.record)
    return list;
  if (options.scale)
    if (auto line = model::clippingWarning(scaleRuleText(*options.scale), chip.scaleReport()))
      list.push_back(std::move(*line));
  for (size_t t = 0; t < options.targets.size(); ++t) {
    const Target &target = options.targets[t];
    const double longest = target.maxPulseTicks() * target.tickNs;
    if (chip.noise(t) && longest > model::kReadNoiseMaxNs)
      list.push_back("target " + target.name + ": read noise is known up to " +
                     brief(model::kReadNoiseMaxNs) + " ns, pulses of up to " + brief(longest) +
                     " ns count as that long");
  }
  SharedCause notFinite, dacClips, fewBits, adcClips;
  const bool alone = manifest.entries.empty();
  for (size_t g = 0; g < sites.size(); ++g) {
    const Site &site = sites[g];
    const Grid &grid = manifest.grids[g];
    const std::string layer = placeOf(g);
    if (site.notFinite > 0)
      notFinite.add(double(site.notFinite) / double(site.rows),
                    layer + ": " + std::to_string(site.notFinite) + " of " +
                        std::to_string(site.rows) +
                        " input vectors hold nan or inf, which no pulse stands for; their outputs "
                        "are nan",
                    "");
    if (model::keepsFewBits(site.inputPower, site.lostPower)) {
      const double loss = site.lostPower / site.inputPower;
      dacClips.add(loss,
                   layer + ": the DAC's range takes " + brief(100 * loss) +
                       "% of the inputs' power, beyond it are " +
                       brief(100 * double(site.clippedInputs) / double(site.inputs)) +
                       "% of the inputs",
                   alone ? "; a wider input_range, or none, keeps it"
                         : "; a wider input range (--input-range auto), or none, keeps it");
    }
    for (size_t i = 0; i < grid.weights.size(); ++i) {
      const ReadCounters &reads = site.sums[i].reads;
      const Weight &weight = manifest.weights[static_cast<size_t>(grid.weights[i])];
      if (weight.blocks.empty())
        continue;
      const Block &block = weight.blocks[0];
      const Target &target = options.targets[static_cast<size_t>(block.target)];
      const auto t = static_cast<size_t>(block.target);
      const bool same = target.adc.bits == manifest.targets[t].adc.bits; // as when data were seen
      const Step step = alone                   ? Step::Alone
                        : !block.lsbFc || !same ? Step::Target
                        : options.lsbGiven[t]   ? Step::Override
                                                : Step::Data;
      const double lsb = block.lsbFc && !options.lsbGiven[t] ? *block.lsbFc : target.adc.lsbFc;
      // most layers have one weight, which is called like them
      const std::string where =
          layer + (weight.name == grid.layer ? ": " : ", weight " + weight.name + ": ");
      const std::string adc =
          "adc lsb " + brief(lsb) + " fC, " + std::to_string(target.adc.bits) + " bits)";
      const json bits = effectiveBits(reads);
      if (bits.is_number() && bits.get<double>() < model::kFewBits)
        fewBits.add(-bits.get<double>(),
                    where + "the ADC keeps " + brief(bits.get<double>()) +
                        " effective bits (target " + target.name + ", dac mode " +
                        modeName(target.dacMode) + ", " + adc,
                    remedyFor(step, false));
      const double saturated = reads.codes ? double(reads.saturated) / double(reads.codes) : 0;
      if (saturated > kHeavyClipping)
        adcClips.add(saturated,
                     where + brief(100 * saturated) + "% of the ADC's codes saturate (target " +
                         target.name + ", " + adc,
                     remedyFor(step, true));
    }
  }
  notFinite.say(list);
  dacClips.say(list);
  fewBits.say(list);
  adcClips.say(list);
  return list;
}

} // namespace aimc::exec
