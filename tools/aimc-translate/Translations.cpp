//===- Translations.cpp - the translations and their flags ----------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Translations.h"

#include "Duration.h"
#include "aimc/InitAll.h"

#include "mlir/Bytecode/BytecodeWriter.h"

using namespace llvm;

namespace aimc::translate {

ImportFlags::ImportFlags(cl::OptionCategory &category)
    : model("import-onnx", cl::desc("read this ONNX model"), cl::value_desc("file"),
            cl::cat(category)),
      dims("dim", cl::desc("size of a symbolic dimension (repeatable)"),
           cl::value_desc("name=size"), cl::cat(category)),
      elide("elide", cl::desc("print large constants as their name only"), cl::cat(category)),
      bytecode("emit-bytecode", cl::desc("write MLIR bytecode"), cl::cat(category)),
      locations("mlir-print-debuginfo", cl::desc("print layer and node names"), cl::cat(category)) {
}

std::string ImportFlags::mistake() {
  for (StringRef dim : dims) {
    auto [name, size] = dim.split('=');
    int64_t number = 0;
    if (name.empty() || size.getAsInteger(10, number) || number < 0)
      return ("expected --dim name=size, but got '" + dim + "'").str();
    options.dims[name.str()] = number;
  }
  return {};
}

mlir::LogicalResult ImportFlags::run(mlir::MLIRContext *context, raw_ostream &out) {
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::aimc::importOnnx(context, model, options);
  if (!module)
    return mlir::failure();
  if (bytecode)
    return mlir::writeBytecodeToFile(*module, out);
  mlir::OpPrintingFlags flags;
  if (locations)
    flags.enableDebugInfo();
  if (elide)
    flags.elideLargeElementsAttrs().elideLargeResourceString(0);
  module->print(out, flags);
  return mlir::success();
}

SpiceFlags::SpiceFlags(cl::OptionCategory &category)
    : file("export-spice", cl::desc("write a read of a tile of this mapped module for ngspice"),
           cl::value_desc("file.mlir"), cl::cat(category)),
      block("tile", cl::desc("block to read, an aimc.tile op"), cl::value_desc("@name"),
            cl::cat(category)),
      input("input", cl::desc("what goes into the DAC: numbers, x.npy or x.npz:name"),
            cl::value_desc("vector"), cl::cat(category)),
      time("time", cl::desc("time since programming: 90s, 12h, 30d"), cl::value_desc("time"),
           cl::cat(category)),
      vector("vector", cl::desc("row of the file to take"), cl::init(0), cl::cat(category)),
      pass("pass", cl::desc("pass of the DAC, least significant first"), cl::init(0),
           cl::cat(category)),
      pair("pair", cl::desc("which pair of several"), cl::init(0), cl::cat(category)),
      seed("seed", cl::desc("chip instance"), cl::init(0), cl::cat(category)),
      ticks("ticks", cl::desc("the input is signed pulse lengths, not numbers for the DAC"),
            cl::cat(category)),
      noNoise("no-noise", cl::desc("devices at their targets, wires all alike"),
              cl::cat(category)) {}

std::string SpiceFlags::mistake() {
  options.file = file;
  options.block = block;
  options.input = input;
  options.vector = vector;
  options.ticks = ticks;
  options.pass = pass;
  options.pair = pair;
  options.seed = seed;
  options.noise = !noNoise;
  if (block.empty() || input.empty())
    return "expected --tile=@name and --input=<vector> with --export-spice, but got no " +
           std::string(block.empty() ? "--tile" : "--input");
  if (!time.empty()) {
    double seconds = 0;
    if (std::string wrong = run::readDuration(time, seconds); !wrong.empty())
      return "--time: " + wrong;
    options.timeS = seconds;
  }
  return {};
}

mlir::LogicalResult SpiceFlags::run(mlir::MLIRContext *context, raw_ostream &out) {
  mlir::DialectRegistry registry;
  mlir::aimc::registerAllDialects(registry);
  context->appendDialectRegistry(registry);
  return exportSpice(context, options, out);
}

} // namespace aimc::translate
