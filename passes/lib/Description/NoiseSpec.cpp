//===- NoiseSpec.cpp - what training reads of a mapped model --------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Targets, blocks and tensors are the manifest's (Mapping.h); a spec adds one entry per call site,
// because training has a module or a node for each and knows its weight by the model file's name.
//
//===----------------------------------------------------------------------===//
#include "aimc/Description/NoiseSpec.h"

#include "aimc/Analysis/ConstantView.h"
#include "aimc/Description/Mapping.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::aimc;
namespace json = llvm::json;

static constexpr llvm::StringLiteral kFormat = "aimc-noise";

/// The locations of a grid's products, one per weight; unknown where they are lost.
static SmallVector<Location> productLocations(GridOp grid) {
  size_t count = grid.getWeights().size();
  if (count == 1)
    return {grid.getLoc()};
  if (auto fused = dyn_cast<FusedLoc>(grid.getLoc()); fused && fused.getLocations().size() == count)
    return SmallVector<Location>(fused.getLocations());
  return SmallVector<Location>(count, UnknownLoc::get(grid.getContext()));
}

/// The layer of a product; where its location says nothing that of its weight's first product, else
/// the weight's name.
static StringRef layerName(Location product, WeightOp weight) {
  if (StringRef name = layerOf(product); !name.empty())
    return name;
  if (StringRef name = layerOf(weight.getLoc()); !name.empty())
    return name;
  return weight.getSymName();
}

static json::Value orNull(const json::Value *value) {
  return value ? json::Value(*value) : json::Value(nullptr);
}

static json::Array describeSites(ModuleOp tiled, const Mapping &mapping) {
  json::Array layers;
  tiled.walk([&](GridOp grid) {
    if (SymbolTable::getNearestSymbolTable(grid) != tiled)
      return;
    FloatAttr range = grid.getInputRangeAttr();
    for (auto [symbol, location] : llvm::zip_equal(
             grid.getWeights().getAsRange<FlatSymbolRefAttr>(), productLocations(grid))) {
      auto weight = SymbolTable::lookupNearestSymbolFrom<WeightOp>(grid, symbol);
      int64_t index = mapping.weightIndex.lookup(symbol.getAttr());
      const json::Object &known = *mapping.weights[index].getAsObject();
      auto initializer = weight->getAttrOfType<StringAttr>(kInitializerAttr);
      layers.push_back(json::Object{
          {"layer", layerName(location, weight)},
          {"weight", *known.get("name")},
          {"initializer", initializer ? json::Value(initializer.getValue()) : json::Value(nullptr)},
          {"transposed", *known.get("transposed")},
          {"rows", *known.get("rows")},
          {"cols", *known.get("cols")},
          {"input_range", range ? json::Value(range.getValueAsDouble()) : json::Value(nullptr)},
          {"activity", orNull(known.get("activity"))},
          {"blocks", *known.get("blocks")}});
    }
  });
  return layers;
}

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

static llvm::Error problem(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

static llvm::Error cannotWrite(StringRef path, std::error_code why) {
  return problem("cannot write '" + path + "': " + why.message());
}

/// A file under a temporary name, renamed when it is whole.
static llvm::Error writeWhole(StringRef path,
                              llvm::function_ref<llvm::Error(llvm::raw_ostream &)> write) {
  auto file = llvm::sys::fs::TempFile::create(path + ".tmp-%%%%%%");
  if (!file)
    return cannotWrite(path, llvm::errorToErrorCode(file.takeError()));
  llvm::Error error = llvm::Error::success();
  {
    llvm::raw_fd_ostream os(file->FD, /*shouldClose=*/false);
    error = write(os);
    os.flush();
    if (!error && os.has_error())
      error = cannotWrite(path, os.error());
    os.clear_error();
  }
  if (error) {
    llvm::consumeError(file->discard());
    return error;
  }
  if (llvm::Error kept = file->keep(path))
    return cannotWrite(path, llvm::errorToErrorCode(std::move(kept)));
  return llvm::Error::success();
}

/// The tensors' path is not the user's choice, so nothing is replaced there but an older spec's.
static llvm::Error checkReplaceable(StringRef path) {
  if (!llvm::sys::fs::exists(path))
    return llvm::Error::success();
  constexpr uint64_t enough = 4096; // the metadata stand first in what is written here
  auto buffer = llvm::MemoryBuffer::getFileSlice(path, enough, 0);
  if (buffer && (*buffer)->getBuffer().contains(("\"format\":\"" + kFormat + "\"").str()))
    return llvm::Error::success();
  return problem("expected '" + path +
                 "', where the tensors of the spec go, to be free or of an older spec, but it is "
                 "another file");
}

llvm::Error mlir::aimc::writeNoiseSpec(ModuleOp tiled, StringRef path) {
  auto mapping = describeMapping(tiled, /*withValues=*/false);
  if (!mapping)
    return mapping.takeError();
  llvm::SmallString<128> tensors(path);
  llvm::sys::path::replace_extension(tensors, ".safetensors");
  if (tensors == path)
    return problem("expected a path for JSON, but got '" + path +
                   "', where the tensors of the spec go");
  json::Object spec{{"format", kFormat},
                    {"version", 1},
                    {"tensors", nullptr},
                    {"layers", describeSites(tiled, *mapping)},
                    {"targets", std::move(mapping->targets)}};
  if (!mapping->tensors.empty()) {
    spec["tensors"] = llvm::sys::path::filename(tensors);
    if (llvm::Error error = checkReplaceable(tensors))
      return error;
    if (llvm::Error error = writeWhole(tensors, [&](llvm::raw_ostream &os) {
          return mapping->tensors.write(
              [&](ArrayRef<char> bytes) {
                os.write(bytes.data(), bytes.size());
                return llvm::Error::success();
              },
              json::Object{{"format", kFormat}});
        }))
      return error;
  }
  return writeWhole(path, [&](llvm::raw_ostream &os) {
    os << llvm::formatv("{0:2}\n", json::Value(std::move(spec)));
    return llvm::Error::success();
  });
}
