//===- Trainer.cpp - the training loop ------------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The order of an epoch is drawn from the seed and the epoch's number, and everything random in a
// step from the seed and the step's number: a checkpoint holds no generator.
//
//===----------------------------------------------------------------------===//
#include "Checkpoint.h"
#include "Loss.h"
#include "NotFinite.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <algorithm>
#include <c10/core/GradMode.h>
#include <cmath>
#include <numeric>
#include <sstream>

namespace aimc::train {

double Evaluation::meanLoss() const {
  return std::accumulate(loss.begin(), loss.end(), 0.0) / static_cast<double>(loss.size());
}

double Evaluation::meanAccuracy() const {
  return std::accumulate(accuracy.begin(), accuracy.end(), 0.0) /
         static_cast<double>(accuracy.size());
}

namespace {
/// Weights this many times as large as any at the start, and as 1, are those of a run that
/// diverges.
constexpr double kDiverged = 1000;

/// A number that is none; the sign of a NaN says nothing.
std::string shown(double value) { return std::isnan(value) ? "nan" : value < 0 ? "-inf" : "inf"; }

class Trainer {
public:
  Trainer(Model &model, const Dataset &data, const Dataset *evaluation, const TrainOptions &options,
          Circuit *circuit, Listener &listener)
      : model(model), data(data), evaluation(evaluation), options(options), circuit(circuit),
        listener(listener), optimizer(options.optimizer, trained(model, circuit)) {
    micro = model.fixedBatch() ? model.fixedBatch() : options.batch;
    // a file of fixed batch size cannot take what is left over
    perEpoch = model.fixedBatch() ? data.size / options.batch
                                  : (data.size + options.batch - 1) / options.batch;
    steps = options.epochs > 0 ? perEpoch * options.epochs : options.steps;
    if (options.steps >= 0)
      steps = std::min(steps, options.steps);
    averaged = std::clamp<int64_t>(steps / 10, 1, 100);
    double warmup =
        options.warmup < 1 ? options.warmup * static_cast<double>(steps) : options.warmup;
    schedule = {options.schedule, static_cast<int64_t>(warmup), steps};
    started = fingerprint(model, data, evaluation, options, circuit);
    largest = largestWeight();
    keepsBest = evaluation && options.earlyStop > 0;
    if (keepsBest)
      for (const Weight &weight : model.weights())
        if (weight.trained)
          best[weight.names[0]] = weight.tensor.detach().clone();
  }

  Result<Outcome> run() {
    if (perEpoch == 0)
      return error(data.name + ": expected at least one batch of " + std::to_string(options.batch) +
                   " examples, but got " + std::to_string(data.size) + " examples");
    if (auto resumed = resume(); !resumed)
      return tl::unexpected(resumed.error());
    if (evaluation && progress.step == 0)
      if (auto done = evaluate(); !done)
        return tl::unexpected(done.error());
    while (progress.step < steps && !stopsEarly()) {
      if (auto done = step(); !done)
        return tl::unexpected(done.error());
      bool epochEnds = progress.step % perEpoch == 0 || progress.step == steps;
      if (evaluation && due(options.evalEvery, epochEnds))
        if (auto done = evaluate(); !done)
          return tl::unexpected(done.error());
      bool interrupted = listener.interrupted();
      if (!options.checkpoint.empty() && (interrupted || due(options.checkpointEvery, epochEnds)))
        if (auto done = save(); !done)
          return tl::unexpected(done.error());
      if (interrupted && progress.step < steps) {
        outcome.end = Outcome::End::Interrupted;
        return finish();
      }
    }
    if (stopsEarly() && progress.step < steps)
      outcome.end = Outcome::End::EarlyStop;
    if (keepsBest && progress.best) {
      c10::NoGradGuard guard;
      for (Weight &weight : model.weights())
        if (weight.trained)
          weight.tensor.copy_(best.at(weight.names[0]));
      outcome.bestStep = progress.bestStep;
    }
    return finish();
  }

private:
  static std::vector<std::pair<std::string, at::Tensor>> trained(Model &model, Circuit *circuit) {
    std::vector<std::pair<std::string, at::Tensor>> list;
    for (const Weight &weight : model.weights())
      if (weight.trained)
        list.emplace_back(weight.names[0], weight.tensor);
    if (circuit)
      for (auto &[name, tensor] : circuit->parameters())
        list.emplace_back("circuit/" + name, tensor);
    return list;
  }

  static tl::unexpected<Error> error(const std::string &message) {
    return tl::unexpected(Error{message});
  }

  bool due(int64_t every, bool epochEnds) const {
    return every > 0 ? progress.step % every == 0 || progress.step == steps : epochEnds;
  }
  bool stopsEarly() const { return keepsBest && progress.stale >= options.earlyStop; }

  Outcome finish() {
    outcome.step = progress.step;
    auto mean = [](const std::vector<double> &losses) {
      return std::accumulate(losses.begin(), losses.end(), 0.0) /
             static_cast<double>(std::max<size_t>(1, losses.size()));
    };
    outcome.averaged = static_cast<int64_t>(progress.lastLosses.size());
    outcome.firstLoss = mean(progress.firstLosses);
    outcome.lastLoss = mean(progress.lastLosses);
    outcome.evaluations = progress.evaluations;
    return outcome;
  }

  /// What a checkpoint holds; the tensors are those in use.
  Named tensors() {
    Named named;
    for (auto &[name, tensor] : trained(model, circuit))
      named["weight/" + name] = tensor.detach();
    for (auto &[name, tensor] : optimizer.state())
      named[name] = tensor;
    for (auto &[name, tensor] : best)
      named["best/" + name] = tensor;
    if (circuit)
      for (auto &[name, tensor] : circuit->state())
        named["circuit-state/" + name] = tensor;
    return named;
  }

  /// The largest magnitude among trained weights; NaN or infinite where one of them is.
  double largestWeight() const {
    double top = 0;
    for (const Weight &weight : model.weights())
      if (weight.trained && weight.tensor.numel() > 0) {
        double own = weight.tensor.detach().abs().max().item<double>();
        top = std::isnan(own) || own > top ? own : top;
        if (!std::isfinite(top))
          break;
      }
    return top;
  }

  Result<> resume() {
    if (!options.resume)
      return {};
    Named named = tensors();
    auto loaded = loadCheckpoint(options.checkpoint, started, named);
    if (!loaded)
      return tl::unexpected(loaded.error());
    progress = std::move(*loaded);
    optimizer.updates = progress.step;
    if (circuit)
      circuit->stateLoaded(progress.step);
    lastSaved = outcome.resumedFrom = progress.step;
    return listener.resumed(progress.step);
  }

  /// A run that diverges does not replace the last good checkpoint.
  Result<> save() {
    if (!(largestWeight() <= kDiverged * std::max(largest, 1.0)))
      return {};
    auto done = saveCheckpoint(options.checkpoint, started, progress, tensors());
    if (!done)
      return done;
    lastSaved = progress.step;
    listener.saved(checkpointFile(options.checkpoint));
    return {};
  }

  /// The examples of step `index`, counted from 0.
  at::Tensor examples(int64_t index) {
    int64_t epoch = index / perEpoch, first = index % perEpoch * options.batch;
    if (epoch != orderedEpoch) {
      // an odd multiplier keeps the orders of neighbouring seeds apart
      uint64_t seed = static_cast<uint64_t>(options.seed) * 0x9e3779b97f4a7c15ull +
                      static_cast<uint64_t>(epoch);
      order = at::randperm(data.size, at::detail::createCPUGenerator(seed),
                           at::TensorOptions(at::kLong));
      orderedEpoch = epoch;
    }
    return order.narrow(0, first, std::min(options.batch, data.size - first));
  }

  Result<const Layers *> layersOf(const Executor *executor) {
    if (!circuit)
      return &plain;
    if (auto known = layers.find(executor); known != layers.end())
      return &known->second;
    auto made = circuit->layers(*executor);
    if (!made)
      return tl::unexpected(made.error());
    return &layers.emplace(executor, std::move(*made)).first->second;
  }

  Result<Measured> forward(const Dataset &from, const at::Tensor &indices,
                           const Observer &observer = {}) {
    auto executor = model.executor(indices.numel());
    if (!executor)
      return tl::unexpected(executor.error());
    auto analog = layersOf(*executor);
    if (!analog)
      return tl::unexpected(analog.error());
    std::vector<at::Tensor> operands = model.operands(from, indices);
    at::Tensor teacher;
    if (needsTeacher(options)) {
      c10::NoGradGuard guard;
      auto untouched = (*executor)->run(operands, {}); // the file's own weights
      if (!untouched)
        return tl::unexpected(untouched.error());
      teacher = (*untouched)[options.output];
    }
    auto outputs = (*executor)->run(operands, model.parameters(), **analog, observer);
    if (!outputs)
      return tl::unexpected(outputs.error());
    at::Tensor labels = from.labels.defined() ? from.labels.index_select(0, indices) : at::Tensor();
    return measure(options, (*outputs)[options.output], labels, teacher);
  }

  Result<> step() {
    at::Tensor indices = examples(progress.step);
    if (circuit)
      circuit->beginStep(progress.step);
    optimizer.clearGradients();
    double loss = 0, correct = 0, counted = 0;
    for (const at::Tensor &part : indices.split(micro)) {
      auto measured = forward(data, part);
      if (!measured)
        return tl::unexpected(measured.error());
      double share = static_cast<double>(part.numel()) / static_cast<double>(indices.numel());
      double value = measured->loss.item<double>();
      if (!std::isfinite(value))
        return error(diagnose("the loss is " + shown(value), part));
      loss += value * share;
      correct += measured->correct;
      counted += measured->counted;
      (share == 1 ? measured->loss : measured->loss * share).backward();
    }
    double norm = optimizer.clip(options.clipNorm);
    if (!std::isfinite(norm))
      return error(diagnose("the gradient's norm is " + shown(norm), indices));
    double factor = schedule.factor(progress.step);
    optimizer.step(factor);
    if (progress.step < averaged)
      progress.firstLosses.push_back(loss);
    progress.lastLosses.push_back(loss);
    if (static_cast<int64_t>(progress.lastLosses.size()) > averaged)
      progress.lastLosses.erase(progress.lastLosses.begin());
    int64_t epoch = progress.step++ / perEpoch;
    StepReport report{progress.step, steps, epoch, loss, options.optimizer.rate * factor, norm, {}};
    if (counted > 0)
      report.accuracy = correct / counted;
    warnOfClipping();
    listener.stepped(report);
    return {};
  }

  /// Once, by the first pass over data.
  void warnOfClipping() {
    if (!circuit || told)
      return;
    told = true;
    if (const std::string text = circuit->clipping(); !text.empty())
      listener.warned(text);
  }

  /// Where numbers stop being finite in the step at hand, and what remains of the run.
  std::string diagnose(const std::string &what, const at::Tensor &indices) {
    c10::NoGradGuard guard;
    std::ostringstream os;
    os << "step " << progress.step + 1 << ": " << what;
    if (circuit)
      circuit->beginStep(progress.step, true);
    NotFinite seen;
    const int64_t count = std::min<int64_t>(indices.numel(), micro);
    const auto done =
        forward(data, indices.narrow(0, 0, count), [&](const auto &...what) { seen.see(what...); });
    const auto executor = model.executor(count);
    const std::string where = done && executor
                                  ? seen.originOf((*executor)->graph().outputs[options.output])
                                  : seen.first();
    if (!where.empty())
      os << "; numbers stop being finite in " << where;
    std::string tile = circuit ? circuit->saturated() : "";
    if (!tile.empty())
      os << "; " << tile;
    if (options.checkpoint.empty())
      os << "; nothing is written";
    else if (lastSaved > 0)
      os << "; the last good checkpoint is '" << checkpointFile(options.checkpoint) << "' of step "
         << lastSaved;
    else
      os << "; there is no checkpoint yet";
    return os.str();
  }

  Result<> evaluate() {
    c10::NoGradGuard guard;
    Evaluation result;
    result.step = progress.step;
    int64_t chips = circuit ? options.evalChips : 1;
    int64_t usable = model.fixedBatch() ? evaluation->size / micro * micro : evaluation->size;
    if (usable == 0)
      return error(evaluation->name + ": expected at least " + std::to_string(micro) +
                   " examples, but got " + std::to_string(evaluation->size));
    for (int64_t chip = 0; chip < chips; ++chip) {
      if (circuit)
        circuit->beginEvaluation(chip);
      double loss = 0, correct = 0, counted = 0;
      for (int64_t at = 0; at < usable; at += micro) {
        int64_t count = std::min(micro, usable - at);
        auto measured =
            forward(*evaluation, at::arange(at, at + count, at::TensorOptions(at::kLong)));
        if (!measured)
          return tl::unexpected(measured.error());
        loss += measured->loss.item<double>() * static_cast<double>(count);
        correct += measured->correct;
        counted += measured->counted;
      }
      result.loss.push_back(loss / static_cast<double>(usable));
      if (hasClasses(options, *evaluation))
        result.accuracy.push_back(counted > 0 ? correct / counted : 0);
    }
    if (circuit)
      circuit->endEvaluation();
    warnOfClipping();
    progress.evaluations.push_back(result);
    double score = result.accuracy.empty() ? -result.meanLoss() : result.meanAccuracy();
    ++progress.stale;
    if (std::isfinite(score) && (!progress.best || score > *progress.best)) {
      progress.best = score;
      progress.bestStep = progress.step;
      progress.stale = 0;
      for (const Weight &weight : model.weights())
        if (keepsBest && weight.trained)
          best.at(weight.names[0]).copy_(weight.tensor);
    }
    listener.evaluated(result);
    return {};
  }

  Model &model;
  const Dataset &data;
  const Dataset *evaluation;
  const TrainOptions &options;
  Circuit *circuit;
  bool told = false; ///< of clipping
  Listener &listener;
  Optimizer optimizer;
  Schedule schedule;
  Progress progress;
  Outcome outcome;
  Named best;          ///< weights of the best evaluation
  std::string started; ///< fingerprint of the run
  double largest = 0;  ///< weight at the start
  bool keepsBest = false;
  int64_t micro = 0, perEpoch = 0, steps = 0, averaged = 1, orderedEpoch = -1, lastSaved = 0;
  at::Tensor order;
  Layers plain;
  std::map<const Executor *, Layers> layers;
};
} // namespace

Result<Outcome> train(Model &model, const Dataset &data, const Dataset *evaluation,
                      const TrainOptions &options, Circuit *circuit, Listener &listener) {
  for (const Dataset *set : {&data, evaluation})
    if (set)
      if (auto fits = checkLabels(model, *set, options); !fits)
        return tl::unexpected(fits.error());
  if (model.fixedBatch() && options.batch % model.fixedBatch() != 0)
    return tl::unexpected(
        Error{model.pathOf() + ": expected --batch to be a multiple of the file's fixed batch of " +
              std::to_string(model.fixedBatch()) + ", but got " + std::to_string(options.batch)});
  try {
    return Trainer(model, data, evaluation, options, circuit, listener).run();
  } catch (const c10::Error &error) {
    std::string what = error.what_without_backtrace();
    return tl::unexpected(Error{what.substr(0, what.find('\n'))});
  } catch (const std::exception &error) {
    return tl::unexpected(Error{error.what()});
  }
}

} // namespace aimc::train
