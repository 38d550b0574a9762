//===- Report.cpp - what aimc-run prints ----------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <unistd.h>

namespace aimc::run {

using nlohmann::json;

Progress::Progress() : terminal(::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() { say(""); }

void Progress::say(const std::string &text) {
  if (!terminal)
    return;
  std::fprintf(stderr, "\r\033[K%s", text.c_str());
  std::fflush(stderr);
}

json latency(std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  size_t n = seconds.size();
  double median = n % 2 ? seconds[n / 2] : (seconds[n / 2 - 1] + seconds[n / 2]) / 2;
  return {{"runs", n}, {"median_s", median}, {"min_s", seconds.front()}, {"max_s", seconds.back()}};
}

json compareOutputs(const std::vector<Array> &analog, const std::vector<Array> &ideal) {
  json list = json::array();
  for (size_t i = 0; i < analog.size(); ++i) {
    json entry = {{"output", analog[i].name}};
    if (analog[i].dtype == AIMC_F32) {
      double largest = 0, signal = 0, error = 0;
      for (size_t at = 0; at < analog[i].data.size(); at += sizeof(float)) {
        float a, b;
        std::memcpy(&a, analog[i].data.data() + at, sizeof a);
        std::memcpy(&b, ideal[i].data.data() + at, sizeof b);
        double difference = double(a) - double(b);
        largest = std::max(largest, std::fabs(difference));
        signal += double(b) * double(b);
        error += difference * difference;
      }
      double snr = 10 * std::log10(signal / error);
      entry["max_abs_difference"] = largest;
      entry["snr_db"] = std::isfinite(snr) ? json(snr) : json(nullptr);
    } else {
      entry["equal"] = analog[i].data == ideal[i].data;
    }
    list.push_back(std::move(entry));
  }
  return list;
}

namespace {
std::string number(const json &value, const char *format) {
  if (!value.is_number())
    return "-";
  char text[48];
  std::snprintf(text, sizeof text, format, value.get<double>());
  return text;
}
} // namespace

void printWarnings(const json &statistics) {
  for (const json &warning : statistics.value("warnings", json::array()))
    std::fprintf(stderr, "aimc-run: warning: %s\n", warning.get_ref<const std::string &>().c_str());
}

namespace {
/// Converters over all layers: the fewest effective bits, and what share is clipped at most.
void printConverters(const json &grids) {
  double bits = INFINITY, inputs = 0, codes = 0, circuit = -1;
  std::string where;
  for (const json &grid : grids) {
    if (grid["dac_clip_rate"].is_number())
      inputs = std::max(inputs, grid["dac_clip_rate"].get<double>());
    for (const json &weight : grid["weights"]) {
      if (weight["adc_clip_rate"].is_number())
        codes = std::max(codes, weight["adc_clip_rate"].get<double>());
      if (const json &own = weight.value("effective_bits", json());
          own.is_number() && own.get<double>() < bits) {
        bits = own;
        where = grid["layer"].get<std::string>() + ", " + weight["weight"].get<std::string>();
      }
      if (const json &error = weight.value("circuit_error", json()); error.is_number())
        circuit = std::max(circuit, error.get<double>());
    }
  }
  if (std::isfinite(bits))
    std::printf(
        "converters: at least %.1f effective bits (%s), at most %.3g%% of inputs and %.3g%% "
        "of codes clipped\n",
        bits, where.c_str(), inputs * 100, codes * 100);
  if (circuit >= 0)
    std::printf("fidelity: at most %.3g from the circuit slot by slot, relative\n", circuit);
}
} // namespace

void printSummary(const json &statistics) {
  const json &chip = statistics["chip"];
  if (!statistics["ideal"].get<bool>())
    for (const auto &target : chip["targets"].items())
      std::printf("target %s: %s tiles, %s of their cells used, programmed in %s s\n",
                  target.key().c_str(), number(target.value()["tiles"], "%.0f").c_str(),
                  number(target.value()["utilisation"].get<double>() * 100, "%.1f%%").c_str(),
                  number(chip["program_s"], "%.3f").c_str());
  const json &time = statistics["latency"];
  std::printf("entry %s: %s ms", statistics["entry"].get_ref<const std::string &>().c_str(),
              number(time["median_s"].get<double>() * 1e3, "%.3f").c_str());
  if (time["runs"] > 1)
    std::printf(" (median of %s runs, fastest %s ms)", number(time["runs"], "%.0f").c_str(),
                number(time["min_s"].get<double>() * 1e3, "%.3f").c_str());
  std::printf("\n");
  if (!statistics["ideal"].get<bool>())
    printConverters(statistics["grids"]);
  if (!statistics.contains("outputs"))
    return;
  for (const json &grid : statistics["grids"])
    for (const json &weight : grid["weights"])
      std::printf("%-48s %-48s %8s dB\n", grid["layer"].get_ref<const std::string &>().c_str(),
                  weight["weight"].get_ref<const std::string &>().c_str(),
                  number(weight.value("snr_db", json()), "%.2f").c_str());
  for (const json &output : statistics["outputs"])
    if (output.contains("snr_db"))
      std::printf("output %s: %s dB to the ideal run, largest difference %s\n",
                  output["output"].get_ref<const std::string &>().c_str(),
                  number(output["snr_db"], "%.2f").c_str(),
                  number(output["max_abs_difference"], "%.3g").c_str());
}

} // namespace aimc::run
