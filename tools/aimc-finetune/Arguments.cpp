//===- Arguments.cpp - command line of aimc-finetune ----------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Arguments.h"
#include "Numbers.h"
#include "Usage.h"

#include "aimc/model/Scale.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <iostream>
#include <sstream>

namespace aimc::finetune {

using run::within;
using train::Loss;

namespace {
const std::map<std::string, Loss> kLosses = {{"cross-entropy", Loss::CrossEntropy},
                                             {"mse", Loss::Mse},
                                             {"distill", Loss::Distill},
                                             {"distill-mse", Loss::DistillMse}};
const std::map<std::string, train::OptimizerOptions::Kind> kOptimizers = {
    {"adamw", train::OptimizerOptions::Kind::AdamW}, {"sgd", train::OptimizerOptions::Kind::Sgd}};
const std::map<std::string, train::Schedule::Kind> kSchedules = {
    {"constant", train::Schedule::Kind::Constant},
    {"linear", train::Schedule::Kind::Linear},
    {"cosine", train::Schedule::Kind::Cosine}};
const std::map<std::string, onnx::Classifier::Pool> kPools = {
    {"none", onnx::Classifier::Pool::None},
    {"mean", onnx::Classifier::Pool::Mean},
    {"first", onnx::Classifier::Pool::First}};

/// "classes=41 pool=mean output=last_hidden_state mask=attention_mask name=classifier".
/// The words may be one argument in quotes.
std::string readHead(const std::vector<std::string> &given, onnx::Classifier &head) {
  std::vector<std::string> words;
  for (const std::string &argument : given) {
    std::istringstream parts(argument);
    for (std::string word; parts >> word;)
      words.push_back(word);
  }
  for (const std::string &word : words) {
    size_t equals = word.find('=');
    std::string key = word.substr(0, equals);
    std::string value = equals == std::string::npos ? "" : word.substr(equals + 1);
    if (key == "classes") {
      auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), head.classes);
      if (error != std::errc() || end != value.data() + value.size() || head.classes < 2 ||
          head.classes > 1000000)
        return "expected classes from 2 to 1000000, but got '" + value + "'";
    } else if (key == "pool") {
      auto pool = kPools.find(value);
      if (pool == kPools.end())
        return "expected pool mean, first or none, but got '" + value + "'";
      head.pool = pool->second;
    } else if (key == "output" || key == "mask" || key == "name") {
      (key == "output" ? head.output : key == "mask" ? head.mask : head.name) = value;
    } else {
      return "expected classes=N pool=mean|first|none output=NAME mask=NAME name=NAME, but got '" +
             word + "'";
    }
  }
  return head.classes
             ? ""
             : "expected classes=N, as in --head classes=8 pool=first output=NAME, but got "
               "no classes";
}

/// The manual says what a value means; its range is said where it is missed.
CLI::Validator quiet(CLI::Validator validator) {
  validator.description("");
  return validator;
}

/// As tileCircuit() reads it.
CLI::Validator scaleRule() {
  return CLI::Validator(
      [](std::string &text) -> std::string {
        if (model::parseScaleRule(text))
          return "";
        return "expected max, sigma:<q> with q above 0, or optimal, but got '" + text + "'";
      },
      "");
}

} // namespace

std::optional<int> parseArguments(int argc, char **argv, Arguments &arguments) {
  CLI::App app{"Train the weights of an ONNX model, digitally or through the tiles' circuit, and "
               "write the model with the tuned weights."};
  app.set_version_flag("--version", "aimc-finetune " AIMC_VERSION);
  app.get_formatter()->column_width(34);
  train::TrainOptions &t = arguments.train;
  std::vector<std::string> head;
  auto positive = within(int64_t(1), int64_t(1) << 40);
  auto counted = within(int64_t(0), int64_t(1) << 40);
  auto number = within(0.0, 1e6);
  app.add_option("model", arguments.model, "ONNX model")->required()->type_name("MODEL");
  app.add_option("-o,--output", arguments.output, "where the tuned model goes")->type_name("FILE");
  app.add_option("--data", arguments.data, "training examples: arrays named like the inputs")
      ->required()
      ->type_name("NPZ");
  app.add_option("--labels", arguments.labels,
                 "array with the labels: a name in the data files, or FILE.npz:NAME for training")
      ->type_name("NAME")
      ->capture_default_str();
  app.add_option("--eval-data", arguments.evalData, "examples to evaluate on")->type_name("NPZ");
  app.add_option("--eval-chips", t.evalChips, "chip instances an evaluation runs on")
      ->check(within(1, 10000))
      ->capture_default_str();
  app.add_option(
         "--eval-every", t.evalEvery,
         "steps between evaluations (default: an epoch); there is one before the first step")
      ->check(positive);
  app.add_option("--target", arguments.target,
                 "train through the tiles of this target: a preset's name, a .mlir or a .json file")
      ->type_name("TARGET");
  app.add_option("--device", arguments.device,
                 "device table (JSON) that replaces the target's device")
      ->type_name("JSON");
  app.add_option("--spec", arguments.spec,
                 "train through what aimc-compile --emit-noise wrote for the model; layers that it "
                 "does not name, as a new --head, stay digital")
      ->type_name("JSON");
  train::TileOptions &tiles = arguments.tiles;
  app.add_option("--programming-noise", tiles.programming,
                 "factor on the error of programming that each step draws; 0: none, but for "
                 "spreads and stuck devices of the target")
      ->check(number)
      ->capture_default_str();
  app.add_option("--read-noise", tiles.read, "factor on the noise of reads; 0: none")
      ->check(number)
      ->capture_default_str();
  app.add_option("--drift-time", tiles.times,
                 "time since programming, as 90s, 12h or 1d; a step takes one of them in turn")
      ->transform(duration())
      ->allow_extra_args(false) // or the model's path would be taken for one
      ->delimiter(',')
      ->type_name("TIME");
  app.add_option("--drift-compensation", arguments.driftCompensation,
                 "column: digital factors per column for what drift takes; none")
      ->check(quiet(CLI::IsMember({"none", "column"})))
      ->capture_default_str();
  app.add_option("--gaussian", tiles.gaussian,
                 "instead of devices: noise on weights, as a share of a column's largest")
      ->check(within(0.0, 10.0));
  app.add_option("--scale", tiles.scale,
                 "weight that the largest conductance stands for: max, sigma:<q> or optimal")
      ->check(scaleRule())
      ->capture_default_str();
  app.add_option(
         "--compensate", tiles.compensate,
         "what to do about the wires: none, gain, weights or, with open rows, weights+pulses "
         "(default: as in the spec)")
      ->check(quiet(CLI::IsMember({"none", "gain", "weights", "weights+pulses"})));
  app.add_option("--refresh", tiles.refresh,
                 "steps after which optimal scales and compensation follow the weights")
      ->check(positive)
      ->capture_default_str();
  app.add_option(
         "--epochs", t.epochs,
         "passes over the examples (default: 1, or what --steps takes); with --steps the earlier "
         "end holds")
      ->check(positive);
  app.add_option("--steps", t.steps,
                 "length of training (default: as --epochs says); 0: evaluate only")
      ->check(counted);
  app.add_option("--batch", t.batch, "examples a step (default: 32, or what the file fixes)")
      ->check(positive);
  app.add_option("--optimizer", t.optimizer.kind, "adamw or sgd (default: adamw)")
      ->transform(named(kOptimizers))
      ->type_name("NAME");
  app.add_option("--lr", t.optimizer.rate, "learning rate")->check(number)->capture_default_str();
  app.add_option("--weight-decay", t.optimizer.weightDecay, "decay of weights")
      ->check(number)
      ->capture_default_str();
  app.add_option("--momentum", t.optimizer.momentum, "of sgd")
      ->check(within(0.0, 1.0))
      ->capture_default_str();
  app.add_option("--schedule", t.schedule, "constant, linear or cosine (default: linear)")
      ->transform(named(kSchedules))
      ->type_name("NAME");
  app.add_option("--warmup", t.warmup, "steps, or below 1 a share of all steps")
      ->check(number)
      ->capture_default_str();
  app.add_option("--clip-norm", t.clipNorm, "largest norm of the gradient; 0: any")
      ->check(number)
      ->capture_default_str();
  app.add_option("--loss", t.loss,
                 "cross-entropy, mse, distill or distill-mse (default: cross-entropy)")
      ->transform(named(kLosses))
      ->type_name("NAME");
  app.add_option("--temperature", t.temperature, "of distill")
      ->check(within(0.01, 1000.0))
      ->capture_default_str();
  app.add_option("--distill-weight", t.distillWeight,
                 "share of distillation; the rest goes to cross-entropy")
      ->check(within(0.0, 1.0))
      ->capture_default_str();
  app.add_option("--train-output", arguments.outputName,
                 "output that the loss reads (default: 'logits', or the only one)")
      ->type_name("NAME");
  app.add_option("--head", head,
                 "append a classifier: classes=N pool=mean|first|none output=NAME mask=NAME "
                 "name=NAME")
      ->expected(1, 5)
      ->type_name("KEY=VALUE");
  app.add_option("--trainable", arguments.trainable,
                 "train only weights whose name or layer matches")
      ->allow_extra_args(false)
      ->type_name("PATTERN");
  app.add_option("--freeze", arguments.freeze, "do not train weights whose name or layer matches")
      ->allow_extra_args(false)
      ->type_name("PATTERN");
  app.add_flag("--untie", arguments.untie,
               "train matrices of equal values apart, which are one weight otherwise");
  app.add_option("--early-stop", t.earlyStop,
                 "stop after this many evaluations without progress, keep the best weights")
      ->check(positive);
  app.add_option("--checkpoint", t.checkpoint, "folder of the checkpoint")->type_name("FOLDER");
  app.add_option("--checkpoint-every", t.checkpointEvery,
                 "steps between checkpoints (default: an epoch)")
      ->check(positive);
  app.add_flag(
      "--resume", t.resume,
      "continue from the checkpoint, or start where there is none yet; a run cannot be made "
      "longer or otherwise changed");
  app.add_option("--seed", t.seed, "of the order, the noise and a new classifier")
      ->check(counted)
      ->capture_default_str();
  app.add_option("--log", arguments.log, "file that gets a JSON line per step and evaluation")
      ->type_name("FILE");
  app.add_option("--threads", arguments.threads, "threads (default: all processors)")
      ->check(within(1, 4096));
  arrangeManual(app);
  try {
    app.parse(argc, argv);
    tiles.compensateDrift = arguments.driftCompensation == "column";
    tiles.asked = asked(app, arguments);
    arguments.ownBatch = app.count("--batch") == 0;
    if (app.count("--steps") > 0 && app.count("--epochs") == 0)
      t.epochs = 0;
    if (!head.empty()) {
      arguments.head.emplace();
      if (std::string error = readHead(head, *arguments.head); !error.empty())
        throw CLI::ValidationError("--head", error);
    }
    if (std::string error = misuse(app, arguments); !error.empty())
      throw CLI::ValidationError(error);
  } catch (const CLI::Success &success) {
    return app.exit(success);
  } catch (const CLI::ParseError &error) {
    std::cerr << "aimc-finetune: error: " << error.what() << '\n';
    return 2;
  }
  return std::nullopt;
}

} // namespace aimc::finetune
