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
#include "aimc/files/Seal.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

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
  int64_t number = -1; // as lowering counts grids
  tiled.walk([&](GridOp grid) {
    if (SymbolTable::getNearestSymbolTable(grid) != tiled)
      return;
    FloatAttr range = grid.getInputRangeAttr();
    ++number;
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
          {"grid", number},
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

static llvm::Error toError(const ::aimc::files::Result<void> &done) {
  return done ? llvm::Error::success() : problem(done.error());
}

static llvm::Expected<::aimc::files::FileWriter> writeText(StringRef path, StringRef text) {
  auto file = ::aimc::files::FileWriter::create(path.str());
  if (!file)
    return problem(file.error());
  if (llvm::Error error = toError(file->write(text.data(), text.size())))
    return error;
  return std::move(*file);
}

static llvm::Expected<::aimc::files::SealedWriter> writeTensors(StringRef path,
                                                                const TensorTable &tensors) {
  auto file = ::aimc::files::SealedWriter::create(path.str());
  if (!file)
    return problem(file.error());
  llvm::json::Object metadata{{"format", kFormat},
                              {StringRef(::aimc::files::kSealKey), ::aimc::files::emptySeal()}};
  if (llvm::Error error = tensors.write(
          [&](ArrayRef<char> bytes) { return toError(file->write(bytes.data(), bytes.size())); },
          std::move(metadata)))
    return error;
  return std::move(*file);
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
  const bool hasTensors = !mapping->tensors.empty();
  if (hasTensors)
    spec["tensors"] = llvm::sys::path::filename(tensors);
  auto text = writeText(path, llvm::formatv("{0:2}\n", json::Value(std::move(spec))).str());
  if (!text)
    return text.takeError();
  if (!hasTensors)
    return toError(text->commit());
  if (llvm::Error error = checkReplaceable(tensors))
    return error;
  auto data = writeTensors(tensors, mapping->tensors);
  if (!data)
    return data.takeError();
  auto sealed = data->seal();
  if (!sealed)
    return problem(sealed.error());
  ::aimc::files::FileWriter *const both[] = {*sealed, &*text};
  return toError(::aimc::files::commitTogether(both));
}
