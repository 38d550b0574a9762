//===- aimc-finetune.cpp - train the weights of an ONNX model -------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// aimc-finetune model.onnx --data train.npz --target pcm --epochs 1 -o tuned.onnx
//
//===----------------------------------------------------------------------===//
#include "Arguments.h"
#include "Data.h"
#include "Monitor.h"
#include "OutputFile.h"
#include "Program.h"
#include "TargetFile.h"
#include "aimc/files/Destination.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <cstdio>
#include <filesystem>

using namespace aimc;
using namespace aimc::finetune;
using train::Error;
using train::Result;

namespace {
constexpr int kInterrupted = 130; ///< as a shell reports SIGINT

/// A classifier as torch.nn.Linear would start it in a transformer: normal, deviation 0.02, no
/// bias.
Result<> appendHead(train::Model &model, onnx::Classifier head, const train::Dataset &data,
                    int64_t seed) {
  auto inputs = model.file().inputs();
  auto names = model.file().outputNames();
  if (head.output.empty())
    head.output = names.empty() ? "" : names[0];
  if (head.mask.empty() && inputs)
    for (const onnx::InputInfo &input : *inputs)
      if (input.name == "attention_mask" && input.dims.size() == 2)
        head.mask = input.name;
  auto position = model.output(head.output);
  if (!position)
    return tl::unexpected(position.error());
  // the width of the output is known once shapes are; a model of its own leaves this one as it is
  auto probe = train::Model::open(model.pathOf());
  if (!probe)
    return tl::unexpected(probe.error());
  if (auto done = probe->prepare(data, 1, true); !done)
    return done;
  std::vector<int64_t> shape = probe->outputShape(*position);
  size_t rank = head.pool == onnx::Classifier::Pool::None ? 2 : 3;
  if (shape.size() != rank)
    return tl::unexpected(
        Error{"--head: expected output '" + head.output + "' of rank " + std::to_string(rank) +
              ", but got rank " + std::to_string(shape.size()) +
              (shape.size() == 2   ? "; pool=none puts the classifier on one vector an example"
               : shape.size() == 3 ? "; pool=mean or pool=first makes one vector of a sequence"
                                   : "; output=NAME chooses another output")});
  at::Tensor weight = at::empty({head.classes, shape.back()}, at::kFloat);
  weight.normal_(0, 0.02, at::detail::createCPUGenerator(static_cast<uint64_t>(seed)));
  const float *begin = weight.const_data_ptr<float>();
  head.weight.assign(begin, begin + weight.numel());
  head.bias.assign(static_cast<size_t>(head.classes), 0.0f);
  return model.file().append(head);
}

/// The tiles that the command line asks for; null: none.
Result<std::unique_ptr<train::Circuit>> makeCircuit(const train::Model &model,
                                                    const Arguments &arguments) {
  train::TileOptions options = arguments.tiles;
  options.seed = arguments.train.seed;
  if (!arguments.spec.empty()) {
    auto sites = train::readSpec(arguments.spec);
    if (!sites)
      return tl::unexpected(sites.error());
    return train::tileCircuit(model, nullptr, std::move(*sites), options);
  }
  if (arguments.target.empty())
    return nullptr;
  auto target = loadTarget(arguments.target, arguments.device);
  if (!target)
    return tl::unexpected(target.error());
  return train::tileCircuit(model, &*target, {}, options);
}

/// Whether checkpoints can be written to `folder`, which is made with the first of them. The
/// progress of another run is not replaced.
Result<> checkFolder(const std::string &folder, bool resume) {
  std::error_code ignored;
  if (folder.empty())
    return {};
  bool exists = std::filesystem::exists(folder, ignored);
  if (exists && !std::filesystem::is_directory(folder, ignored))
    return tl::unexpected(Error{folder + ": expected a folder for checkpoints, but got a file"});
  const std::string file = train::checkpointFile(folder);
  if (!resume && std::filesystem::exists(file, ignored))
    return tl::unexpected(Error{folder + ": expected a folder without a checkpoint, but it holds "
                                         "that of an earlier run; --resume goes on with it"});
  auto writable = run::checkWritable(exists ? file : folder);
  if (!writable)
    return tl::unexpected(Error{writable.error()});
  return {};
}

/// A run must not overwrite what it reads.
Result<> checkOutputs(const Arguments &arguments) {
  if (auto own = files::checkOutputs({arguments.output, arguments.log},
                                     {arguments.model, arguments.data, arguments.evalData,
                                      arguments.spec, arguments.device, arguments.target});
      !own)
    return tl::unexpected(Error{own.error()});
  for (const std::string &path : {arguments.output, arguments.log}) {
    if (path.empty())
      continue;
    if (auto writable = run::checkWritable(path); !writable)
      return tl::unexpected(Error{writable.error()});
  }
  return {};
}

std::string summary(const train::Outcome &outcome, const train::Model &model,
                    const Arguments &arguments) {
  char text[512];
  std::snprintf(text, sizeof text, "%lld steps", static_cast<long long>(outcome.step));
  std::string line = text;
  if (outcome.step > 0) {
    std::snprintf(text, sizeof text, ", loss %.4f to %.4f", outcome.firstLoss, outcome.lastLoss);
    line += text;
    if (outcome.averaged > 1)
      line += " (means of " + std::to_string(outcome.averaged) + " steps)";
  }
  if (outcome.evaluations.size() > 1 && !outcome.evaluations.front().accuracy.empty()) {
    const train::Evaluation *after = &outcome.evaluations.back();
    for (const train::Evaluation &one : outcome.evaluations) // whose weights are written
      if (outcome.bestStep && one.step == *outcome.bestStep)
        after = &one;
    std::snprintf(text, sizeof text, ", before: accuracy %.2f%%, after: %.2f%%",
                  100 * outcome.evaluations.front().meanAccuracy(), 100 * after->meanAccuracy());
    line += text;
  }
  if (outcome.end == train::Outcome::End::EarlyStop)
    line += ", stopped early";
  if (outcome.bestStep)
    line += ", best weights of step " + std::to_string(*outcome.bestStep);
  int64_t shared = 0;
  for (const train::Weight &weight : model.weights())
    shared += weight.trained && weight.names.size() > 1;
  if (shared > 0) // a reader whose layers merely start alike has to know
    line +=
        ", " + std::to_string(shared) + " weights that the file holds several times trained as one";
  return arguments.output.empty() ? line : line + ", written to " + arguments.output;
}

Result<int> tune(const Arguments &arguments) {
  if (auto usable = checkOutputs(arguments); !usable)
    return tl::unexpected(usable.error());
  if (auto usable = checkFolder(arguments.train.checkpoint, arguments.train.resume); !usable)
    return tl::unexpected(usable.error());
  if (arguments.threads > 0)
    at::set_num_threads(arguments.threads);
  Monitor monitor;
  monitor.say("reading " + arguments.model);
  auto model = train::Model::open(arguments.model);
  if (!model)
    return tl::unexpected(model.error());
  if (auto own =
          files::checkOutputs({arguments.output, arguments.log}, model->file().externalFiles());
      !own)
    return tl::unexpected(Error{own.error()});
  auto inputs = model->file().inputs();
  if (!inputs)
    return tl::unexpected(inputs.error());
  const train::TrainOptions &options = arguments.train;
  bool needed = options.loss == train::Loss::CrossEntropy || options.loss == train::Loss::Mse ||
                (options.loss == train::Loss::Distill && options.distillWeight < 1);
  auto data = readDataset(arguments.data, arguments.labels, *inputs, needed);
  if (!data)
    return tl::unexpected(data.error());
  std::optional<train::Dataset> evaluation;
  if (!arguments.evalData.empty()) {
    // labels of a separate file belong to the training examples
    size_t colon = arguments.labels.rfind(".npz:");
    std::string name =
        colon == std::string::npos ? arguments.labels : arguments.labels.substr(colon + 5);
    auto read = readDataset(arguments.evalData, name, *inputs, needed);
    if (!read)
      return tl::unexpected(read.error());
    evaluation = std::move(*read);
  }
  train::TrainOptions train = options;
  if (arguments.ownBatch && model->fixedBatch() > 0)
    train.batch = model->fixedBatch();
  if (train.resume && !std::filesystem::exists(train::checkpointFile(train.checkpoint))) {
    std::fprintf(stderr, "aimc-finetune: note: %s holds no checkpoint yet, starting anew\n",
                 train.checkpoint.c_str());
    train.resume = false;
  }
  std::string outputName = arguments.outputName;
  if (arguments.head) {
    if (auto done = appendHead(*model, *arguments.head, *data, options.seed); !done)
      return tl::unexpected(done.error());
    if (outputName.empty())
      outputName = arguments.head->result;
  }
  if (auto done = model->prepare(*data, train.batch, arguments.untie); !done)
    return tl::unexpected(done.error());
  if (evaluation)
    if (auto fits = model->accepts(*evaluation); !fits)
      return tl::unexpected(fits.error());
  auto position = model->output(outputName);
  if (!position)
    return tl::unexpected(position.error());
  train.output = *position;
  if (auto done = model->select(arguments.trainable, arguments.freeze); !done)
    return tl::unexpected(done.error());
  auto circuit = makeCircuit(*model, arguments);
  if (!circuit)
    return tl::unexpected(circuit.error());
  for (const std::string &line : *circuit ? (*circuit)->warnings() : std::vector<std::string>())
    monitor.warned(line);
  if (!model->fixedBatch() && !arguments.ownBatch && train.batch > data->size)
    monitor.warned("--batch: expected at most the " + std::to_string(data->size) + " examples of " +
                   data->name + ", but got " + std::to_string(train.batch) +
                   "; a step takes them all");
  if (auto opened = monitor.openLog(arguments.log, train.resume); !opened)
    return tl::unexpected(opened.error());
  monitor.clear();
  std::printf("%s\n", *circuit ? (*circuit)->description().c_str() : "digital");
  std::fflush(stdout);
  monitor.catchInterrupts();
  auto outcome = train::train(*model, *data, evaluation ? &*evaluation : nullptr, train,
                              circuit->get(), monitor);
  monitor.clear();
  if (!outcome)
    return tl::unexpected(outcome.error());
  if (outcome->end == train::Outcome::End::Interrupted) {
    std::fprintf(stderr, "aimc-finetune: interrupted after step %lld%s\n",
                 static_cast<long long>(outcome->step),
                 train.checkpoint.empty() ? "" : "; continue with the same command and --resume");
    return kInterrupted;
  }
  if (!arguments.output.empty())
    if (auto done = model->write(arguments.output); !done)
      return tl::unexpected(done.error());
  if (auto kept = monitor.closeLog(); !kept)
    return tl::unexpected(Error{
        kept.error().message +
        (arguments.output.empty() ? "" : "; the tuned model is written to " + arguments.output)});
  std::printf("%s\n", summary(*outcome, *model, arguments).c_str());
  return 0;
}

int body(int argc, char **argv) {
  run::prepareSignals();
  Arguments arguments;
  if (auto exitCode = parseArguments(argc, argv, arguments))
    return *exitCode;
  auto done = tune(arguments);
  if (done)
    return *done;
  std::fprintf(stderr, "aimc-finetune: error: %s\n", done.error().message.c_str());
  return 1;
}
} // namespace

int main(int argc, char **argv) { return run::runProgram("aimc-finetune", argc, argv, body); }
