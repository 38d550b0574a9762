//===- DeviceTable.cpp - reading a device file ----------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/exec/DeviceTable.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace aimc::exec {

using model::Curve;
using model::Distribution;
using model::ProgrammingLaw;
using nlohmann::json;

namespace {

constexpr size_t kMostPoints = 4096, kMostTimes = 256;
constexpr double kMostUS = 1000, kMostTimeS = 1e12;

/// One of two words.
bool choice(const JsonObject &object, const char *key, const char *neutral, const char *other) {
  if (!object.has(key))
    return false;
  const std::string value = object.string(key);
  if (value != neutral && value != other)
    object.mistake(key, "expected one of: " + std::string(neutral) + ", " + other + ", but got " +
                            quote(value));
  return value == other;
}

bool isArray(const JsonObject &object, const char *key) {
  const json *value = object.raw(key);
  return value && value->is_array();
}

/// The abscissae that the arrays of an object share; empty where it has none.
std::vector<double> readConductances(const JsonObject &object) {
  if (!object.has("g_us"))
    return {};
  std::vector<double> g = object.numbers("g_us", 0, kMostUS);
  if (g.size() < 2 || g.size() > kMostPoints)
    object.mistake("g_us", "expected 2 to " + std::to_string(kMostPoints) +
                               " conductances, but got " + std::to_string(g.size()));
  for (size_t i = 1; i < g.size(); ++i)
    if (!(g[i] > g[i - 1]))
      object.mistake("g_us", "expected conductances in ascending order");
  return g;
}

/// A number, which is a constant, or an array over `g`.
Curve readCurve(const JsonObject &object, const char *key, const std::vector<double> &g, double low,
                double high) {
  if (!isArray(object, key))
    return {{0}, {object.number(key, low, high)}};
  Curve curve{g, object.numbers(key, low, high)};
  if (g.empty())
    object.mistake(key, "expected a number, but got an array without g_us beside it");
  else if (curve.y.size() != g.size())
    object.mistake(key, "expected one value per conductance of g_us, " + std::to_string(g.size()) +
                            ", but got " + std::to_string(curve.y.size()));
  return curve;
}

/// g_us without any array over it is a slip of the pen.
void checkUsed(const JsonObject &object, std::initializer_list<const char *> curves) {
  bool used = !object.has("g_us");
  for (const char *key : curves)
    used = used || isArray(object, key);
  if (!used)
    object.mistake("g_us", "expected an array over these conductances, but there is none");
}

/// mean_us, and std or half_width, of one time.
ProgrammingLaw readLaw(const JsonObject &object, Distribution distribution, bool proportional) {
  ProgrammingLaw law;
  law.proportional = proportional;
  const std::vector<double> g = readConductances(object);
  const bool uniform = distribution == Distribution::Uniform;
  const char *key = uniform ? "half_width" : "std";
  const char *wrong = uniform ? "std" : "half_width";
  if (object.has(wrong))
    object.mistake(wrong, uniform ? "expected half_width, which a uniform distribution has"
                                  : "expected std, which a normal distribution has");
  if (object.has("mean_us")) {
    if (!isArray(object, "mean_us"))
      object.mistake("mean_us", "expected an array over g_us");
    law.mean = readCurve(object, "mean_us", g, 0, 2 * kMostUS);
  }
  law.deviation = readCurve(object, key, g, 0, proportional ? 10 : kMostUS);
  checkUsed(object, {"mean_us", key});
  if (uniform)
    for (double &y : law.deviation.y)
      y /= std::sqrt(3.0);
  return law;
}

void readProgramming(const JsonObject &object, model::DeviceTable &table) {
  const bool several = object.has("times");
  if (several)
    object.allow({"distribution", "error", "times", "between_times"});
  else
    object.allow({"distribution", "error", "g_us", "mean_us", "std", "half_width"});
  if (choice(object, "distribution", "normal", "uniform"))
    table.distribution = Distribution::Uniform;
  const bool proportional = choice(object, "error", "absolute", "proportional");
  if (!several) {
    table.programming.push_back(readLaw(object, table.distribution, proportional));
    return;
  }
  table.betweenTimes = choice(object, "between_times", "refuse", "log_time");
  const std::vector<JsonObject> times = object.objects("times");
  if (times.size() < 2 || times.size() > kMostTimes)
    object.mistake("times", "expected 2 to " + std::to_string(kMostTimes) + " times, but got " +
                                std::to_string(times.size()));
  for (const JsonObject &one : times) {
    one.allow({"time_s", "g_us", "mean_us", "std", "half_width"});
    ProgrammingLaw law = readLaw(one, table.distribution, proportional);
    law.timeS = one.number("time_s", table.betweenTimes ? 1e-9 : 0, kMostTimeS);
    if (!table.programming.empty() && !(law.timeS > table.programming.back().timeS))
      one.mistake("time_s", "expected times in ascending order");
    table.programming.push_back(std::move(law));
  }
}

void readDrift(const JsonObject &object, model::DeviceTable &table) {
  object.allow({"t0_s", "g_us", "nu_mean", "nu_std"});
  const std::vector<double> g = readConductances(object);
  table.driftMean = readCurve(object, "nu_mean", g, 0, 1);
  if (object.has("nu_std"))
    table.driftDeviation = readCurve(object, "nu_std", g, 0, 1);
  checkUsed(object, {"nu_mean", "nu_std"});
  if (object.has("t0_s"))
    table.driftStartS = object.number("t0_s", 1e-9, 1e9);
}

void readReadNoise(const JsonObject &object, model::DeviceTable &table) {
  object.allow({"g_us", "q", "t_read_s", "nanosecond"});
  if (object.has("q")) {
    table.readCoefficient = readCurve(object, "q", readConductances(object), 0, 10);
    if (object.has("t_read_s"))
      table.readS = object.number("t_read_s", 1e-12, 1e3);
  } else {
    for (const char *key : {"g_us", "t_read_s"})
      if (object.has(key))
        object.mistake(key, "expected q, the coefficient of low-frequency noise, beside it");
  }
  checkUsed(object, {"q"});
  if (object.has("nanosecond"))
    table.nanosecondReadNoise = object.boolean("nanosecond");
}

} // namespace

std::shared_ptr<const model::DeviceTable> readDeviceTable(const JsonObject &object) {
  auto table = std::make_shared<model::DeviceTable>();
  object.allow({"format", "version", "name", "source", "g_min_us", "g_max_us", "programming",
                "drift", "read_noise", "stuck_off", "stuck_on"});
  const std::string format = object.string("format");
  if (format != "aimc-device")
    object.mistake("format", "expected 'aimc-device', but got " + quote(format));
  object.number("version", 1, 1);
  for (const char *key : {"name", "source"}) // for readers of the file
    if (object.has(key))
      object.string(key);
  if (object.has("g_max_us"))
    table->range.gMaxUS = object.number("g_max_us", 1e-6, kMostUS);
  if (object.has("g_min_us"))
    table->range.gMinUS = object.number("g_min_us", 0, kMostUS);
  if (!(table->range.gMinUS < table->range.gMaxUS))
    object.mistake("g_min_us", "expected less than g_max_us");
  if (object.has("programming"))
    readProgramming(object.object("programming"), *table);
  if (object.has("drift"))
    readDrift(object.object("drift"), *table);
  if (object.has("read_noise"))
    readReadNoise(object.object("read_noise"), *table);
  if (table->programming.size() > 1 && !table->driftMean.empty())
    object.mistake("drift",
                   "expected no drift law beside programming.times, which already say what "
                   "time does");
  if (object.has("stuck_off"))
    table->stuckOff = object.number("stuck_off", 0, 1);
  if (object.has("stuck_on"))
    table->stuckOn = object.number("stuck_on", 0, 1);
  if (table->stuckOff + table->stuckOn > 1)
    object.mistake("stuck_on", "expected stuck_off + stuck_on of at most 1");
  return object.raw("format") ? table : nullptr;
}

Result<std::shared_ptr<const model::DeviceTable>> parseDeviceTable(std::string_view text,
                                                                   const std::string &file) {
  auto json = parseJson(text, file, AIMC_INVALID_ARGUMENT);
  if (!json)
    return tl::unexpected(json.error());
  JsonReader reader(file, AIMC_INVALID_ARGUMENT);
  auto table = readDeviceTable(reader.root(*json));
  if (reader.failed())
    return reader.result();
  return table;
}

} // namespace aimc::exec
