//===- Compile.cpp - model file to package --------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "Compile.h"
#include "OutputFile.h"
#include "Progress.h"
#include "Record.h"
#include "aimc/Analysis/MlirText.h"
#include "aimc/CodeGen/Passes.h"
#include "aimc/Description/Mapping.h"
#include "aimc/Import/ImportOnnx.h"
#include "aimc/InitAll.h"
#include "aimc/Package/Package.h"
#include "aimc/Pipelines/Pipelines.h"
#include "aimc/Transforms/Passes.h"
#include "aimc/Transforms/Targets.h"
#include "aimc/files/Destination.h"
#include "aimc/files/FileWriter.h"
#include "aimc/onnx/ModelFile.h"
#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Remarks.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace mlir::aimc;
using ::aimc::compile::Emit;
using ::aimc::compile::Options;
using ::aimc::compile::Progress;
namespace tool = ::aimc::compile;

namespace {

/// Prints each error as one line; remembers whether there was one. Notes follow their error on
/// lines of their own; warnings and remarks too.
class Reporter {
public:
  explicit Reporter(MLIRContext &context, Progress &progress) : progress(progress) {
    context.printOpOnDiagnostic(false);
    context.getDiagEngine().registerHandler([this](Diagnostic &diagnostic) { print(diagnostic); });
  }

  void error(const llvm::Twine &message) {
    progress.clearLine();
    llvm::errs() << "aimc-compile: error: " << message << '\n';
    seen = true;
  }

  void warning(const llvm::Twine &message) {
    progress.clearLine();
    llvm::errs() << "aimc-compile: warning: " << message << '\n';
  }

  bool seenError() const { return seen; }

private:
  static llvm::StringRef severityOf(Diagnostic &diagnostic) {
    switch (diagnostic.getSeverity()) {
    case DiagnosticSeverity::Error:
      return "error";
    case DiagnosticSeverity::Warning:
      return "warning";
    case DiagnosticSeverity::Remark:
      return "remark";
    case DiagnosticSeverity::Note:
      break;
    }
    return "note";
  }

  void print(Diagnostic &diagnostic) {
    progress.clearLine();
    bool isError = diagnostic.getSeverity() == DiagnosticSeverity::Error;
    if (isError && seen)
      return; // one error per cause: what follows is its consequence
    llvm::errs() << "aimc-compile: " << severityOf(diagnostic) << ": ";
    if (auto file = dyn_cast<FileLineColLoc>(diagnostic.getLocation()))
      llvm::errs() << file.getFilename().getValue() << ':' << file.getLine() << ':'
                   << file.getColumn() << ": ";
    else if (auto name = dyn_cast<NameLoc>(diagnostic.getLocation()))
      llvm::errs() << name.getName().getValue() << ": ";
    llvm::errs() << diagnostic << '\n';
    for (Diagnostic &note : diagnostic.getNotes())
      llvm::errs() << "aimc-compile: note: " << note << '\n';
    seen |= isError;
  }

  Progress &progress;
  bool seen = false;
};

/// The first dimension that is given no elements, as "name=0", or "".
std::string emptyDim(const Options &options) {
  for (const auto &[name, size] : options.dims)
    if (size == 0)
      return name + "=0";
  return "";
}

bool hasEmptyDim(const Options &options) { return !emptyDim(options).empty(); }

OwningOpRef<ModuleOp> readModel(MLIRContext &context, const Options &options) {
  llvm::StringRef extension = llvm::sys::path::extension(options.model);
  if (extension == ".mlir" || extension == ".mlirbc")
    return parseMlirFile(options.model, &context);
  ::aimc::onnx::LoadOptions load;
  load.dims = options.dims;
  OwningOpRef<ModuleOp> module;
  std::string problem;
  {
    // An empty batch is a batch, and a cache is empty at the first call; where a node can't take an
    // empty dimension, the flag is at fault and not the node that noticed.
    ScopedDiagnosticHandler catcher(&context, [&](Diagnostic &diagnostic) {
      if (!hasEmptyDim(options) || diagnostic.getSeverity() != DiagnosticSeverity::Error)
        return failure();
      if (problem.empty())
        problem = diagnostic.str();
      return success();
    });
    module = importOnnx(&context, options.model, load);
  }
  if (!problem.empty())
    emitError(UnknownLoc::get(&context)) << "--dim: expected a size of at least 1, but got "
                                         << emptyDim(options) << " (" << problem << ")";
  return module;
}

std::string outputPath(const Options &options) {
  if (!options.output.empty())
    return options.output;
  if (options.emit != Emit::Package)
    return "-";
  llvm::SmallString<128> path(options.model);
  llvm::sys::path::replace_extension(path, ".aimc");
  return std::string(path);
}

void writeTo(llvm::raw_ostream &os, ModuleOp module, const std::string &path) {
  if (llvm::StringRef(path).ends_with(".mlirbc")) {
    (void)writeBytecodeToFile(module, os);
    return;
  }
  OpPrintingFlags flags;
  if (path == "-") // for reading; a file is for the next tool and keeps its data
    flags.elideLargeElementsAttrs().elideLargeResourceString();
  module.print(os, flags);
}

int cannotWrite(const std::string &path, std::error_code error, Reporter &report) {
  report.error("cannot write '" + path + "': " + error.message());
  return tool::kBadInput;
}

/// Regular files appear whole or not at all; anything else is written through.
int writeModule(ModuleOp module, const Options &options, Reporter &report) {
  const std::string path = outputPath(options);
  if (path == "-" || (llvm::sys::fs::exists(path) && !llvm::sys::fs::is_regular_file(path))) {
    std::error_code error;
    llvm::raw_fd_ostream os(path, error);
    if (error)
      return cannotWrite(path, error, report);
    writeTo(os, module, path);
    os.flush();
    error = os.error();
    os.clear_error();
    return error ? cannotWrite(path, error, report) : tool::kDone;
  }
  auto writer = ::aimc::files::FileWriter::create(path);
  if (!writer) {
    report.error(writer.error());
    return tool::kBadInput;
  }
  {
    llvm::raw_fd_ostream os(writer->descriptor(), /*shouldClose=*/false);
    writeTo(os, module, path);
    os.flush();
    std::error_code error = os.error();
    os.clear_error();
    if (error)
      return cannotWrite(path, error, report);
  }
  if (auto done = writer->commit(); !done) {
    report.error(done.error());
    return tool::kBadInput;
  }
  return tool::kDone;
}

class Compilation {
public:
  Compilation(const Options &options)
      : options(options), progress(options.timing), report(context, progress) {
    DialectRegistry registry;
    mlir::aimc::registerAllDialects(registry);
    context.appendDialectRegistry(registry);
  }

  int run() {
    if (options.remarks)
      enableRemarks();
    if (auto own = checkPlaces(); !own) { // before the work rather than after it
      report.error(own.error());
      return tool::kBadInput;
    }
    auto target = NativeTarget::create(options.mcpu);
    if (!target)
      return fail(target.takeError());
    progress.phase("read");
    OwningOpRef<ModuleOp> module = readModel(context, options);
    if (!module)
      return failed();
    if (options.emit == Emit::Linalg)
      return writeModule(*module, options, report);

    progress.phase("map to tiles");
    MappingOptions mapping;
    mapping.targetFile = options.target;
    mapping.tilesPerChip = options.tilesPerChip;
    mapping.pack = options.pack;
    mapping.requireAnalog = options.requireAnalog;
    if (!runPasses(*module, [&](OpPassManager &pm) { buildMappingPipeline(pm, mapping); }) ||
        !adaptTargets(*module))
      return failed();
    if (!tune(*module) || !emitNoise(*module))
      return failed();
    if (options.specOnly) {
      progress.done();
      return tool::kDone;
    }
    if (options.emit == Emit::Tiled)
      return writeModule(*module, options, report);
    if (options.emit == Emit::Llvm)
      return lower(*module, *target) ? writeModule(*module, options, report) : failed();
    if (!writePackage(*module, *target, outputPath(options)))
      return failed();
    progress.done();
    return tool::kDone;
  }

private:
  /// Where may be written, and not over what is read.
  ::aimc::files::Result<void> checkPlaces() const {
    const std::vector<std::string> outputs = {options.specOnly ? "" : outputPath(options),
                                              options.emitNoise};
    for (const std::string &path : outputs)
      if (auto own = ::aimc::files::checkDestination(path); !own)
        return own;
    std::vector<std::string> inputs = {options.model, options.calibrate, options.device,
                                       options.target};
    // What a model has beside it is asked for only where something would be replaced.
    if (llvm::any_of(outputs, [](const std::string &path) { return llvm::sys::fs::exists(path); }))
      if (auto model = ::aimc::onnx::ModelFile::open(options.model))
        llvm::append_range(inputs, model->externalFiles());
    return ::aimc::files::checkOutputs(outputs, inputs);
  }

  /// Replaces what the command line says about targets, and asks the runtime about each.
  bool adaptTargets(ModuleOp module) {
    std::vector<::aimc::model::InForce> targets;
    const bool record = !options.calibrate.empty() && tool::isRecord(options.calibrate);
    for (auto target : module.getOps<TargetOp>()) {
      if ((!options.device.empty() && mlir::failed(replaceDevice(target, options.device))) ||
          (!options.fidelity.empty() && mlir::failed(replaceFidelity(target, options.fidelity))))
        return false;
      if (target.getDevice().getFile())
        continue; // used by nothing; the package writer names it
      auto checked = tool::checkTarget(targetText(target));
      if (!checked) {
        report.error("target '" + target.getSymName() + "': " + checked.error());
        return false;
      }
      checked->ranged = options.inputRange != "none" || record; // which brings those of its run
      targets.push_back(std::move(*checked));
    }
    for (const std::string &line : ::aimc::model::withoutEffect(asked(), targets))
      report.warning(line);
    return true;
  }

  /// Flags that were given and may do nothing.
  std::vector<::aimc::model::Asked> asked() const {
    using ::aimc::model::Option;
    std::vector<::aimc::model::Asked> asked;
    if (!options.fidelity.empty())
      asked.push_back({"--fidelity", Option::Fidelity});
    if (options.compensate != "none")
      asked.push_back({"--compensate", options.compensate == "weights+pulses"
                                           ? Option::CompensateByPulses
                                           : Option::Compensate});
    if (!options.calibrate.empty())
      asked.push_back({"--calibrate", Option::Calibration});
    return asked;
  }

  /// Scales, calibration on the user's data, compensation.
  bool tune(ModuleOp module) {
    progress.phase("scale");
    TuningOptions tuning;
    tuning.scale = options.scale;
    tuning.percentile = options.inputRange;
    tuning.compensate = options.compensate;
    tuning.report = options.remarks;
    if (options.calibrate.empty())
      return runPasses(module, [&](OpPassManager &pm) { buildTuningPipeline(pm, tuning); });
    if (tool::isRecord(options.calibrate)) {
      if (options.inputRange != "none") {
        report.error(options.calibrate + ": expected data (.npz) with --input-range, but got a "
                                         "record, which keeps the ranges of its run");
        return false;
      }
      tuning.statistics = options.calibrate;
      tuning.percentile = std::string("keep");
      return runPasses(module, [&](OpPassManager &pm) { buildTuningPipeline(pm, tuning); });
    }

    const bool writesPackage = options.emit == Emit::Package && !options.specOnly;
    auto folder =
        tool::TemporaryFolder::create(writesPackage ? outputPath(options) : std::string());
    if (!folder) {
      report.error(folder.error());
      return false;
    }
    // What is recorded depends on scales, input ranges and compensation. Scales need no data; the
    // other two need a first run, and change what a second one sees.
    auto run = [&] {
      return runPasses(module, [&](OpPassManager &pm) { buildTuningPipeline(pm, tuning); });
    };
    tuning.report = false;
    if (!quietly(run) || !record(module, *folder))
      return false;
    tuning.statistics = folder->statistics();
    if (options.inputRange != "none" || options.compensate.starts_with("weights")) {
      if (!quietly(run) || !record(module, *folder))
        return false;
      tuning.percentile = std::string("keep");
    }
    tuning.report = options.remarks;
    return run();
  }

  bool emitNoise(ModuleOp module) {
    if (options.emitNoise.empty())
      return true;
    progress.phase("noise spec");
    return runPasses(
        module, [&](OpPassManager &pm) { pm.addPass(createExportNoise({options.emitNoise})); });
  }

  /// Only the last round's figures are worth a remark or a warning.
  bool quietly(llvm::function_ref<bool()> run) {
    ScopedDiagnosticHandler quiet(&context, [](Diagnostic &diagnostic) {
      return success(diagnostic.getSeverity() != DiagnosticSeverity::Error);
    });
    return run();
  }

  /// Runs a package of the module as it is on the calibration data.
  bool record(ModuleOp module, const tool::TemporaryFolder &folder) {
    OwningOpRef<ModuleOp> copy = module.clone(); // attributes are shared: no weight is copied
    auto native = NativeTarget::create("native");
    if (!native)
      return !fail(native.takeError());
    if (!writePackage(*copy, *native, folder.package()))
      return false;
    progress.phase("calibrate");
    auto done = tool::recordRun(folder.package(), options.calibrate, folder.statistics(),
                                [&](int64_t batch, int64_t batches) {
                                  progress.detail("batch " + std::to_string(batch + 1) + " of " +
                                                  std::to_string(batches));
                                });
    if (!done)
      report.error(done.error());
    return done.has_value();
  }

  bool lower(ModuleOp module, const NativeTarget &target) {
    progress.phase("kernels");
    CodeGenOptions codegen;
    codegen.vectorBits = target.vectorBits;
    return runPasses(module, [&](OpPassManager &pm) {
      buildDigitalPipeline(pm);
      buildKernelPipeline(pm, codegen);
    });
  }

  bool writePackage(ModuleOp module, const NativeTarget &target, const std::string &path) {
    PackageOptions package;
    package.output = path;
    package.dims = {options.dims.begin(), options.dims.end()};
    PackageWriter writer(package);
    llvm::Error error = writer.collect(module);
    if (!error && !lower(module, target))
      return false;
    if (!error)
      error = writer.write(module, target, [&](llvm::StringRef phase) { progress.phase(phase); });
    if (error)
      fail(std::move(error));
    return !report.seenError();
  }

  bool runPasses(ModuleOp module, llvm::function_ref<void(OpPassManager &)> build) {
    PassManager pm(&context);
    build(pm);
    return succeeded(pm.run(module));
  }

  int fail(llvm::Error error) {
    report.error(llvm::toString(std::move(error)));
    return tool::kBadInput;
  }

  /// A failure without a diagnostic is ours, not the user's.
  int failed() {
    if (report.seenError())
      return tool::kBadInput;
    report.error("a pass failed without saying why; please report this with the model");
    return tool::kInternal;
  }

  void enableRemarks() {
    remark::RemarkCategories categories;
    categories.passed = categories.missed = categories.analysis = categories.failed = "aimc";
    // As diagnostics: they come through the reporter like everything else.
    (void)remark::enableOptimizationRemarks(context, nullptr,
                                            std::make_unique<remark::RemarkEmittingPolicyAll>(),
                                            categories, /*printAsEmitRemarks=*/true);
  }

  const Options &options;
  MLIRContext context;
  Progress progress;
  Reporter report;
};

} // namespace

int tool::run(const Options &options) {
  ::aimc::run::prepareSignals();
  return Compilation(options).run();
}
