//===- Usage.cpp - what a command line may say ----------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// An option that changes nothing is refused: whoever gives it expects something of it.
//
//===----------------------------------------------------------------------===//
#include "Usage.h"
#include "Duration.h"

#include <cstdio>

namespace aimc::finetune {

namespace {
constexpr struct {
  const char *group;
  std::initializer_list<const char *> options;
} kGroups[] = {
    {"Model and data",
     {"model", "--output", "--data", "--labels", "--train-output", "--head", "--trainable",
      "--freeze", "--untie"}},
    {"Hardware",
     {"--target", "--device", "--spec", "--programming-noise", "--read-noise", "--drift-time",
      "--drift-compensation", "--gaussian", "--scale", "--compensate", "--refresh"}},
    {"Training",
     {"--epochs", "--steps", "--batch", "--loss", "--temperature", "--distill-weight",
      "--optimizer", "--lr", "--weight-decay", "--momentum", "--schedule", "--warmup",
      "--clip-norm", "--seed"}},
    {"Evaluation", {"--eval-data", "--eval-chips", "--eval-every", "--early-stop"}},
    {"Checkpoints and progress",
     {"--checkpoint", "--checkpoint-every", "--resume", "--log", "--threads"}},
};
} // namespace

CLI::Validator duration() {
  return CLI::Validator(
      [](std::string &text) -> std::string {
        double seconds = 0;
        if (std::string error = run::readDuration(text, seconds); !error.empty())
          return error;
        char digits[32];
        std::snprintf(digits, sizeof digits, "%.17g", seconds);
        text = digits;
        return "";
      },
      "");
}

void arrangeManual(CLI::App &app) {
  for (const auto &group : kGroups)
    for (const char *option : group.options)
      app.get_option(option)->group(group.group);
  app.footer("Example, a day after programming, evaluated on five chips before and after:\n"
             "  aimc-finetune model.onnx --data train.npz --eval-data test.npz --eval-chips 5 \\\n"
             "    --target pcm --drift-time 1d --steps 400 --lr 3e-5 -o tuned.onnx");
}

std::vector<model::Asked> asked(const CLI::App &app, const Arguments &arguments) {
  using model::Option;
  const train::TileOptions &t = arguments.tiles;
  const bool pulses = t.compensate == "weights+pulses";
  const struct {
    const char *name;
    Option option;
    bool wanted;
  } rows[] = {
      {"--programming-noise", Option::Programming, t.programming > 0},
      {"--read-noise", Option::ReadNoise, t.read > 0},
      {"--compensate", pulses ? Option::CompensateByPulses : Option::Compensate,
       t.compensate != "none"},
      {"--scale", Option::Scale, true},
      {"--refresh", Option::Refresh, true},
      // that noise differs from chip to chip, whatever the devices are
      {"--eval-chips", Option::Chips, arguments.train.evalChips > 1 && t.gaussian == 0},
      {"--drift-time", Option::Time, true},
      {"--drift-compensation", Option::DriftCompensation, t.compensateDrift},
  };
  std::vector<model::Asked> asked;
  for (const auto &row : rows)
    if (row.wanted && app.count(row.name) > 0)
      asked.push_back({row.name, row.option});
  return asked;
}

std::string misuse(const CLI::App &app, const Arguments &arguments) {
  auto given = [&](const char *option) { return app.count(option) > 0; };
  /// "expected WHAT with OPTION" for the first of `options` that was given.
  auto needs = [&](std::initializer_list<const char *> options, const std::string &what) {
    for (const char *option : options)
      if (given(option))
        return "expected " + what + " with " + option;
    return std::string();
  };
  const train::TrainOptions &t = arguments.train;
  const bool distills = t.loss == train::Loss::Distill || t.loss == train::Loss::DistillMse;
  std::string error;
  if (given("--target") && given("--spec"))
    return "expected --target or --spec, but got both";
  if (arguments.output.empty() && t.steps != 0)
    return "expected -o, where the tuned model goes";
  if (t.steps == 0 && !given("--eval-data"))
    return "expected --eval-data with --steps 0, which evaluates alone";
  if (!given("--target"))
    error = needs({"--device"}, "--target (a spec has its device)");
  if (error.empty() && !given("--target") && !given("--spec"))
    error = needs({"--programming-noise", "--read-noise", "--drift-time", "--drift-compensation",
                   "--gaussian", "--scale", "--compensate", "--refresh", "--eval-chips"},
                  "--target or --spec (without one training is digital)");
  if (error.empty() && arguments.tiles.gaussian > 0)
    error = needs({"--programming-noise", "--read-noise", "--drift-time", "--drift-compensation"},
                  "no --gaussian (it is in place of devices)");
  if (error.empty() && !given("--drift-time"))
    error = needs({"--drift-compensation"}, "--drift-time");
  if (error.empty() && !given("--eval-data"))
    error = needs({"--eval-every", "--eval-chips", "--early-stop"}, "--eval-data");
  if (error.empty() && !given("--checkpoint"))
    error = needs({"--checkpoint-every", "--resume"}, "--checkpoint");
  if (error.empty() && t.loss != train::Loss::Distill)
    error = needs({"--temperature", "--distill-weight"}, "--loss distill");
  if (error.empty() && t.optimizer.kind != train::OptimizerOptions::Kind::Sgd)
    error = needs({"--momentum"}, "--optimizer sgd");
  if (error.empty() && arguments.head && distills)
    return "expected a model with a classifier to distill from, but --head adds one that has "
           "learnt nothing";
  return error;
}

} // namespace aimc::finetune
