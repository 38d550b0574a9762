//===- Manifest.cpp - manifest.json ---------------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The manifest is the only description that the runtime reads (docs/Contracts.md section 4): it
// knows no MLIR.
//
//===----------------------------------------------------------------------===//

#include "Contents.h"
#include "aimc/CodeGen/Passes.h"
#include "aimc/Config.h"
#include "aimc/IR/AIMC.h"
#include "aimc/exec/abi.h"

using namespace mlir;
using namespace mlir::aimc;
namespace json = llvm::json;

static json::Object describe(TargetOp target) {
  auto geometry = target.getGeometry();
  auto device = target.getDevice();
  auto wire = target.getWire();
  auto dac = target.getDac();
  auto adc = target.getAdc();
  return json::Object{
      {"geometry", json::Object{{"rows", geometry.getRows()},
                                {"cols", geometry.getCols()},
                                {"pairs", geometry.getPairs()},
                                {"readout", stringifyEnum(geometry.getReadout())}}},
      {"device",
       json::Object{{"kind", stringifyEnum(device.getKind())},
                    {"g_min_us", double(device.getGMinUs())},
                    {"g_max_us", double(device.getGMaxUs())},
                    {"programming_noise_scale", double(device.getProgrammingNoiseScale())},
                    {"read_noise_scale", double(device.getReadNoiseScale())}}},
      {"wire", json::Object{{"column_ohm", double(wire.getColumnOhm())},
                            {"row_ohm", double(wire.getRowOhm())},
                            {"idle", stringifyEnum(wire.getIdle())}}},
      {"dac", json::Object{{"bits", dac.getBits()},
                           {"mode", stringifyEnum(dac.getMode())},
                           {"v_read_v", double(dac.getVReadV())},
                           {"tick_ns", double(dac.getTickNs())}}},
      {"adc", json::Object{{"kind", stringifyEnum(adc.getKind())},
                           {"bits", adc.getBits()},
                           {"lsb_fc", double(adc.getLsbFc())}}}};
}

/// The dialect describes more hardware than the runtime can read; say so when compiling, not later.
static llvm::Error checkExecutable(TargetOp target) {
  auto refuse = [&](const llvm::Twine &expected, const llvm::Twine &got) {
    return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                   "target '" + target.getSymName() +
                                       "' cannot be executed: expected " + expected + ", but got " +
                                       got);
  };
  if (target.getGeometry().getPairs() != 1)
    return refuse("pairs = 1", llvm::Twine(target.getGeometry().getPairs()));
  if (target.getWire().getIdle() != Idle::Midrail)
    return refuse("idle = midrail", stringifyEnum(target.getWire().getIdle()));
  if (double(target.getWire().getRowOhm()) != 0.0)
    return refuse("row_ohm = 0.0", formatReal(target.getWire().getRowOhm()));
  if (target.getDac().getMode() != DacMode::OnePass)
    return refuse("mode = one_pass", stringifyEnum(target.getDac().getMode()));
  return llvm::Error::success();
}

llvm::Error mlir::aimc::describeMapping(ModuleOp tiled, PackageContents &contents) {
  llvm::DenseMap<StringAttr, json::Array> blocks;
  for (auto target : tiled.getOps<TargetOp>()) {
    if (llvm::Error error = checkExecutable(target))
      return error;
    contents.targets[target.getSymName()] = describe(target);
  }
  for (auto tile : tiled.getOps<TileOp>()) {
    auto place = tile.getPlaceAttr();
    if (!place)
      return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                     "tile '" + tile.getSymName() +
                                         "' has no place; run aimc-place before packaging");
    blocks[tile.getWeightAttr().getAttr()].push_back(json::Object{{"name", tile.getSymName()},
                                                                  {"target", tile.getTarget()},
                                                                  {"row", tile.firstRow()},
                                                                  {"rows", tile.numRows()},
                                                                  {"col", tile.firstCol()},
                                                                  {"cols", tile.numCols()},
                                                                  {"chip", place.getChip()},
                                                                  {"tile", place.getTile()},
                                                                  {"at_row", place.getRow()},
                                                                  {"at_col", place.getCol()}});
  }
  for (auto weight : tiled.getOps<WeightOp>()) {
    auto value = dyn_cast_or_null<ElementsAttr>(weight.getValueAttr());
    if (!value)
      return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                     "weight '" + weight.getSymName() +
                                         "' has no data in the module");
    StringAttr name = weight.getSymNameAttr();
    contents.weightIndex[name] = static_cast<int64_t>(contents.weights.size());
    contents.weights.push_back(json::Object{{"name", weight.getSymName()},
                                            {"tensor", contents.tensors.add(name, value)},
                                            {"rows", weight.numRows()},
                                            {"cols", weight.numCols()},
                                            {"transposed", weight.getTransposed()},
                                            {"blocks", std::move(blocks[name])}});
  }
  return llvm::Error::success();
}

static json::Array tensors(ArrayAttr list) {
  json::Array out;
  for (auto entry : list.getAsRange<DictionaryAttr>()) {
    json::Array shape;
    for (auto extent : entry.getAs<ArrayAttr>("shape").getAsRange<IntegerAttr>())
      shape.push_back(extent.getInt());
    out.push_back(json::Object{{"name", entry.getAs<StringAttr>("name").getValue()},
                               {"dtype", entry.getAs<StringAttr>("dtype").getValue()},
                               {"shape", std::move(shape)}});
  }
  return out;
}

llvm::Expected<std::string>
mlir::aimc::manifestText(ModuleOp lowered, PackageContents &contents, const PackageOptions &options,
                         const NativeTarget &target,
                         const llvm::MapVector<llvm::StringRef, FileDigest> &files) {
  json::Array entries, grids, constants;
  json::Object dims, digests;
  for (const auto &[name, size] : options.dims)
    dims[name] = size;
  auto list = [&](llvm::StringRef name) {
    auto array = lowered->getAttrOfType<ArrayAttr>(name);
    return array ? array : ArrayAttr::get(lowered.getContext(), {});
  };
  for (auto entry : list(kEntriesAttr).getAsRange<DictionaryAttr>())
    entries.push_back(
        json::Object{{"symbol", entry.getAs<StringAttr>("symbol").getValue()},
                     {"dims", json::Object(dims)},
                     {"arena_bytes", entry.getAs<IntegerAttr>("arena_bytes").getInt()},
                     {"inputs", tensors(entry.getAs<ArrayAttr>("inputs"))},
                     {"outputs", tensors(entry.getAs<ArrayAttr>("outputs"))}});
  for (auto grid : list(kGridsAttr).getAsRange<DictionaryAttr>()) {
    json::Array weights;
    for (auto weight : grid.getAs<ArrayAttr>("weights").getAsRange<FlatSymbolRefAttr>())
      weights.push_back(contents.weightIndex.lookup(weight.getAttr()));
    auto range = grid.getAs<FloatAttr>("input_range");
    grids.push_back(json::Object{
        {"layer", grid.getAs<StringAttr>("layer").getValue()},
        {"weights", std::move(weights)},
        {"input_range", range ? json::Value(range.getValueAsDouble()) : json::Value(nullptr)}});
  }
  for (auto constant : list(kConstantsAttr).getAsRange<DictionaryAttr>())
    constants.push_back(contents.tensors.add(constant.getAs<StringAttr>("name").getValue(),
                                             constant.getAs<ElementsAttr>("value")));
  for (const auto &[name, digest] : files)
    digests[name] =
        json::Object{{"sha256", digest.sha256}, {"bytes", static_cast<int64_t>(digest.bytes)}};
  json::Object manifest{{"format", "aimc-package"},
                        {"version", 1},
                        {"producer", AIMC_PRODUCER},
                        {"abi_version", static_cast<int64_t>(AIMC_ABI_VERSION)},
                        {"isa", json::Object{{"triple", target.triple},
                                             {"cpu", target.tune},
                                             {"features", json::Array(target.required)}}},
                        {"files", std::move(digests)},
                        {"targets", json::Object(contents.targets)},
                        {"weights", json::Array(contents.weights)},
                        {"grids", std::move(grids)},
                        {"constants", std::move(constants)},
                        {"entries", std::move(entries)}};
  std::string text;
  llvm::raw_string_ostream os(text);
  os << llvm::formatv("{0:2}\n", json::Value(std::move(manifest)));
  return text;
}
