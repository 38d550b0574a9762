//===- aimc-run.cpp - run a compiled model on arrays ----------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// aimc-run model.aimc --input x.npz --output y.npz
//
//===----------------------------------------------------------------------===//
#include "OutputFile.h"
#include "Program.h"
#include "Report.h"
#include "Runner.h"
#include "aimc/files/Destination.h"

#include <cstdio>

using namespace aimc::run;
using nlohmann::json;

namespace {
template <class T> Result<T> asFailure(tl::expected<T, std::string> &&value) {
  if (!value)
    return tl::unexpected<Failure>({value.error(), 1});
  if constexpr (std::is_void_v<T>)
    return {};
  else
    return std::move(*value);
}

Result<void> run(const Arguments &arguments) {
  // A chip may be saved over the one that the session went on from.
  if (auto own = asFailure(aimc::files::checkOutputs(
          {arguments.output, arguments.statsPath, arguments.record, arguments.saveChip},
          {arguments.input, arguments.package}));
      !own)
    return own;
  for (const std::string &path :
       {arguments.output, arguments.statsPath, arguments.saveChip, arguments.record})
    if (!path.empty())
      if (auto writable = asFailure(checkWritable(path)); !writable)
        return writable;
  Progress progress;
  progress.say("opening " + arguments.package);
  auto model = openModel(arguments);
  if (!model)
    return tl::unexpected(model.error());
  std::vector<Array> inputs;
  if (!arguments.input.empty()) {
    auto read = asFailure(readNpz(arguments.input));
    if (!read)
      return tl::unexpected(read.error());
    inputs = std::move(*read);
  }
  auto entry = chooseEntry(*model, arguments, inputs);
  if (!entry)
    return tl::unexpected(entry.error());

  // The ideal session first and gone before the chip: only one of them is in memory.
  auto outputs = makeOutputs(*model, *entry);
  auto ideal = makeOutputs(*model, *entry);
  if (arguments.compareIdeal) {
    progress.say("running without tiles");
    json options = {{"ideal", true}};
    if (arguments.session.contains("threads"))
      options["threads"] = arguments.session["threads"];
    auto session = createSession(*model, options);
    if (!session)
      return tl::unexpected(session.error());
    if (auto done = runOnce(session->get(), *entry, inputs, *ideal); !done)
      return tl::unexpected(done.error());
  }
  progress.say("programming the chip");
  auto session = createSession(*model, arguments.session);
  if (!session)
    return tl::unexpected(session.error());
  std::vector<double> seconds;
  for (int i = 0; i < arguments.repeat; ++i) {
    progress.say("run " + std::to_string(i + 1) + " of " + std::to_string(arguments.repeat));
    // The first run's results are kept: they do not depend on how often it is repeated.
    auto scratch = i == 0 ? Result<std::vector<Array>>{} : makeOutputs(*model, *entry);
    auto done = runOnce(session->get(), *entry, inputs, i == 0 ? *outputs : *scratch);
    if (!done)
      return tl::unexpected(done.error());
    seconds.push_back(*done);
  }
  for (auto [path, write] : {std::pair{&arguments.saveChip, &aimc_session_save_chip},
                             {&arguments.record, &aimc_session_save_record}})
    if (!path->empty() && write(session->get(), path->c_str()) != AIMC_OK)
      return tl::unexpected<Failure>({aimc_last_error(), 1});
  auto statistics = readStatistics(session->get());
  if (!statistics)
    return tl::unexpected(statistics.error());
  (*statistics)["entry"] = dimsText(model->manifest["entries"][static_cast<size_t>(*entry)]);
  (*statistics)["latency"] = latency(seconds);
  if (arguments.compareIdeal)
    (*statistics)["outputs"] = compareOutputs(*outputs, *ideal);

  if (!arguments.output.empty()) {
    auto archive = asFailure(writeNpz(*outputs));
    if (!archive)
      return tl::unexpected(archive.error());
    if (auto done = asFailure(writeWhole(arguments.output, archive->data(), archive->size()));
        !done)
      return done;
  }
  if (!arguments.statsPath.empty()) {
    std::string text = statistics->dump(2) + "\n";
    if (auto done = asFailure(writeWhole(arguments.statsPath, text.data(), text.size())); !done)
      return done;
  }
  progress.say("");
  printWarnings(*statistics);
  printSummary(*statistics);
  return {};
}

int body(int argc, char **argv) {
  Arguments arguments;
  if (auto exitCode = parseArguments(argc, argv, arguments))
    return *exitCode;
  prepareSignals();
  if (auto done = run(arguments); !done) {
    std::fprintf(stderr, "aimc-run: error: %s\n", done.error().message.c_str());
    return done.error().exitCode;
  }
  return 0;
}
} // namespace

int main(int argc, char **argv) { return runProgram("aimc-run", argc, argv, body); }
