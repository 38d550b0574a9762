//===- Mapping.cpp - a tiled module as JSON --------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "aimc/Description/Mapping.h"

#include "aimc/Analysis/ConstantView.h"
#include "aimc/Analysis/TileModel.h"
#include "aimc/model/Limits.h"

#include <cmath>

using namespace mlir;
using namespace mlir::aimc;
namespace json = llvm::json;

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

llvm::Expected<Mapping> mlir::aimc::describeMapping(ModuleOp tiled, bool withValues) {
  Mapping mapping;
  llvm::DenseMap<StringAttr, json::Array> blocks;
  for (auto target : tiled.getOps<TargetOp>()) {
    if (target.getDevice().getFile())
      return problem("target '" + target.getSymName() +
                     "' names a device file that has not been read; run aimc-set-target");
    mapping.targets[target.getSymName()] = llvm::cantFail(json::parse(targetText(target)));
  }
  constexpr int64_t most = ::aimc::model::limits::kTargets.high;
  if (static_cast<int64_t>(mapping.targets.size()) > most)
    return problem("expected at most " + llvm::Twine(most) + " targets, but got " +
                   llvm::Twine(mapping.targets.size()));
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
                                      tile.getSymName() + ".scales", mapping.tensors))
      return error;
    if (FloatAttr lsb = tile.getAdcLsbFcAttr())
      block["lsb_fc"] = lsb.getValueAsDouble();
    if (std::optional<Compensate> mode = tile.getCompensate(); mode && *mode != Compensate::None)
      block["compensate"] = spell(*mode);
    blocks[tile.getWeightAttr().getAttr()].push_back(std::move(block));
  }
  for (auto weight : tiled.getOps<WeightOp>()) {
    StringAttr name = weight.getSymNameAttr();
    mapping.weightIndex[name] = static_cast<int64_t>(mapping.weights.size());
    json::Object object{{"name", weight.getSymName()},
                        {"rows", weight.numRows()},
                        {"cols", weight.numCols()},
                        {"transposed", weight.getTransposed()},
                        {"blocks", std::move(blocks[name])}};
    if (withValues) {
      auto value = dyn_cast_or_null<ElementsAttr>(weight.getValueAttr());
      if (!value)
        return problem("weight '" + weight.getSymName() + "' has no data in the module");
      if (llvm::Error error = ::checkFinite(weight, value))
        return error;
      object["tensor"] = mapping.tensors.add(name, value);
    }
    if (llvm::Error error = addTensor(object, "activity", weight.getActivity(),
                                      weight.getSymName() + ".activity", mapping.tensors))
      return error;
    mapping.weights.push_back(std::move(object));
  }
  return mapping;
}

llvm::StringRef mlir::aimc::layerOf(Location location) {
  if (auto name = dyn_cast<NameLoc>(location))
    return name.getName();
  if (auto fused = dyn_cast<FusedLoc>(location))
    for (Location part : fused.getLocations())
      if (StringRef name = layerOf(part); !name.empty())
        return name;
  if (auto call = dyn_cast<CallSiteLoc>(location))
    return layerOf(call.getCallee());
  return "";
}
