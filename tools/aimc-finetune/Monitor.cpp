//===- Monitor.cpp - what a training run shows ----------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Monitor.h"

#include "aimc/files/Json.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace aimc::finetune {

using Clock = std::chrono::steady_clock;
using nlohmann::json;

namespace {
volatile std::sig_atomic_t stopAsked = 0;
/// What a second signal does: nothing temporary is left then either.
void (*atOnce)(int) = SIG_DFL;

void onInterrupt(int signal) {
  stopAsked = 1;
  std::signal(signal, atOnce);
}

double seconds(Clock::time_point from) {
  return std::chrono::duration<double>(Clock::now() - from).count();
}
} // namespace

std::string percent(const train::Evaluation &evaluation) {
  auto [low, high] = std::minmax_element(evaluation.accuracy.begin(), evaluation.accuracy.end());
  char text[96];
  if (evaluation.accuracy.size() > 1)
    std::snprintf(text, sizeof text, "%.2f%% (%zu chips, %.2f%% to %.2f%%)",
                  100 * evaluation.meanAccuracy(), evaluation.accuracy.size(), 100 * *low,
                  100 * *high);
  else
    std::snprintf(text, sizeof text, "%.2f%%", 100 * evaluation.meanAccuracy());
  return text;
}

Monitor::Monitor() : terminal(::isatty(STDERR_FILENO) == 1), begin(Clock::now()) {}
Monitor::~Monitor() { clear(); }

train::Result<> Monitor::openLog(const std::string &path, bool append) {
  if (path.empty())
    return {};
  logPath = path;
  log.open(path, append ? std::ios::app : std::ios::trunc);
  if (!log)
    return tl::unexpected(train::Error{path + ": cannot write: " + std::strerror(errno)});
  return {};
}

namespace {
/// The lines of a log up to the end of a step; one that is cut short is none.
std::string linesUpTo(const std::string &text, int64_t steps) {
  size_t kept = 0;
  for (size_t end; (end = text.find('\n', kept)) != std::string::npos; kept = end + 1) {
    const auto line = files::parseJson(text.substr(kept, end - kept));
    if (!line || !line->is_object())
      break;
    const auto number = line->find(line->contains("step") ? "step" : "evaluation");
    if (number == line->end() || !number->is_number_integer() || number->get<int64_t>() > steps)
      break;
  }
  return text.substr(0, kept);
}
} // namespace

train::Result<> Monitor::resumed(int64_t steps) {
  std::error_code absent;
  if (!log.is_open() || !std::filesystem::is_regular_file(logPath, absent))
    return {};
  std::ifstream file(logPath, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (file.bad())
    return tl::unexpected(train::Error{logPath + ": cannot read the log"});
  std::filesystem::resize_file(logPath, linesUpTo(text, steps).size(), absent);
  if (absent)
    return tl::unexpected(train::Error{logPath + ": cannot write: " + absent.message()});
  return {};
}

void Monitor::write(const std::string &line) {
  if (!log.is_open() || logError != 0)
    return;
  errno = 0;
  if (!(log << line << std::endl))
    logError = errno ? errno : EIO;
}

train::Result<> Monitor::closeLog() {
  log.close();
  if (logError != 0)
    return tl::unexpected(
        train::Error{logPath + ": cannot write the log: " + std::strerror(logError)});
  return {};
}

void Monitor::catchInterrupts() {
  atOnce = std::signal(SIGINT, onInterrupt);
  std::signal(SIGTERM, onInterrupt);
}

bool Monitor::interrupted() { return stopAsked != 0; }

void Monitor::clear() {
  if (shown)
    std::fputs("\r\033[K", stderr);
  shown = false;
}

void Monitor::say(const std::string &phase) {
  clear();
  if (!terminal)
    return;
  std::fprintf(stderr, "aimc-finetune: %s ...", phase.c_str());
  shown = true;
}

void Monitor::stepped(const train::StepReport &report) {
  if (log.is_open()) {
    json line = {{"step", report.step},
                 {"epoch", report.epoch},
                 {"loss", report.loss},
                 {"lr", report.rate},
                 {"gradient_norm", report.gradientNorm}};
    if (report.accuracy)
      line["accuracy"] = *report.accuracy;
    write(line.dump());
  }
  bool first = firstStep == 0;
  if (first) {
    firstStep = report.step;
    begin = Clock::now();
  }
  double keep = first ? 0 : 0.95;
  smoothLoss = keep * smoothLoss + (1 - keep) * report.loss;
  smoothAccuracy = keep * smoothAccuracy + (1 - keep) * report.accuracy.value_or(0);
  if (!terminal || (!first && seconds(last) < 0.2))
    return;
  last = Clock::now();
  std::fprintf(stderr, "\r\033[Kstep %lld/%lld  epoch %lld  loss %.4f",
               static_cast<long long>(report.step), static_cast<long long>(report.steps),
               static_cast<long long>(report.epoch + 1), smoothLoss);
  if (report.accuracy)
    std::fprintf(stderr, "  accuracy %.1f%%", 100 * smoothAccuracy);
  std::fprintf(stderr, "  lr %.2e", report.rate);
  if (report.step > firstStep) {
    double each = seconds(begin) / static_cast<double>(report.step - firstStep);
    auto left = static_cast<long long>(each * static_cast<double>(report.steps - report.step));
    std::fprintf(stderr, "  %.0f ms a step, %lld:%02lld left", 1e3 * each, left / 60, left % 60);
  }
  std::fflush(stderr);
  shown = true;
}

void Monitor::evaluated(const train::Evaluation &evaluation) {
  clear();
  std::printf("step %lld: evaluation loss %.4f", static_cast<long long>(evaluation.step),
              evaluation.meanLoss());
  if (!evaluation.accuracy.empty())
    std::printf(", accuracy %s", percent(evaluation).c_str());
  std::printf("\n");
  std::fflush(stdout);
  write(json({{"evaluation", evaluation.step},
              {"loss", evaluation.loss},
              {"accuracy", evaluation.accuracy}})
            .dump());
}

void Monitor::warned(const std::string &text) {
  clear();
  std::fprintf(stderr, "aimc-finetune: warning: %s\n", text.c_str());
}

void Monitor::saved(const std::string &path) {
  if (terminal)
    say("checkpoint " + path);
}

} // namespace aimc::finetune
