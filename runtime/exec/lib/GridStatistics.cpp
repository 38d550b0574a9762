//===- GridStatistics.cpp - what grid calls report ------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/exec/Grids.h"

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

/// Below this many effective bits an ADC throws the signal away: its error is an eighth of it.
constexpr double kFewBits = 3.0;
/// Part of inputs or codes beyond their range from which clipping is no longer an outlier's matter.
constexpr double kHeavyClipping = 0.01;

/// 0.5 log2(1 + signal power / power of what conversion changed); null without an ADC or signal.
json effectiveBits(const ReadCounters &reads) {
  if (!(reads.signalPower > 0) || !(reads.codePower > 0))
    return nullptr;
  return 0.5 * std::log2(1 + reads.signalPower / reads.codePower);
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
} // namespace

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
  if (options.ideal || options.record)
    return list;
  for (const std::string &option : options.withoutEffect)
    list.push_back(option);
  bool ran = false; // a time may still come
  for (const Site &site : sites)
    ran = ran || site.rows > 0;
  if (ran && options.driftCompensation != DriftCompensation::None && !options.timeS)
    list.push_back("drift_compensation has no effect without a time since programming (time_s)");
  if (options.scale && chip.clippedShare() > model::kHeavyClipping)
    list.push_back("scale " + scaleRuleText(*options.scale) + " clips " +
                   brief(100 * chip.clippedShare()) + "% of the weights");
  for (size_t t = 0; t < options.targets.size(); ++t) {
    const Target &target = options.targets[t];
    const double longest = target.maxPulseTicks() * target.tickNs;
    if (chip.noise(t) && longest > model::kReadNoiseMaxNs)
      list.push_back("target " + target.name + ": read noise is known up to " +
                     brief(model::kReadNoiseMaxNs) + " ns, pulses of up to " + brief(longest) +
                     " ns count as that long");
  }
  for (size_t g = 0; g < sites.size(); ++g) {
    const Site &site = sites[g];
    const Grid &grid = manifest.grids[g];
    const std::string layer = "layer " + grid.layer;
    if (site.notFinite > 0)
      list.push_back(layer + ": " + std::to_string(site.notFinite) + " of " +
                     std::to_string(site.rows) +
                     " input vectors hold nan or inf, which no pulse stands for; their outputs are "
                     "nan");
    const double dacClips = site.inputs ? double(site.clippedInputs) / double(site.inputs) : 0;
    if (dacClips > kHeavyClipping)
      list.push_back(layer + ": " + brief(100 * dacClips) +
                     "% of the inputs exceed the DAC's range");
    for (size_t i = 0; i < grid.weights.size(); ++i) {
      const ReadCounters &reads = site.sums[i].reads;
      const Weight &weight = manifest.weights[static_cast<size_t>(grid.weights[i])];
      if (weight.blocks.empty())
        continue;
      const Block &block = weight.blocks[0];
      const Target &target = options.targets[static_cast<size_t>(block.target)];
      const double lsb = block.lsbFc && !options.lsbGiven[static_cast<size_t>(block.target)]
                             ? *block.lsbFc
                             : target.adc.lsbFc;
      // most layers have one weight, which is called like them
      const std::string where =
          layer + (weight.name == grid.layer ? ": " : ", weight " + weight.name + ": ");
      const json bits = effectiveBits(reads);
      if (bits.is_number() && bits.get<double>() < kFewBits)
        list.push_back(where + "the ADC keeps " + brief(bits.get<double>()) +
                       " effective bits (target " + target.name + ", dac mode " +
                       modeName(target.dacMode) + ", adc lsb " + brief(lsb) + " fC, " +
                       std::to_string(target.adc.bits) + " bits)");
      const double clips = reads.codes ? double(reads.saturated) / double(reads.codes) : 0;
      if (clips > kHeavyClipping)
        list.push_back(where + brief(100 * clips) + "% of the ADC's codes saturate (target " +
                       target.name + ", adc lsb " + brief(lsb) + " fC, " +
                       std::to_string(target.adc.bits) + " bits)");
    }
  }
  return list;
}

} // namespace aimc::exec
