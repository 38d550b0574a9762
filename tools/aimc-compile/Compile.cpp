//===- Compile.cpp - model file to package --------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "Compile.h"
#include "Progress.h"
#include "aimc/CodeGen/Passes.h"
#include "aimc/Import/ImportOnnx.h"
#include "aimc/InitAll.h"
#include "aimc/Package/Package.h"
#include "aimc/Pipelines/Pipelines.h"
#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/ToolOutputFile.h"

#include <csignal>
#include <unistd.h>

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

  bool seenError() const { return seen; }

private:
  void print(Diagnostic &diagnostic) {
    progress.clearLine();
    bool isError = diagnostic.getSeverity() == DiagnosticSeverity::Error;
    if (isError && seen)
      return; // one error per cause: what follows is its consequence
    bool isRemark = diagnostic.getSeverity() == DiagnosticSeverity::Remark;
    llvm::errs() << "aimc-compile: " << (isError ? "error: " : isRemark ? "remark: " : "note: ");
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

void onSignal(int number) {
  PackageWriter::removeUnfinished();
  std::signal(number, SIG_DFL);
  std::raise(number);
}

OwningOpRef<ModuleOp> readModel(MLIRContext &context, const Options &options) {
  llvm::StringRef extension = llvm::sys::path::extension(options.model);
  if (extension == ".mlir" || extension == ".mlirbc")
    return parseSourceFile<ModuleOp>(options.model, &context);
  ::aimc::onnx::LoadOptions load;
  load.dims = options.dims;
  return importOnnx(&context, options.model, load);
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

/// Regular files appear whole or not at all; anything else is written through.
int writeModule(ModuleOp module, const Options &options, Reporter &report) {
  std::string path = outputPath(options);
  bool direct =
      path == "-" || (llvm::sys::fs::exists(path) && !llvm::sys::fs::is_regular_file(path));
  std::string name = direct ? path : path + ".tmp-" + std::to_string(::getpid());
  std::string problem;
  auto file = openOutputFile(name, &problem);
  if (!file) {
    report.error("cannot write '" + path + "'");
    return tool::kBadInput;
  }
  writeTo(file->os(), module, path);
  file->os().flush();
  std::error_code error = file->os().error();
  file->os().clear_error();
  if (!error && !direct) {
    file->os().close();
    error = llvm::sys::fs::rename(name, path);
  }
  if (error) {
    report.error("cannot write '" + path + "': " + error.message());
    return tool::kBadInput;
  }
  file->keep();
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
    if (!runPasses(*module, [&](OpPassManager &pm) { buildMappingPipeline(pm, mapping); }))
      return failed();
    if (options.emit == Emit::Tiled)
      return writeModule(*module, options, report);

    PackageOptions package;
    package.output = outputPath(options);
    package.dims = {options.dims.begin(), options.dims.end()};
    PackageWriter writer(package);
    if (llvm::Error error = writer.collect(*module))
      return fail(std::move(error));

    progress.phase("kernels");
    CodeGenOptions codegen;
    codegen.vectorBits = target->vectorBits;
    if (!runPasses(*module, [&](OpPassManager &pm) {
          buildDigitalPipeline(pm);
          buildKernelPipeline(pm, codegen);
        }))
      return failed();
    if (options.emit == Emit::Llvm)
      return writeModule(*module, options, report);

    for (int signal : {SIGINT, SIGTERM, SIGHUP})
      std::signal(signal, onSignal);
    if (llvm::Error error =
            writer.write(*module, *target, [&](llvm::StringRef phase) { progress.phase(phase); }))
      return fail(std::move(error));
    progress.done();
    return tool::kDone;
  }

private:
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
  // A limit on file sizes is an error of the write, not a signal.
  std::signal(SIGXFSZ, SIG_IGN);
  return Compilation(options).run();
}
