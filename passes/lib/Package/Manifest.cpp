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
#include "aimc/Analysis/ConstantView.h"
#include "aimc/CodeGen/Passes.h"
#include "aimc/Config.h"
#include "aimc/IR/AIMC.h"
#include "aimc/exec/abi.h"

#include <cmath>

using namespace mlir;
using namespace mlir::aimc;
namespace json = llvm::json;

/// The JSON that a device table was read from, value by value.
static json::Value jsonOf(Attribute attr) {
  if (auto boolean = dyn_cast<BoolAttr>(attr))
    return boolean.getValue();
  if (auto number = dyn_cast<FloatAttr>(attr))
    return number.getValueAsDouble();
  if (auto number = dyn_cast<IntegerAttr>(attr))
    return number.getValue().getSExtValue();
  if (auto string = dyn_cast<StringAttr>(attr))
    return string.getValue();
  if (auto array = dyn_cast<ArrayAttr>(attr)) {
    json::Array elements;
    for (Attribute element : array)
      elements.push_back(jsonOf(element));
    return elements;
  }
  json::Object members;
  if (auto object = dyn_cast<DictionaryAttr>(attr))
    for (NamedAttribute member : object)
      members[member.getName().getValue()] = jsonOf(member.getValue());
  return members;
}

/// Neutral values are left out, so that a package says what is special about its target.
static void addUnless(json::Object &object, StringRef key, double value, double neutral) {
  if (value != neutral)
    object[key] = value;
}

static json::Object describe(GeometryAttr geometry) {
  json::Object object{{"rows", geometry.getRows()},
                      {"cols", geometry.getCols()},
                      {"pairs", geometry.getPairs()},
                      {"readout", stringifyEnum(geometry.getReadout())}};
  if (!geometry.hasEqualPairs()) {
    json::Array factors;
    for (double factor : geometry.getSignificance())
      factors.push_back(factor);
    object["significance"] = std::move(factors);
  }
  return object;
}

static json::Object describe(DeviceAttr device) {
  json::Object object{{"kind", stringifyEnum(device.getKind())},
                      {"g_min_us", double(device.getGMinUs())},
                      {"g_max_us", double(device.getGMaxUs())}};
  addUnless(object, "programming_noise_scale", device.getProgrammingNoiseScale(), 1.0);
  addUnless(object, "read_noise_scale", device.getReadNoiseScale(), 1.0);
  addUnless(object, "drift_scale", device.getDriftScale(), 1.0);
  addUnless(object, "stuck_off", device.getStuckOff(), 0.0);
  addUnless(object, "stuck_on", device.getStuckOn(), 0.0);
  addUnless(object, "chip_spread", device.getChipSpread(), 0.0);
  addUnless(object, "tile_spread", device.getTileSpread(), 0.0);
  addUnless(object, "column_spread", device.getColumnSpread(), 0.0);
  addUnless(object, "device_spread", device.getDeviceSpread(), 0.0);
  addUnless(object, "acceptance_percent", device.getAcceptancePercent(), 2.0);
  if (DictionaryAttr table = device.getTable())
    object["table"] = jsonOf(table);
  return object;
}

static json::Object describe(WireAttr wire) {
  json::Object object{{"column_ohm", double(wire.getColumnOhm())},
                      {"row_ohm", double(wire.getRowOhm())},
                      {"idle", stringifyEnum(wire.getIdle())}};
  addUnless(object, "driver_ohm", wire.getDriverOhm(), 0.0);
  addUnless(object, "adc_ohm", wire.getAdcOhm(), 0.0);
  addUnless(object, "spread", wire.getSpread(), 0.0);
  if (wire.getFidelity() != Fidelity::OneProduct)
    object["fidelity"] = stringifyEnum(wire.getFidelity());
  return object;
}

static json::Object describe(DacAttr dac) {
  json::Object object{{"bits", dac.getBits()},
                      {"mode", stringifyEnum(dac.getMode())},
                      {"v_read_v", double(dac.getVReadV())},
                      {"tick_ns", double(dac.getTickNs())}};
  if (dac.getMode() == DacMode::Split)
    object["lsb_bits"] = dac.getLsbBits();
  return object;
}

static json::Object describe(AdcAttr adc) {
  json::Object object{{"kind", stringifyEnum(adc.getKind())},
                      {"bits", adc.getBits()},
                      {"lsb_fc", double(adc.getLsbFc())}};
  addUnless(object, "gain_spread", adc.getGainSpread(), 0.0);
  addUnless(object, "offset_spread_lsb", adc.getOffsetSpreadLsb(), 0.0);
  if (!adc.getCalibrated())
    object["calibrated"] = false;
  addUnless(object, "v_off_v", adc.getVOffV(), 0.0);
  return object;
}

std::string mlir::aimc::targetText(TargetOp target) {
  std::string text;
  llvm::raw_string_ostream(text) << json::Value(
      json::Object{{"geometry", describe(target.getGeometry())},
                   {"device", describe(target.getDevice())},
                   {"wire", describe(target.getWire())},
                   {"dac", describe(target.getDac())},
                   {"adc", describe(target.getAdc())}});
  return text;
}

static llvm::Error problem(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

/// Adds the tensor that `value` holds, unless there is none, and names it under `key`.
static llvm::Error addTensor(json::Object &object, StringRef key, std::optional<Attribute> value,
                             const llvm::Twine &name, TensorTable &tensors) {
  if (!value)
    return llvm::Error::success();
  auto elements = dyn_cast<ElementsAttr>(*value);
  if (!elements)
    return problem("tensor '" + name + "' has no data in the module");
  object[key] = tensors.add(name.str(), elements);
  return llvm::Error::success();
}

/// A weight with nan or inf cannot be programmed; say which element, and say it before packaging.
static llvm::Error checkFinite(WeightOp weight, ElementsAttr value) {
  bool isSplat = false;
  auto data = elementsOf(value, isSplat);
  if (failed(data))
    return llvm::Error::success(); // what holds no data is refused where it is written
  const auto bad = llvm::find_if(*data, [](float w) { return !std::isfinite(w); });
  if (bad == data->end())
    return llvm::Error::success();
  const int64_t at = bad - data->begin();
  const int64_t width = weight.getTransposed() ? weight.numRows() : weight.numCols();
  return problem("weight '" + weight.getSymName() + "': expected finite values, but got " +
                 (std::isnan(*bad) ? "nan" : "inf") + " at [" + llvm::Twine(at / width) + ", " +
                 llvm::Twine(at % width) + "]");
}

/// As the runtime spells it.
static StringRef spell(Compensate mode) {
  return mode == Compensate::WeightsPulses ? "weights+pulses" : stringifyEnum(mode);
}

llvm::Error mlir::aimc::describeMapping(ModuleOp tiled, PackageContents &contents) {
  llvm::DenseMap<StringAttr, json::Array> blocks;
  for (auto target : tiled.getOps<TargetOp>()) {
    if (target.getDevice().getFile())
      return problem("target '" + target.getSymName() +
                     "' names a device file that has not been read; run aimc-set-target");
    contents.targets[target.getSymName()] = llvm::cantFail(json::parse(targetText(target)));
  }
  for (auto tile : tiled.getOps<TileOp>()) {
    auto place = tile.getPlaceAttr();
    if (!place)
      return problem("tile '" + tile.getSymName() +
                     "' has no place; run aimc-place before packaging");
    json::Object block{{"name", tile.getSymName()}, {"target", tile.getTarget()},
                       {"row", tile.firstRow()},    {"rows", tile.numRows()},
                       {"col", tile.firstCol()},    {"cols", tile.numCols()},
                       {"chip", place.getChip()},   {"tile", place.getTile()},
                       {"at_row", place.getRow()},  {"at_col", place.getCol()}};
    if (llvm::Error error = addTensor(block, "scales", tile.getColumnScale(),
                                      tile.getSymName() + ".scales", contents.tensors))
      return error;
    if (FloatAttr lsb = tile.getAdcLsbFcAttr())
      block["lsb_fc"] = lsb.getValueAsDouble();
    if (std::optional<Compensate> mode = tile.getCompensate(); mode && *mode != Compensate::None)
      block["compensate"] = spell(*mode);
    blocks[tile.getWeightAttr().getAttr()].push_back(std::move(block));
  }
  for (auto weight : tiled.getOps<WeightOp>()) {
    auto value = dyn_cast_or_null<ElementsAttr>(weight.getValueAttr());
    if (!value)
      return problem("weight '" + weight.getSymName() + "' has no data in the module");
    if (llvm::Error error = checkFinite(weight, value))
      return error;
    StringAttr name = weight.getSymNameAttr();
    contents.weightIndex[name] = static_cast<int64_t>(contents.weights.size());
    json::Object object{{"name", weight.getSymName()},
                        {"tensor", contents.tensors.add(name, value)},
                        {"rows", weight.numRows()},
                        {"cols", weight.numCols()},
                        {"transposed", weight.getTransposed()},
                        {"blocks", std::move(blocks[name])}};
    if (llvm::Error error = addTensor(object, "activity", weight.getActivity(),
                                      weight.getSymName() + ".activity", contents.tensors))
      return error;
    contents.weights.push_back(std::move(object));
  }
  return llvm::Error::success();
}

static constexpr llvm::StringLiteral kOwnHash = "manifest_sha256";
static constexpr size_t kHashDigits = 64;

/// Puts the hash of `text` in the place of the zeros that stand there. Quotes inside a string are
/// escaped, so no text of the user's reads like the field.
static std::string sign(std::string text) {
  size_t field = text.find(("\"" + kOwnHash + "\":").str());
  size_t digits = text.find('"', field + kOwnHash.size() + 3) + 1;
  text.replace(digits, kHashDigits, digestOfBytes(text));
  return text;
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
                        {kOwnHash, std::string(kHashDigits, '0')},
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
  return sign(std::move(text));
}
