//===- TileModel.cpp - attributes as the physics takes them ---------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A device table is read by the runtime's own reader (docs/Devices.md).
//
//===----------------------------------------------------------------------===//
#include "aimc/Analysis/TileModel.h"

#include "aimc/Analysis/ConstantView.h"
#include "aimc/exec/DeviceTable.h"

#include <cmath>

using namespace mlir;
using namespace mlir::aimc;
namespace model = ::aimc::model;
namespace json = llvm::json;

FailureOr<BlockData> mlir::aimc::blockData(WeightOp weight, TileOp tile) {
  auto elements = dyn_cast_if_present<ElementsAttr>(weight.getValue().value_or(Attribute()));
  bool isSplat = false;
  FailureOr<ArrayRef<float>> values = failure();
  if (elements)
    values = elementsOf(elements, isSplat);
  if (failed(values))
    return failure();
  BlockData block;
  block.view.rows = tile.numRows();
  block.view.cols = tile.numCols();
  if (isSplat) {
    block.copy.assign(block.view.cols, values->front());
    block.view.data = block.copy.data();
    block.view.rowStride = 0;
    return block;
  }
  bool transposed = weight.getTransposed();
  block.view.rowStride = transposed ? 1 : weight.numCols();
  block.view.colStride = transposed ? weight.numRows() : 1;
  block.view.data = values->data() + tile.firstRow() * block.view.rowStride +
                    tile.firstCol() * block.view.colStride;
  return block;
}

LogicalResult mlir::aimc::checkFinite(TileOp op, const BlockData &data) {
  const model::WeightView &w = data.view;
  for (int64_t i = 0; i < w.rows; ++i)
    for (int64_t j = 0; j < w.cols; ++j)
      if (float value = w.data[i * w.rowStride + j * w.colStride]; !std::isfinite(value))
        return op.emitOpError() << "expected finite weights, but got " << value << " in row "
                                << op.firstRow() + i << ", column " << op.firstCol() + j << " of @"
                                << op.getWeight();
  return success();
}

std::vector<double> mlir::aimc::significanceOf(GeometryAttr geometry) {
  if (geometry.getSignificance().empty())
    return std::vector<double>(geometry.getPairs(), 1.0);
  return {geometry.getSignificance().begin(), geometry.getSignificance().end()};
}

//===----------------------------------------------------------------------===//
// Device
//===----------------------------------------------------------------------===//

json::Value mlir::aimc::jsonOf(Attribute attr) {
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

tl::expected<model::DeviceModel, std::string> mlir::aimc::deviceOf(DeviceAttr attr,
                                                                   const std::string &file) {
  model::DeviceModel device;
  device.kind =
      model::deviceKind(stringifyDeviceKind(attr.getKind())).value_or(model::DeviceKind::Ideal);
  device.range = {attr.getGMinUs(), attr.getGMaxUs()};
  device.programmingScale = attr.getProgrammingNoiseScale();
  device.acceptancePercent = attr.getAcceptancePercent();
  if (device.kind != model::DeviceKind::Table)
    return device;
  if (!attr.getTable())
    return tl::unexpected(file + ": expected the table, but only its file's name is there");
  std::string text;
  llvm::raw_string_ostream(text) << jsonOf(attr.getTable());
  auto table = ::aimc::exec::parseDeviceTable(text, file);
  if (!table)
    return tl::unexpected(table.error().message);
  device.table = std::move(*table);
  if (auto wrong = model::checkRange(device))
    return tl::unexpected(
        file + ": " +
        (device.range.gMinUS < model::characterisedRange(device).gMinUS ? "g_min_us" : "g_max_us") +
        ": " + *wrong);
  return device;
}

model::RelativeNoise mlir::aimc::programmingNoise(GeometryAttr geometry, DeviceAttr attr) {
  auto found = deviceOf(attr, "device table");
  if (!found) // what a table lacks is said where it enters a target
    return {};
  return model::programmingNoise(*found, significanceOf(geometry));
}

//===----------------------------------------------------------------------===//
// Circuit
//===----------------------------------------------------------------------===//

model::CompensationTile mlir::aimc::circuitOf(TargetOp target) {
  GeometryAttr geometry = target.getGeometry();
  WireAttr wire = target.getWire();
  DacAttr dac = target.getDac();
  model::CompensationTile tile;
  tile.rows = geometry.getRows();
  tile.cols = geometry.getCols();
  tile.range = {target.getDevice().getGMinUs(), target.getDevice().getGMaxUs()};
  tile.wires.columnOhm = wire.getColumnOhm();
  tile.wires.rowOhm = wire.getRowOhm();
  tile.wires.driverOhm = wire.getDriverOhm();
  tile.wires.adcOhm = wire.getAdcOhm();
  tile.readout = geometry.getReadout() == Readout::Alternating ? model::Readout::Alternating
                                                               : model::Readout::Single;
  tile.idle = wire.getIdle() == Idle::Open ? model::Idle::Open : model::Idle::Midrail;
  int bits = static_cast<int>(dac.getBits());
  switch (dac.getMode()) {
  case DacMode::OnePass:
    tile.passes = model::onePass(bits);
    break;
  case DacMode::Split:
    tile.passes = model::splitPasses(bits, static_cast<int>(dac.getLsbBits()));
    break;
  case DacMode::BitSerial:
    tile.passes = model::bitSerialPasses(bits);
    break;
  }
  return tile;
}
